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
from tests.agent.control.gate import Gate, Kept
from tests.agent.control.hostile import GOOD, KEY, LARGE, changed, payloads

ROUNDS, EACH = 500, 25


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
