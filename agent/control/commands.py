"""Commands: who does what was admitted, each op on a thread of its own.

An op that hangs holds up nobody but its own kind, and that only for its time-out: it is answered,
its thread is left behind, and the op gets another one, up to `MAX_HUNG`.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agent.control.messages import Result
from agent.control.ops import OPS
from agent.control.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pydantic import JsonValue

    from agent.control.decision import Admitted
    from agent.control.ops import Op
    from models.strict_model import StrictModel

_log = logging.getLogger(__name__)

MAX_WAITING = 4
"""Commands of an op that wait while one is done. Chosen, not measured: who sends more than these
should wait for answers."""
MAX_HUNG = 3
"""Threads of an op that may hang. Chosen, not measured: each holds what it holds until a restart."""


@dataclass(slots=True, eq=False)
class _Run:
    """A command that is being done; `left_behind` once its time-out was answered."""

    admitted: Admitted
    deadline_ms: int
    left_behind: bool = False


@dataclass(slots=True)
class _Lane:
    """An op's commands."""

    waiting: deque[Admitted] = field(default_factory=deque)
    running: _Run | None = None
    thread: threading.Thread | None = None
    hung: int = 0


class Workers:
    """Does commands, and tells what came of each exactly once.

    `take`, `look` and `stop` are for one thread, that of the control plane, and never wait for a
    command. What is still open at `stop` is told nothing of: the next start finds it.

    Args:
        do: does one, see `Controlled.do`.
        tell: takes a result, on any thread; it only notes it. `accepted` is told where `do` says
            None, and is the last that is heard of that command here.
        mono_ms: milliseconds on the clock of `Admitted.deadline_ms`.
        ops: with their time-outs.
    """

    def __init__(
        self,
        do: Callable[[str, StrictModel], Mapping[str, JsonValue] | None],
        tell: Callable[[Result], None],
        mono_ms: Callable[[], int],
        ops: Mapping[str, Op] = OPS,
    ) -> None:
        self._do, self._tell, self._mono_ms, self._ops = do, tell, mono_ms, ops
        self._lanes = {name: _Lane() for name in ops}
        self._turn = threading.Condition()
        self._stopping = False

    def take(self, admitted: Admitted) -> None:
        """Do a command as soon as those of its op before it are done, or tell that it is `busy`."""
        lane = self._lanes[admitted.op]
        with self._turn:
            begun = lane.running is not None
            full = lane.hung >= MAX_HUNG or len(lane.waiting) + begun > MAX_WAITING
            if not full:
                lane.waiting.append(admitted)
                self._start(admitted.op, lane)
                self._turn.notify_all()
        if full:
            self._tell(_failed(admitted, self._busy(admitted.op)))

    def look(self) -> None:
        """Give up what hangs; about once a second will do."""
        for name, lane in self._lanes.items():
            timed_out, refused = self._give_up(name, lane)
            if timed_out:
                _log.warning("%s hangs: answered after %g s", name, self._ops[name].timeout_s)
                late = Refusal("timeout", f"not done within {self._ops[name].timeout_s:g} s")
                self._tell(_failed(timed_out, late))
            for admitted in refused:
                self._tell(_failed(admitted, self._busy(name)))

    def stop(self, timeout_s: float) -> None:
        """Begin nothing more, and wait for what is being done; for all of it together so long."""
        with self._turn:
            self._stopping = True
            self._turn.notify_all()
        until_s = time.monotonic() + timeout_s
        for lane in self._lanes.values():
            if lane.thread is not None:
                lane.thread.join(max(0.0, until_s - time.monotonic()))

    def _start(self, name: str, lane: _Lane) -> None:
        if lane.thread is None:
            lane.thread = threading.Thread(
                target=self._work, args=(name, lane), name=f"control-{name}", daemon=True
            )
            lane.thread.start()

    def _work(self, name: str, lane: _Lane) -> None:
        while run := self._next(name, lane):
            result = self._result(run.admitted)
            with self._turn:
                if run.left_behind:  # and answered, and another thread does what comes now
                    lane.hung -= 1
                    return
                lane.running = None
            self._tell(result)

    def _next(self, name: str, lane: _Lane) -> _Run | None:
        with self._turn:
            self._turn.wait_for(lambda: lane.waiting or self._stopping)
            if self._stopping:
                return None
            timeout_ms = int(self._ops[name].timeout_s * 1000)
            lane.running = _Run(lane.waiting.popleft(), self._mono_ms() + timeout_ms)
            return lane.running

    def _result(self, admitted: Admitted) -> Result:
        if self._mono_ms() >= admitted.deadline_ms:
            return _failed(admitted, Refusal("expired", "it waited too long for its turn"))
        try:
            said = self._do(admitted.op, admitted.args)
            if said is None:
                return Result(id=admitted.id, op=admitted.op, state="accepted")
            return Result(id=admitted.id, op=admitted.op, state="done", result=dict(said))
        except Refusal as refusal:
            return _failed(admitted, refusal)
        except Exception as error:  # noqa: BLE001 its text may hold anything: it is for the log
            _log.exception("%s failed", admitted.op)
            why = f"{type(error).__name__}; the device's log says more"
            return _failed(admitted, Refusal("internal", why))

    def _give_up(self, name: str, lane: _Lane) -> tuple[Admitted | None, list[Admitted]]:
        """What hangs, and what therefore can't be done at all."""
        with self._turn:
            run = lane.running
            if run is None or self._mono_ms() < run.deadline_ms:
                return None, []
            run.left_behind, lane.running, lane.thread = True, None, None
            lane.hung += 1
            if lane.hung < MAX_HUNG:
                if lane.waiting:
                    self._start(name, lane)
                return run.admitted, []
            refused = [*lane.waiting]
            lane.waiting.clear()
            return run.admitted, refused

    def _busy(self, name: str) -> Refusal:
        if self._lanes[name].hung >= MAX_HUNG:
            return Refusal("busy", f"{MAX_HUNG} {name} hang: restart the agent if none returns")
        return Refusal("busy", f"{MAX_WAITING} wait already: wait for an answer")


def _failed(admitted: Admitted, refusal: Refusal) -> Result:
    return Result(id=admitted.id, op=admitted.op, state="failed", error=refusal.to_error())
