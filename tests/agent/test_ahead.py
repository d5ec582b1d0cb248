"""What is begun ahead ends before its context does, and its errors come where they would have."""

import threading

import pytest

from agent.ahead import Ahead


class Call:
    """A call that ends when it is let."""

    def __init__(self, error=None):
        self.may_end = threading.Event()
        self.has_ended = False
        self._error = error

    def __call__(self):
        assert self.may_end.wait(30)
        self.has_ended = True
        if self._error is not None:
            raise self._error
        return threading.current_thread()


def ended_meanwhile(call):
    """Let a call end while somebody waits for it."""
    threading.Timer(0.05, call.may_end.set).start()


def test_it_runs_beside_whoever_began_it_and_gives_its_result_as_often_as_asked():
    call = Call()
    with Ahead(call) as ahead:
        assert not call.has_ended
        ended_meanwhile(call)
        thread = ahead.result()
        assert thread is ahead.result()
    assert thread is not threading.current_thread()
    assert not thread.is_alive()


def test_it_says_when_it_has_ended():
    let_go = threading.Event()
    with Ahead(let_go.wait) as ahead:
        assert not ahead.has_ended
        let_go.set()
        assert ahead.result()
        assert ahead.has_ended


@pytest.mark.parametrize("left_by", [KeyboardInterrupt, ValueError])
def test_the_context_is_not_left_before_the_call_has_ended(left_by):
    call = Call(OSError("late"))
    ended_meanwhile(call)
    with pytest.raises(left_by), Ahead(call):
        raise left_by
    assert call.has_ended


def test_whoever_asks_for_the_result_gets_the_error():
    call = Call(OSError("no network"))
    call.may_end.set()
    with Ahead(call) as ahead:
        for _ in range(2):
            with pytest.raises(OSError, match="no network"):
                ahead.result()


@pytest.mark.parametrize(("error", "told"), [(None, "no clip"), (OSError("no network"), "network")])
def test_of_two_errors_the_one_of_the_call_is_told(error, told):
    call = Call(error)
    ended_meanwhile(call)
    with Ahead(call) as ahead, pytest.raises((OSError, ValueError), match=told), ahead.beside():
        raise ValueError("no clip")


def test_who_is_interrupted_beside_it_does_not_wait_for_an_error_to_tell():
    call = Call(OSError("no network"))
    with Ahead(call) as ahead:
        with pytest.raises(KeyboardInterrupt), ahead.beside():
            raise KeyboardInterrupt
        assert not call.has_ended
        call.may_end.set()
