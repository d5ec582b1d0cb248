"""Supervisor: keeps one stream going, for ever, whatever its source and its sink do.

A session is one run from a source to a sink. Where it ends in a fault, the next one begins after
a while (`agent.service.backoff`), or as soon as a source that was away is there again. What goes
wrong stays here: a supervisor has a thread of its own, and shares nothing but the detector.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from typing import TYPE_CHECKING

from agent.backoff import Backoff
from agent.errors import AgentError, OutputError, RefusedError, UsageError
from agent.outage import Outage
from agent.service.counts import Counts
from agent.telemetry.status import StreamStatus
from models.errors import ModelError

if TYPE_CHECKING:
    from agent.service.latest_frame import Shown
    from agent.service.plan import Plan, Session
    from agent.telemetry.status import State

_log = logging.getLogger(__name__)

_PROBE_S = 1.0
"""How often to look whether a source that is away is there again. Chosen, not measured: a stream
shall go on within 5 s, of which connecting takes 0.3 (to an RTSP server on the same machine)."""

_LONGEST_S = 60.0
"""The most that passes before any try. Chosen, not measured: a camera that is there again, and can't
be asked whether it is, is back within a minute."""

_REFUSED_S = 60.0
"""Between two tries of what refuses: who tries a password too often is locked out. As a push's."""

_OPENING = ("starting", "reconnecting")
"""States in which a session is being opened, or will be."""


class Time:
    """The clock that supervisors go by."""

    def now_s(self) -> float:
        """Seconds on a monotonic clock."""
        return time.monotonic()

    def wait(self, changed: threading.Event, most_s: float | None) -> None:
        """Wait for `changed`, but only so long."""
        changed.wait(most_s)


