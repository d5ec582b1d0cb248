"""Work that is ended from another thread."""

import threading

import pytest

from agent.update.labour import Labour
from agent.update.ports import RefusedError, UnavailableError


class Endless:
    """Works until it is ended."""

    def __init__(self):
        self.begun, self.ended = threading.Event(), threading.Event()

    def work(self):
        self.begun.set()
        assert self.ended.wait(20)
        raise UnavailableError("it was ended")

    def end(self):
        self.ended.set()


class Looks:
    """A clock that goes on by a second with every look whether work is over; `moves` at each."""

    def __init__(self, moves=lambda: None, most=100):
        self.count, self._moves, self._most = 0, moves, most

    def monotonic(self):
        return float(self.count)

    def is_over(self):
        self.count += 1
        self._moves()
        return self.count == self._most


LATE = [RefusedError("too long"), UnavailableError("no answer")]


@pytest.mark.parametrize("late", LATE)
def test_what_takes_too_long_is_ended_and_called_late(late):
    worker, looks = Endless(), Looks()
    with pytest.raises(type(late), match=str(late)):
        Labour(worker, looks.monotonic).do(
            worker.work, limit_s=2.5, late=late, is_over=looks.is_over
        )
    assert looks.count >= 3


def test_what_is_of_no_use_any_more_is_ended_and_not_called_late():
    worker, looks = Endless(), Looks(most=2)
    with pytest.raises(UnavailableError, match="it was ended"):
        Labour(worker, looks.monotonic).do(
            worker.work, limit_s=2.5, late=LATE[0], is_over=looks.is_over
        )


def test_what_moves_is_not_late():
    worker = Endless()
    looks = Looks(lambda: labour.moves(), most=5)  # noqa: PLW0108 there is none yet
    labour = Labour(worker, looks.monotonic)
    with pytest.raises(UnavailableError, match="it was ended"):
        labour.do(worker.work, limit_s=2.5, late=LATE[0], is_over=looks.is_over)
    assert looks.count >= 5


def test_what_is_done_is_given_and_a_fault_is_raised():
    labour = Labour(Endless())
    told = {"limit_s": 20.0, "late": RefusedError("late"), "is_over": lambda: False}
    assert labour.do(lambda: 7, **told) == 7
    with pytest.raises(ZeroDivisionError):
        labour.do(lambda: 1 / 0, **told)
