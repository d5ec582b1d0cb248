"""Configurations that are wanted from afar, and who may want them."""

import json

import pytest

from agent.control.desired import (
    MAX_DESIRED_BYTES,
    MAX_MODEL_BYTES,
    read_desired,
    read_model,
)
from agent.control.refusal import Refusal
from agent.control.signed import sign
from models.signing import PrivateKey
from tests.agent.control.gate import DEVICE

KEY = PrivateKey.generate()
DESIRED = {"v": 1, "rev": 3, "streams": {"door": {"every": 5}}}


def plain(**changed):
    return json.dumps({**DESIRED, **changed}).encode()


def signed(key=KEY, **changed):
    return sign(json.dumps({**DESIRED, **changed}), key).model_dump_json().encode()


def refusal_of(payload, keys=()):
    with pytest.raises(Refusal) as refused:
        read_desired(payload, DEVICE, keys)
    return refused.value


def test_without_operators_a_configuration_is_read_as_it_is():
    desired = read_desired(plain(), DEVICE, [])
    assert (desired.rev, desired.streams, desired.telemetry) == (3, {"door": {"every": 5}}, None)
    assert read_desired(plain(device=DEVICE), DEVICE, []).device == DEVICE


def test_with_operators_it_is_signed_and_names_the_device():
    assert read_desired(signed(device=DEVICE), DEVICE, [KEY.public]).rev == 3
    for payload, why in (
        (plain(device=DEVICE), "has to be signed"),
        (signed(), "say which device"),
        (signed(device="gate-8"), "for the device gate-8"),
        (signed(PrivateKey.generate(), device=DEVICE), "none of control.operators"),
        (signed(device=DEVICE).replace(b"door", b"yard"), "does not fit"),
    ):
        refused = refusal_of(payload, [KEY.public])
        assert refused.code == "unauthorised"
        assert why in refused.message


def test_what_another_device_is_to_be_is_refused_without_operators_too():
    assert refusal_of(plain(device="gate-8")).code == "unauthorised"
    assert refusal_of(signed(device=DEVICE)).code == "unauthorised"


@pytest.mark.parametrize(
    "changed",
    [
        {"rev": 0},
        {"rev": "3"},
        {"rev": 2**53 + 1},
        {"v": 2},
        {"mqtt": {"host": "elsewhere"}},
        {"model": {}},
        {"streams": []},
        {"streams": {"door": {"conf": float("nan")}}},
        {"telemetry": {"interval_s": float("inf")}},
    ],
)
def test_what_is_not_as_described_is_refused(changed):
    assert refusal_of(plain(**changed)).code == "invalid_schema"
    assert refusal_of(signed(device=DEVICE, **changed), [KEY.public]).code == "invalid_schema"


def test_one_that_is_too_large_is_not_even_read():
    payload = plain().ljust(MAX_DESIRED_BYTES)
    assert read_desired(payload, DEVICE, []).rev == 3
    assert refusal_of(payload + b" ").code == "too_large"
    assert refusal_of(b"[" * 2**20).code == "too_large"


MODEL = {"v": 1, "rev": 3, "name": "person", "version": 4, "digest": "ab" * 32}


@pytest.mark.parametrize("group", [None, "north"])
def test_a_model_is_read_or_refused_whatever_bytes_come(group):
    """Each letter taken out, doubled and changed: none brings another error, or another digest."""
    more = {"percent": 100, "salt": "s"} if group else {}
    whole = json.dumps({**MODEL, **more}).encode()
    assert read_model(whole, DEVICE, group).digest == MODEL["digest"]
    assert read_model(b"", DEVICE, group) is None
    read = 0
    for at in range(len(whole)):
        for middle in (b"", whole[at : at + 1] * 2, b'"', b"9", b"\xff"):
            try:
                desired = read_model(whole[:at] + middle + whole[at + 1 :], DEVICE, group)
            except Refusal as refusal:
                assert refusal.code in ("invalid_schema", "unauthorised")  # noqa: PT017 the others go on
            else:
                read += desired is not None
    assert read > 20  # a name or a number has changed


def test_a_model_that_is_too_large_is_not_looked_at():
    with pytest.raises(Refusal) as refused:
        read_model(json.dumps(MODEL).encode().ljust(MAX_MODEL_BYTES + 1), DEVICE, None)
    assert refused.value.code == "too_large"
