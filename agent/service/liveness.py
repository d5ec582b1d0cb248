"""Liveness: whether an agent still does its work, so that the watchdog may be fed.

Cameras, disks and networks that are away are no reason to restart: only threads that died or hang.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from agent.detect.hang_limit import MAX_HANGS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from agent.service.plan import Session
    from agent.service.supervisor import Supervisor

_HANGS_WAITED_FOR = MAX_HANGS + 1
"""Detections that may hang, one after the other, before a stream that shows nothing is stuck: the
lane is suspended after `MAX_HANGS`, and its frames are covered at once."""
_SLACK_S = 30.0
"""And what else may take long: a disk, a machine under load. Chosen, not measured."""

_STAGES = ("analyse", "redact", "encode")
"""Those that must take what waits. Frames wait for a detection also while a camera gives none."""


class Liveness:
    """Looks at streams and at the detector, again and again.

    Args:
        detect_timeout_s: how long a detection may take.
        now: a monotonic clock, seconds.
    """

    def __init__(self, detect_timeout_s: float, now: Callable[[], float] = time.monotonic) -> None:
        self._stuck_s = _HANGS_WAITED_FOR * detect_timeout_s + _SLACK_S
        self._now = now
        self._moved: dict[Session, tuple[int, float]] = {}

    def fault(self, supervisors: Iterable[Supervisor], hangs_lately: int) -> str | None:
        """Why the process should be started anew; None where all is well.

        Args:
            hangs_lately: detections that hung in the last ten minutes, of all streams.
        """
        if hangs_lately >= MAX_HANGS:
            return f"the detector hung {hangs_lately} times within ten minutes"
        before, self._moved = self._moved, {}
        for supervisor in supervisors:
            if not supervisor.alive:
                return f"the thread of stream {supervisor.name} has died"
            session = supervisor.session
            if session is not None and self._is_stuck(session, before.get(session)):
                return f"stream {supervisor.name} has frames, and none came out for {self._stuck_s:.0f} s"
        return None

    def _is_stuck(self, session: Session, before: tuple[int, float] | None) -> bool:
        """Whether frames wait between two stages, and none has left for too long.

        Args:
            before: how many had left when the last one did, and when that was.
        """
        queues, out = session.queues(), session.counts().frames_out
        if not any(queues[stage] for stage in _STAGES):
            return False
        if before is None or before[0] != out:
            before = out, self._now()
        self._moved[session] = before
        return self._now() - before[1] > self._stuck_s
