"""What becomes of commands, rule by rule."""

import json

import pytest

from agent.control.admission import MAX_COMMAND_BYTES
from agent.control.decision import Admitted, Answer, Drop
from agent.control.messages import MAX_AHEAD_S, MAX_TTL_S
from agent.control.ops import OPS, PauseArgs
from models.signing import PrivateKey
from tests.agent.control.gate import DEVICE, NOW, Gate, error_of, signed

KEY = PrivateKey.generate()
COMMAND = {"v": 1, "id": "c1", "args": {"stream": "door"}}


def test_a_command_is_admitted_with_its_arguments_and_its_deadline():
    decided = Gate().send("pause", {"stream": "door"}, ttl_s=60)
    assert decided.id == "c1"
    assert decided.args == PauseArgs(stream="door", until_s=None)
    assert decided.args_json == '{"stream":"door","until_s":null}'
    assert decided.deadline_ms == 65_000


def test_every_op_takes_a_command_that_says_no_more_than_it_must():
    needed = {
        "snapshot": {"stream": "door"},
        "replay": {"epoch": "e", "from_seq": 1, "to_seq": 2},
    }
    for op in OPS:
        decided = Gate().send(op, needed.get(op))
        assert isinstance(decided, Admitted), op
        assert isinstance(decided.args, OPS[op].args)


NO_COMMANDS = {
    "cut off": (b'{"v":1', "invalid"),
    "empty": (b"", "invalid"),
    "BOM": (b"\xef\xbb\xbf" + json.dumps(COMMAND).encode(), "invalid"),
    "no UTF-8": (b'{"v":1,"id":"a\xff"}', "invalid"),
    "lone surrogate": (b'{"v":1,"id":"a","args":{"x":"\\ud800"}}', "invalid"),
    "NUL": (b'{"v":1,"id":"a\x00"}', "invalid"),
    "deep": (b"[" * 60_000, "invalid"),
    "10^5 deep": (b"[" * 10**5, "too_large"),
    "deep and closed": (b"[" * 10**4 + b"]" * 10**4, "invalid"),
    "1 MB": (b"[" * 2**20, "too_large"),
    "1 MB with an id": (b'{"id":"a","args":"' + b"x" * 2**20 + b'"}', "too_large"),
    "no object": (b"[1]", "no_id"),
    "no id": (b'{"v":1}', "no_id"),
    "id is a number": (b'{"v":1,"id":1}', "no_id"),
    "id is no part of a topic": (b'{"v":1,"id":"a/b"}', "no_id"),
    "id with NUL": (b'{"v":1,"id":"a\\u0000"}', "no_id"),
    "id too long": (b'{"v":1,"id":"' + b"a" * 65 + b'"}', "no_id"),
    "signed, no id in it": (b'{"body":"{}","sig":"x"}', "no_id"),
    "signed, no JSON in it": (b'{"body":"[","sig":"x"}', "no_id"),
    "large, no id": (b'{"v":1,"args":"' + b"x" * MAX_COMMAND_BYTES + b'"}', "too_large"),
    "large, cut off": (b'{"v":1,"id":"a","args":"' + b"x" * MAX_COMMAND_BYTES, "too_large"),
}


@pytest.mark.parametrize(("payload", "reason"), NO_COMMANDS.values(), ids=NO_COMMANDS)
def test_what_nobody_could_be_answered_to_is_dropped_and_counted(payload, reason):
    assert Gate().receive("ping", payload) == Drop(reason)
    assert Gate([KEY.public]).receive("pause", payload) == Drop(reason)


def test_what_is_retained_is_never_obeyed():
    gate = Gate()
    assert gate.receive("pause", json.dumps(COMMAND).encode(), retained=True) == Drop("retained")
    assert not gate.kept


