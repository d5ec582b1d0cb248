"""Whatever bytes come on a command's topic: one decision each, at once, and nothing raised."""

import json
import random
import re
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.control.decision import Admitted, Answer, Drop
from agent.control.desired import read_desired
from agent.control.messages import ID_PATTERN, ConfigDesired, Result
from agent.control.ops import OPS
from agent.control.refusal import Refusal
from agent.control.signed import sign
from models.signing import PrivateKey
from tests.agent.control.gate import NOW, Gate, Kept, signed

KEY = PrivateKey.generate()
GOOD = {
    "pause": {"stream": "door", "until_s": NOW + 60},
    "snapshot": {"stream": "door", "width": 320},
    "replay": {"epoch": "e-1", "from_seq": 1, "to_seq": 9},
    "ping": {},
}
ROUNDS, EACH = 500, 25

NASTY = [
    "NaN", "-Infinity", "1e999", "-0", "1e-400", "9" * 400, "9" * 5000, "1.5", "true", "null", "[]",
    "{}", '""', '"\\u0000"', '"\\ud800"', '"\\ud83d\\ude00"', '"a/b#+"', "[" * 300, "[" * 60 + "]" * 60,
    '{"v":1,"v":2}', '"' + "x" * 2000 + '"', "0x10", "01", "'a'", "\ufeff", "\u2028", "//",
]  # fmt: skip


def command(op):
    return {"v": 1, "id": "c1", "args": GOOD[op], "ts": NOW, "ttl_s": 60}


@st.composite
def payloads(draw):
    """An op and bytes: arbitrary ones, or a good command with something wrong."""
    op = draw(st.sampled_from([*GOOD, "logs", "show_raw"]))
    kinds = ["bytes", "text", "token", "plain", "plain changed", "signed"]
    kinds += ["signed changed", "signed, one letter another"]
    kind = draw(st.sampled_from(kinds))
    if kind == "bytes":
        return op, draw(st.binary(max_size=200))
    if kind == "text":
        return op, draw(
            st.text(alphabet='{}[]",:0123456789eE+-.vidargs\\u \n', max_size=80)
        ).encode()
    good = op if op in GOOD else "ping"
    if kind == "token":
        text = json.dumps(command(good))
        tokens = [*re.finditer(r'"[^"]*"|[\d.]+|[{}\[\],:]', text)]
        token = draw(st.sampled_from(tokens))
        nasty = draw(st.sampled_from(NASTY))
        return op, (text[: token.start()] + nasty + text[token.end() :]).encode("utf-8")
    whole = json.dumps(command(good)).encode()
    if kind.startswith("signed"):
        whole = signed(command(good), KEY, good)
    chance = random.Random(draw(st.integers(0, 2**32)))  # noqa: S311 not for keys
    if kind.endswith("another"):
        return op, retyped(whole, chance)
    return op, changed(whole, chance) if kind.endswith("changed") else whole


def retyped(whole, chance):
    """Bytes that stay well-formed more often than not: a letter or digit is another one."""
    at = chance.choice([found.start() for found in re.finditer(rb"[a-z0-9]", whole)])
    other = chance.choice("abcdefghijklmnopqrstuvwxyz0123456789").encode()
    return whole[:at] + other + whole[at + 1 :]


def changed(whole, chance):
    """Bytes with a few of them flipped, cut out, doubled, put in or cut off."""
    for _ in range(chance.choice([1, 1, 2, 5])):
        at, to = sorted((chance.randrange(len(whole) + 1), chance.randrange(len(whole) + 1)))
        to = min(to, at + chance.choice([1, 1, 5, 500]))
        middle = whole[at:to]
        middle = chance.choice([
            b"",
            middle * 2,
            bytes([chance.randrange(256)]),
            chance.choice(NASTY).encode(),
            bytes(byte ^ 1 << chance.randrange(8) for byte in middle[:1]) + middle[1:],
        ])  # fmt: skip
        whole = whole[:at] + middle + whole[to:]
    return whole