class Supervisor:
    """Runs one session of a stream after the other, on a thread of its own.

    Args:
        name: the stream's.
        clock: what its waits and ages go by.
    """

    def __init__(self, name: str, plan: Plan, clock: Time | None = None) -> None:
        self.name = name
        self._plan = plan
        self._clock = clock or Time()
        self._lock = threading.RLock()
        self._changed = threading.Event()
        self._stopping = False
        self._session: Session | None = None
        self._past = Counts()
        self._reconnections = self._unwritten = 0
        self._state: State = "starting"
        self._reason, self._since_s = "", time.time()
        self._last_out_s: float | None = None
        self._shown: Shown | None = None
        self._backoff, self._outage = Backoff(random.Random(), _LONGEST_S), Outage()  # noqa: S311
        self._thread = threading.Thread(target=self._work, name=f"stream {name}", daemon=True)

    @property
    def session(self) -> Session | None:
        """The one that runs now."""
        return self._session

    @property
    def alive(self) -> bool:
        """Whether its thread lives; one that has died is a fault of ours that nothing mends."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Finish what is under way, and end; `join` waits for it."""
        with self._lock:
            self._stopping = True
            self._interrupt()

    def join(self, timeout_s: float) -> bool:
        """Wait until it has ended; False where it has not."""
        self._thread.join(timeout_s)
        return not self.alive

    def replace(self, plan: Plan) -> None:
        """End the session, and go on at once by another plan."""
        with self._lock:
            self._plan = plan
            self._interrupt()

    def keep(self, plan: Plan) -> Session | None:
        """Have later sessions go by another plan; the one that runs now, for the caller to adjust.

        Where none runs, one that is about to begin does so by the new plan. A file that has ended
        stays so.
        """
        with self._lock:
            self._plan = plan
            if self._session is None and self._state in (*_OPENING, "failed"):
                self._changed.set()
            return self._session

    def tick(self) -> None:
        """Bring the state up to date with the frames that came, or did not; once a second or so."""
        with self._lock:
            session, now_s = self._session, self._clock.now_s()
            if session is None or session.last_in_s is None:
                return
            if now_s - session.last_in_s > self._plan.stall_s:
                if self._state != "stalled":
                    self._fail("stalled", f"no frame for {self._plan.stall_s:g} s")
            elif self._state != "running":
                self._enter("running", "")
                if line := self._outage.over(now_s):
                    _log.info("%s", line, extra={"stream": self.name})

    def status(self) -> StreamStatus:
        """How the stream is now."""
        with self._lock:
            session, counts = self._session, self._past
            if session is not None:
                counts += session.counts()
                self._note_output(session)
            last_out_s, shown = self._last_out_s, self._shown
            return StreamStatus(
                state=self._state,
                reason=self._reason,
                since_s=self._since_s,
                frames_in=counts.frames_in,
                frames_out=counts.frames_out,
                dropped=counts.dropped,
                damaged=counts.damaged,
                detections=counts.detections,
                covers=counts.covers,
                labels=counts.labels,
                whole=counts.whole,
                stage_s=counts.stage_s,
                late=counts.late,
                queues=session.queues() if session is not None else {},
                held_back=session.held_back if session is not None else 0,
                last_frame_age_s=None if last_out_s is None else self._clock.now_s() - last_out_s,
                reconnections=self._reconnections,
                unwritten=self._unwritten,
                size=None if shown is None else shown.size,
                rate=None if shown is None else shown.rate,
                covered=shown is not None and shown.covered,
            )

    def _interrupt(self) -> None:
        self._changed.set()
        if self._session is not None:
            self._session.cancel()

    def _work(self) -> None:
        while True:
            with self._lock:
                self._changed.clear()
                plan = self._plan
                if self._stopping:
                    return
                if not plan.paused and self._state not in _OPENING:
                    self._enter("starting", "")
            if plan.paused:
                self._rest("paused", "")
            else:
                self._attempt(plan)

    def _attempt(self, plan: Plan) -> None:
        self._opened_s: float | None = None
        try:
            self._run(plan)
        except UsageError as error:
            self._rest("failed", str(error), logging.ERROR)
        except (AgentError, ModelError, OSError) as error:
            self._unwritten += isinstance(error, OutputError)
            self._come_back(plan, str(error), is_refused=isinstance(error, RefusedError))
        except Exception as error:  # noqa: BLE001 - whatever it was, the other streams go on
            _log.exception("a fault of ours", extra={"stream": self.name})
            self._come_back(plan, f"a fault of ours ({type(error).__name__})")
        else:
            if not self._changed.is_set():
                self._rest("ended", "the file has ended")

    def _run(self, plan: Plan) -> None:
        session = plan.open_session()
        self._opened_s = self._clock.now_s()
        with self._lock:
            self._session = session
            if self._changed.is_set():
                session.cancel()
        try:
            session.run()
        finally:
            with self._lock:
                self._session = None
                self._past += session.counts()
                self._note_output(session)

    def _note_output(self, session: Session) -> None:
        self._shown = session.latest.shown
        if session.last_out_s is not None:
            self._last_out_s = session.last_out_s

    def _come_back(self, plan: Plan, reason: str, *, is_refused: bool = False) -> None:
        """Wait until it is worth trying again; another plan always is."""
        now_s = self._clock.now_s()
        ran_s = 0.0 if self._opened_s is None else now_s - self._opened_s
        self._reconnections += 1
        self._fail("reconnecting", reason)
        until_s = now_s + (_REFUSED_S if is_refused else self._backoff.next_s(ran_s))
        if plan.is_there():
            self._clock.wait(self._changed, until_s - self._clock.now_s())
            return
        while not self._changed.is_set() and (left_s := until_s - self._clock.now_s()) > 0:
            self._clock.wait(self._changed, min(_PROBE_S, left_s))
            if plan.is_there():
                self._backoff.begin_anew()
                return

    def _fail(self, state: State, reason: str) -> None:
        if line := self._outage.failed(reason, self._clock.now_s()):
            _log.warning("%s", line, extra={"stream": self.name})
        self._enter(state, reason)

    def _rest(self, state: State, reason: str, level: int = logging.INFO) -> None:
        """Do nothing until there is another plan."""
        self._enter(state, reason, level)
        self._clock.wait(self._changed, None)

    def _enter(self, state: State, reason: str, level: int | None = None) -> None:
        with self._lock:
            if (state, reason) == (self._state, self._reason):
                return
            if state != self._state:
                self._since_s = time.time()
                if level is not None:
                    said = f"{state}: {reason}" if reason else state
                    _log.log(level, "%s", said, extra={"stream": self.name})
            self._state, self._reason = state, reason