BAD = {
    "unknown field": {**COMMAND, "more": 1},
    "no version": {"id": "c1"},
    "version is a truth": {**COMMAND, "v": True},
    "version is a text": {**COMMAND, "v": "1"},
    "version is 1.0": {**COMMAND, "v": 1.0},
    "no time to live": {**COMMAND, "ttl_s": 0},
    "negative": {**COMMAND, "ttl_s": -1},
    "time to live too long": {**COMMAND, "ttl_s": MAX_TTL_S + 1},
    "time to live is a text": {**COMMAND, "ttl_s": "60"},
    "time to live is no number": {**COMMAND, "ttl_s": float("nan")},
    "for ever": {**COMMAND, "ttl_s": float("inf")},
    "ts is no number": {**COMMAND, "ts": float("nan")},
    "args are a list": {**COMMAND, "args": []},
    "argument unknown": {**COMMAND, "args": {"stream": "door", "raw": True}},
    "argument with NUL": {**COMMAND, "args": {"stream": "do\0or"}},
    "argument climbs": {**COMMAND, "args": {"stream": "../../etc"}},
    "argument is no number": {**COMMAND, "args": {"until_s": float("nan")}},
    "argument is infinite": {**COMMAND, "args": {"until_s": float("inf")}},
    "argument is a truth": {**COMMAND, "args": {"until_s": True}},
    "authority is a text": {**COMMAND, "auth": DEVICE},
    "authority says more": {**COMMAND, "auth": {"device": DEVICE, "op": "pause", "x": 1}},
}


@pytest.mark.parametrize("command", BAD.values(), ids=BAD)
def test_what_is_not_exactly_as_described_is_answered(command):
    error = error_of(Gate().receive("pause", json.dumps(command).encode()))
    assert error.code == "invalid_schema"
    assert not error.retryable


def test_nan_deep_in_arguments_is_refused_whatever_the_op_makes_of_them():
    for number in (b"NaN", b"-Infinity", b"1e999"):
        payload = b'{"v":1,"id":"c1","args":{"a":[{"b":%b}]}}' % number
        assert "finite numbers" in error_of(Gate().receive("ping", payload)).message


def test_a_refusal_names_the_place_and_shows_nothing_of_what_stood_there():
    error = error_of(Gate().send("snapshot", {"stream": "door", "width": 9000}))
    assert error.message == "args.width: Input should be less than or equal to 640"
    error = error_of(Gate().send("pause", {"stream": "Geheim!"}))
    assert error.message.startswith("args.stream: ")
    assert "Geheim" not in error.message


def test_of_two_equal_keys_the_last_one_counts_everywhere():
    payload = b'{"v":1,"id":"a","id":"b","args":{"stream":"door","stream":"yard"}}'
    decided = Gate().receive("pause", payload)
    assert (decided.id, decided.args.stream) == ("b", "yard")


def test_another_version_is_answered_whatever_it_holds():
    error = error_of(Gate().receive("ping", b'{"v":2,"id":"c1","what":{"nobody":"knows"}}'))
    assert error.code == "unsupported_version"


def test_an_op_that_there_is_not_is_answered_with_those_that_there_are():
    error = error_of(Gate().send("show_raw"))
    assert error.code == "unknown_op"
    assert "ping" in error.message


def test_an_op_may_have_any_name_and_its_answer_is_short():
    decided = Gate().receive("x" * 60_000, b'{"v":1,"id":"c1"}')
    assert error_of(decided).code == "unknown_op"
    assert len(decided.result_json) < 1000


def test_an_op_that_this_device_does_not_take_is_refused():
    gate = Gate(allowed=["ping"])
    assert isinstance(gate.send("ping"), Admitted)
    error = error_of(gate.send("pause", id="c2"))
    assert error.code == "unauthorised"
    assert "control.ops" in error.message


def test_what_is_too_large_but_has_an_id_is_answered():
    payload = json.dumps({**COMMAND, "args": {"x": "y" * MAX_COMMAND_BYTES}}).encode()
    assert error_of(Gate().receive("pause", payload)).code == "too_large"


def test_a_command_of_just_the_size_that_is_allowed_is_read():
    payload = json.dumps(COMMAND).encode().ljust(MAX_COMMAND_BYTES)
    assert isinstance(Gate().receive("pause", payload), Admitted)
    assert error_of(Gate().receive("pause", payload + b" ")).code == "too_large"


