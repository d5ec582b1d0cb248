"""Errands: what an agent's main thread is asked to do, by signals and by other threads."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, final

from agent.control.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

ResultT = TypeVar("ResultT")

Request = Literal["stop", "reload", "restart"]


@final
class Errands:
    """A queue; `put` may be called by a signal handler at any time, `do` by any other thread.

    Attributes:
        stop_asked: whether somebody asked to stop; for what takes long before that is heard.
    """

    def __init__(self) -> None:
        self.stop_asked = False
        self._queue: queue.SimpleQueue[Request | _Errand[Any]] = queue.SimpleQueue()
        self._closed = self._stops = False

    def put(self, request: Request | Callable[[], None]) -> None:
        """Ask for something that nobody waits for."""
        if request == "stop":
            self.stop_asked = True
        self._queue.put(_Errand(request) if callable(request) else request)

    def do(self, call: Callable[[], ResultT], timeout_s: float) -> ResultT:
        """Have the main thread call something, and wait for what comes of it.

        Raises:
            Refusal: `timeout`: it did not begin in time, and never will, or has not ended yet;
                `interrupted`: the agent ends.
            Exception: whatever was raised by what was called.
        """
        errand = _Errand(call)
        self._queue.put(errand)
        if self._closed:  # and nobody takes it any more
            self.close()
        return errand.outcome(timeout_s)

    def next(self, timeout_s: float) -> Request | None:
        """Wait for a request; None where there was none, or an errand, which was run.

        For the main thread alone.
        """
        try:
            asked = self._queue.get(timeout=timeout_s)
        except queue.Empty:
            return None
        if isinstance(asked, _Errand):
            asked.run()
            return None
        return asked

    def close(self) -> bool:
        """Let nobody wait any more; whether somebody asked to stop, and was not heard."""
        self._closed = True
        while True:
            try:
                asked = self._queue.get_nowait()
            except queue.Empty:
                return self._stops
            if isinstance(asked, _Errand):
                asked.give_up(Refusal("interrupted", "the agent ends"))
            self._stops |= asked == "stop"


@final
class _Errand(Generic[ResultT]):
    """Something to be called once, or never."""

    def __init__(self, call: Callable[[], ResultT]) -> None:
        self._call = call
        self._lock = threading.Lock()
        self._begun = False
        self._ended = threading.Event()
        self._results: list[ResultT] = []
        self._error: Exception | None = None

    def run(self) -> None:
        """Call it, unless nobody waits for it any more."""
        if not self._begin():
            return
        try:
            self._results.append(self._call())
        except Exception as error:  # noqa: BLE001 it is raised where it was asked for
            self._error = error
        self._ended.set()

    def give_up(self, error: Exception) -> None:
        """Have it fail, if it has not begun."""
        if self._begin():
            self._error = error
            self._ended.set()

    def outcome(self, timeout_s: float) -> ResultT:
        """Wait for it; what it gave, or raised."""
        if not self._ended.wait(timeout_s):
            late = Refusal("timeout", f"the agent has not come to it within {timeout_s:g} s")
            self.give_up(late)
            if not self._ended.is_set():
                raise Refusal("timeout", f"it has not ended within {timeout_s:g} s")
        if self._error is not None:
            raise self._error
        return self._results[0]

    def _begin(self) -> bool:
        with self._lock:
            first, self._begun = not self._begun, True
            return first
