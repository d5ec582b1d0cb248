"""Hostile: payloads as nobody should send them, drawn by hypothesis or written down."""

import json
import random
import re

from hypothesis import strategies as st

from models.signing import PrivateKey
from tests.agent.control.gate import NOW, signed

KEY = PrivateKey.generate()
GOOD = {
    "pause": {"stream": "door", "until_s": NOW + 60},
    "snapshot": {"stream": "door", "width": 320},
    "replay": {"epoch": "e-1", "from_seq": 1, "to_seq": 9},
    "ping": {},
}

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