# signatures


def test_with_operators_whoever_is_no_viewer_has_to_sign():
    for op, described in OPS.items():
        args = {
            "snapshot": {"stream": "door"},
            "replay": {"epoch": "e", "from_seq": 1, "to_seq": 2},
        }
        args = args.get(op, {})
        plain = Gate([KEY.public]).send(op, args)
        assert isinstance(plain, Admitted) == (described.role == "viewer"), op
        if described.role != "viewer":
            assert error_of(plain).code == "unauthorised"
        assert isinstance(Gate([KEY.public]).send(op, args, key=KEY), Admitted), op


def test_without_operators_what_is_signed_is_refused():
    error = error_of(Gate().send("ping", key=KEY))
    assert error.code == "unauthorised"
    assert "no operator's key" in error.message


STRANGERS = {
    "key": (signed(COMMAND, PrivateKey.generate(), "pause"), "none of control.operators"),
    "device": (signed(COMMAND, KEY, "pause", "gate-8"), "for the device gate-8"),
    "op": (signed(COMMAND, KEY, "resume"), "is for resume"),
    "no authority": (signed({**COMMAND, "auth": None}, KEY, "pause"), "say in auth"),
    "no time": (signed({**COMMAND, "ts": None}, KEY, "pause"), "say in ts"),
    "changed": (signed(COMMAND, KEY, "pause").replace(b"door", b"yard"), "does not fit"),
}


@pytest.mark.parametrize(("payload", "why"), STRANGERS.values(), ids=STRANGERS)
def test_what_is_signed_for_something_else_is_refused(payload, why):
    gate = Gate([KEY.public])
    error = error_of(gate.receive("pause", payload))
    assert error.code == "unauthorised"
    assert why in error.message
    assert not gate.kept


def test_also_an_unsigned_command_is_only_for_whom_it_says():
    bound = {"device": "gate-8", "op": "ping"}
    assert error_of(Gate().send("ping", auth=bound)).code == "unauthorised"
    assert isinstance(Gate().send("ping", auth={**bound, "device": DEVICE}), Admitted)


def test_what_is_wrong_inside_a_signed_body_is_answered_as_in_a_plain_one():
    gate = Gate([KEY.public])
    assert error_of(gate.send("pause", {"raw": 1}, key=KEY)).code == "invalid_schema"
    assert error_of(gate.send("pause", key=KEY, v=2)).code == "unsupported_version"


# time


@pytest.mark.parametrize(
    ("ttl_s", "expiry_s", "left_s"), [(60, None, 60), (60, 20, 20), (20, 60, 20), (0.5, 60, 0.5)]
)
def test_it_may_wait_as_long_as_both_the_broker_and_its_sender_allow(ttl_s, expiry_s, left_s):
    gate = Gate()
    decided = gate.send("ping", ttl_s=ttl_s, expiry_s=expiry_s)
    assert decided.deadline_ms == gate.boot_ms + left_s * 1000


def test_what_was_sent_too_long_ago_has_expired():
    gate = Gate()
    assert gate.send("ping", ts=NOW - 59, ttl_s=60).deadline_ms == gate.boot_ms + 1000
    assert error_of(gate.send("ping", id="c2", ts=NOW - 60, ttl_s=60)).code == "expired"
    assert error_of(gate.send("ping", id="c2", expiry_s=0)).code == "expired"
    assert not error_of(gate.send("ping", id="c2", expiry_s=0)).retryable


def test_a_clock_that_nobody_believes_judges_nobody_but_is_needed_for_signatures():
    gate = Gate([KEY.public])
    gate.believable = False
    assert isinstance(gate.send("ping", ts=NOW - 10**6, ttl_s=60), Admitted)
    error = error_of(gate.send("pause", id="c2", key=KEY))
    assert (error.code, error.detail) == ("precondition_failed", "clock")
    gate.believable = True
    assert isinstance(gate.send("pause", id="c2", key=KEY), Admitted)