def check(decided, op, *, with_keys):
    """Exactly one of three, and each is what it promises."""
    if isinstance(decided, Admitted):
        assert isinstance(decided.args, OPS[op].args)
        assert "NaN" not in decided.args_json
        OPS[op].args.model_validate_json(decided.args_json)
        assert re.fullmatch(ID_PATTERN, decided.id)
        if with_keys and OPS[op].role != "viewer":
            assert (decided.id, decided.args) == ("c1", OPS[op].args(**GOOD[op]))
    elif isinstance(decided, Answer):
        assert re.fullmatch(ID_PATTERN, decided.id)
        if not decided.stored:
            result = Result.model_validate_json(decided.result_json)
            assert (result.id, result.state) == (decided.id, "failed")
            assert result.error.code == decided.code
            assert len(decided.result_json) < 5000
    else:
        assert isinstance(decided, Drop)


COUNTED = {"payloads": 0, Admitted: 0, Answer: 0, Drop: 0}


@settings(max_examples=ROUNDS, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def one_round(data):
    gates = {keys: Gate(keys) for keys in ((), (KEY.public,))}
    for op, payload in data.draw(st.lists(payloads(), min_size=EACH, max_size=EACH)):
        for keys, gate in gates.items():
            gate.kept.clear()
            gate.believable = data.draw(st.booleans())
            if data.draw(st.integers(0, 9)) == 0:
                gate.kept["c1"] = Kept("0" * 64, data.draw(st.sampled_from([None, "{}"])))
            retained = data.draw(st.integers(0, 9)) == 0
            expiry_s = data.draw(st.sampled_from([None, 0, 9]))
            decided = gate.receive(op, payload, expiry_s=expiry_s, retained=retained)
            check(decided, op, with_keys=bool(keys))
            COUNTED[type(decided)] += 1
        COUNTED["payloads"] += 1


@pytest.mark.slow
def test_ten_thousand_payloads_get_one_decision_each():
    one_round()
    assert COUNTED["payloads"] >= 10_000
    assert min(COUNTED.values()) >= 100, COUNTED  # else some of the checks hardly ran


@settings(deadline=None, max_examples=300)
@given(st.integers(0, 2**32))
def test_no_bytes_make_a_configuration_but_by_the_rules(seed):
    chance = random.Random(seed)  # noqa: S311 not for keys
    desired = {"v": 1, "device": "gate-7", "rev": 3, "streams": {"door": {"every": 5, "x": [1.5]}}}
    codes = set()
    for keys in ((), (KEY.public,)):
        whole = json.dumps(desired).encode()
        if keys:
            whole = sign(json.dumps(desired), KEY).model_dump_json().encode()
        try:
            read = read_desired(changed(whole, chance), "gate-7", keys)
        except Refusal as refused:
            codes.add(refused.code)
        else:
            assert isinstance(read, ConfigDesired)
            json.dumps(read.model_dump(), allow_nan=False)
    assert codes <= {"unauthorised", "invalid_schema"}


LARGE = {
    "10^5 arrays": b"[" * 10**5,
    "10^5 objects": b'{"a":' * 10**5,
    "1 MB of arrays": b"[" * 2**20,
    "1 MB of text": b'{"id":"a","x":"' + b"x" * 2**20 + b'"}',
    "64 KiB of keys": b'{"v":1,"id":"a"' + b"".join(b',"k%d":1' % n for n in range(5000)) + b"}",
    "64 KiB of one key": b'{"v":1,"id":"a"' + b',"id":"a"' * 7000 + b"}",
    "64 KiB of escapes": b'{"v":1,"id":"a","args":{"stream":"' + b"\\u0061" * 10_000 + b'"}}',
    "60,000 digits": b'{"v":1,"id":"a","ts":' + b"9" * 60_000 + b"}",
    "4,000 digits": b'{"v":1,"id":"a","args":{"from_seq":' + b"9" * 4000 + b"}}",
    "250 KiB of numbers": b'{"v":1,"id":"a","args":{"x":[' + b"1," * 125_000 + b"1]}}",
    "signed 250 KiB": b'{"body":"' + b"[" * 250_000 + b'","sig":"x"}',
    "arrays in a body": b'{"body":"' + b"[" * 60_000 + b'","sig":"x"}',
}


@pytest.mark.parametrize("payload", LARGE.values(), ids=LARGE)
def test_no_payload_takes_long(payload):
    """Four decisions; the slowest took 0.03 s."""
    for keys in ((), (KEY.public,)):
        gate = Gate(keys)
        began = time.thread_time()
        decided = [gate.receive(op, payload) for op in ("pause", "replay")]
        assert time.thread_time() - began < 1.0
        for op, one in zip(("pause", "replay"), decided, strict=True):
            check(one, op, with_keys=bool(keys))
