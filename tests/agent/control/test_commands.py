"""Commands that are done, refused, late, hung and wrong."""

import logging
import random
import threading
from typing import get_args

import pytest

from agent.control.commands import MAX_HUNG, MAX_WAITING
from agent.control.messages import RETRYABLE, ErrorCode
from agent.control.refusal import Refusal
from tests.agent.control.works import LONG_S, Works


def outcome(result):
    return result.id, result.error.code if result.error else result.state


def workers_threads():
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("control-")]


def test_a_command_is_done_and_its_result_told():
    with Works() as works:
        works.send("a")
        result = works.result()
    assert outcome(result) == ("a", "done")
    assert (result.op, result.result, result.error) == ("ping", {"did": "a"}, None)


def test_the_same_op_works_twice_and_in_order():
    with Works() as works:
        for name in "abc":
            works.send(name)
        assert [works.result().id for _ in range(3)] == ["a", "b", "c"]


def test_there_is_no_thread_before_the_first_command_and_then_one_an_op():
    with Works() as works:
        assert not workers_threads()
        for name in ("a", "b"):
            works.send(name)
            works.result()
        assert len(works.threads) == 1
        works.send("c", "pause")
        works.result()
        assert len(works.threads) == 2
    assert not workers_threads()


def test_an_op_that_hangs_holds_up_no_other():
    with Works() as works:
        works.hold("a")
        works.send("a", "snapshot")
        works.wait_begun("a")
        works.send("b", "ping")
        assert outcome(works.result()) == ("b", "done")
        works.release("a")
        assert outcome(works.result()) == ("a", "done")


def test_four_wait_and_the_next_is_answered_busy():
    with Works() as works:
        works.hold("0")
        for number in range(MAX_WAITING + 1):  # no matter how soon the thread takes the first
            works.send(str(number))
        works.send("more")
        assert outcome(works.result()) == ("more", "busy")
        works.release("0")
        told = [outcome(works.result()) for _ in range(MAX_WAITING + 1)]
        assert told == [(str(number), "done") for number in range(MAX_WAITING + 1)]
        works.send("more")
        assert outcome(works.result()) == ("more", "done")


def test_what_hangs_is_answered_once_its_time_is_out_and_never_again():
    with Works(timeout_s=10) as works:
        works.hold("a")
        works.send("a")
        works.wait_begun("a")
        works.send("b")
        works.turn(9.9)
        assert works.told.empty()
        works.turn(0.2)
        assert {outcome(works.result()), outcome(works.result())} == {
            ("a", "timeout"),
            ("b", "done"),
        }
        works.release("a")
        works.wait_ended("a")
        works.turn(100)
        assert works.told.empty()


def hang(works, count):
    for number in range(count):
        works.hold(f"hung{number}")
        works.send(f"hung{number}")
        works.wait_begun(f"hung{number}")
        works.turn(20)
        assert outcome(works.result()) == (f"hung{number}", "timeout")


def test_an_op_of_which_three_hang_is_busy_until_one_returns():
    with Works() as works:
        hang(works, MAX_HUNG)
        works.send("a")
        assert outcome(works.result()) == ("a", "busy")
        works.send("b", "pause")
        assert outcome(works.result()) == ("b", "done")
        works.release("hung1")
        works.wait_ended("hung1")
        works.send("c")
        assert outcome(works.result()) == ("c", "done")
        assert len(works.begun) == MAX_HUNG + 2


def test_what_waited_behind_the_last_that_may_hang_is_answered():
    with Works() as works:
        hang(works, MAX_HUNG - 1)
        works.hold("last")
        works.send("last")
        works.wait_begun("last")
        for name in "ab":
            works.send(name)
        works.turn(20)
        told = [outcome(works.result()) for _ in range(3)]
        assert told == [("last", "timeout"), ("a", "busy"), ("b", "busy")]
        works.release("last")
        works.wait_ended("last")
        works.send("c")
        assert outcome(works.result()) == ("c", "done")
        assert works.begun[-2:] == ["last", "c"]


def test_what_waited_too_long_is_not_begun():
    with Works(timeout_s=100) as works:
        works.hold("a")
        works.send("a")
        works.wait_begun("a")
        works.send("short", ttl_s=5)
        works.send("long", ttl_s=50)
        works.turn(5)
        works.release("a")
        told = [outcome(works.result()) for _ in range(3)]
        assert told == [("a", "done"), ("short", "expired"), ("long", "done")]
        assert works.begun == ["a", "long"]


@pytest.mark.parametrize("code", get_args(ErrorCode))
def test_a_refusal_is_told_with_its_code_and_whether_to_try_again(code):
    with Works() as works:
        works.outcomes["a"] = Refusal(code, "why not", "7")
        works.send("a")
        error = works.result().error
    assert (error.code, error.message, error.detail) == (code, "why not", "7")
    assert error.retryable == (code in RETRYABLE)


@pytest.mark.parametrize(
    "outcome_", [RuntimeError("password is hunter2"), {"x": object()}, {"x": float("nan")}, 7]
)
def test_a_fault_of_the_program_is_told_by_its_kind_only_and_logged(outcome_, caplog):
    with Works() as works, caplog.at_level(logging.ERROR):
        works.outcomes["a"] = outcome_
        works.send("a")
        result = works.result()
        assert outcome(result) == ("a", "internal")
        assert "Error" in result.error.message
        assert "hunter2" not in result.model_dump_json()
        works.send("b")
        assert outcome(works.result()) == ("b", "done")
    assert "ping failed" in caplog.text


def test_an_op_may_be_accepted_and_done_later():
    with Works() as works:
        works.outcomes["a"] = None
        works.send("a", "restart")
        result = works.result()
    assert outcome(result) == ("a", "accepted")
    assert result.result is None


def test_at_the_end_what_runs_is_told_and_what_waits_is_not_begun():
    with Works() as works:
        works.hold("a")
        works.send("a")
        works.wait_begun("a")
        works.send("b")
        works.workers.stop(0)
        works.send("c")
        works.release("a")
        assert outcome(works.result()) == ("a", "done")
    assert works.begun == ["a"]
    assert works.told.empty()
    assert not workers_threads()


def test_the_end_does_not_wait_for_what_hangs():
    with Works() as works:
        hang(works, 1)
        works.hold("a")
        works.send("a")
        works.wait_begun("a")
        works.workers.stop(0.05)
        assert len(workers_threads()) == 2


@pytest.mark.parametrize("seed", range(5))
def test_whatever_happens_each_command_is_answered_once(seed):
    chance = random.Random(seed)  # noqa: S311 not for keys
    ops = ["ping", "pause", "logs"]
    with Works(ops=ops) as works:
        sent, held = [], []
        for number in range(200):
            name = f"c{number}"
            if chance.random() < 0.1:
                works.hold(name)
                held.append(name)
            works.outcomes[name] = chance.choice(
                [{}, {"a": 1}, Refusal("stale", ""), KeyError("x")]
            )
            works.send(name, chance.choice(ops), ttl_s=chance.choice([1, 15, 1000]))
            sent.append(name)
            if chance.random() < 0.3:
                works.turn(chance.choice([1, 6, 11]))
            if held and chance.random() < 0.2:
                works.release(held.pop(chance.randrange(len(held))))
        for name in held:
            works.release(name)
        told = [works.told.get(timeout=LONG_S).id for _ in sent]
        assert sorted(told) == sorted(sent)
    assert works.told.empty()