def test_a_clock_that_knows_no_time_is_not_believed():
    gate = Gate([KEY.public])
    gate.wall_s = None
    assert isinstance(gate.send("ping", ts=NOW, ttl_s=60), Admitted)
    assert error_of(gate.send("pause", id="c2", key=KEY)).detail == "clock"


def test_a_viewers_command_that_is_signed_needs_no_clock():
    gate = Gate([KEY.public])
    gate.believable = False
    assert isinstance(gate.send("ping", key=KEY), Admitted)


def test_clocks_may_differ_by_five_minutes_and_no_more():
    gate = Gate()
    decided = gate.send("ping", ts=NOW + MAX_AHEAD_S, ttl_s=60)
    assert decided.deadline_ms == gate.boot_ms + 60_000
    error = error_of(gate.send("ping", id="c2", ts=NOW + MAX_AHEAD_S + 1))
    assert (error.code, error.detail) == ("precondition_failed", "clock")
    assert error_of(gate.send("ping", id="c2", ts=1e308)).detail == "clock"


def test_a_recorded_command_is_worth_nothing_once_it_may_have_been_forgotten():
    """An inbox remembers for a week and the five minutes that clocks may differ by."""
    gate = Gate([KEY.public])
    payload = signed({**COMMAND, "ts": NOW + MAX_AHEAD_S, "ttl_s": MAX_TTL_S}, KEY, "pause")
    assert isinstance(gate.receive("pause", payload), Admitted)
    gate.kept.clear()
    gate.turn(MAX_TTL_S + MAX_AHEAD_S)
    assert error_of(gate.receive("pause", payload)).code == "expired"


# again


def test_the_same_command_again_is_nothing_new_until_it_is_done():
    gate = Gate()
    assert isinstance(gate.send("pause"), Admitted)
    assert gate.send("pause") == Drop("duplicate")
    gate.finish("c1", '{"the":"result"}')
    assert gate.send("pause") == Answer("c1", '{"the":"result"}', None, stored=True)


def test_the_result_is_told_also_to_whom_asks_late_or_without_a_clock():
    gate = Gate([KEY.public])
    gate.send("pause", key=KEY)
    gate.finish("c1", "{}")
    gate.turn(10**6)
    assert gate.send("pause", key=KEY).stored
    gate.believable = False
    assert gate.send("pause", key=KEY).stored


def test_who_asks_again_may_say_the_same_in_other_words():
    gate = Gate()
    gate.send("pause", ttl_s=60)
    assert gate.send("pause", {"until_s": None, "stream": None}, ts=NOW, ttl_s=5) == Drop(
        "duplicate"
    )


@pytest.mark.parametrize(
    ("op", "args"), [("pause", {"stream": "yard"}), ("resume", {"stream": "door"}), ("pause", {})]
)
def test_another_command_under_the_same_id_is_a_conflict(op, args):
    gate = Gate()
    gate.send("pause", {"stream": "door"})
    for result_json in (None, "{}"):
        gate.finish("c1", result_json)
        assert error_of(gate.send(op, args)).code == "conflict"
    assert gate.send("pause", {"stream": "door"}).stored


def test_another_op_with_the_same_arguments_is_another_command():
    gate = Gate()
    gate.send("ping")
    assert error_of(gate.send("refresh")).code == "conflict"


def test_what_a_stranger_sends_is_refused_also_under_a_known_id():
    gate = Gate([KEY.public])
    gate.send("pause", key=KEY)
    gate.finish("c1", '{"secret":1}')
    assert error_of(gate.send("pause")).code == "unauthorised"


def test_no_refusal_stands_in_the_way_of_the_ids_rightful_use():
    gate = Gate()
    for bad in ({"v": 2}, {"ttl_s": 0}, {"expiry_s": 0}, {"ts": 0}):
        assert not gate.send("pause", **bad).stored
    assert isinstance(gate.send("pause"), Admitted)
