"""StageThread: the thread of one stage of a pipeline."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from agent.pipeline.channel import Stopped

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.stage_clock import StageClock


class StageThread(threading.Thread):
    """Runs a stage and times it.

    A daemon, for a source or a detector that hangs must not outlive a second Ctrl-C.

    Args:
        now: a monotonic clock, seconds, by which its waits are timed, too.

    Attributes:
        over: the stage has ended. Whoever may be interrupted waits for this: a `join` that Ctrl-C
            breaks off takes the thread for one that has ended (Python before 3.13).
    """

    def __init__(
        self,
        clock: StageClock,
        stage: Callable[[StageClock], None],
        fail: Callable[[BaseException], None],
        now: Callable[[], float],
    ) -> None:
        super().__init__(name=clock.name, daemon=True)
        self._clock, self._stage, self._fail, self._now = clock, stage, fail, now
        self.over = threading.Event()

    def run(self) -> None:
        """The stage, to its end or its error."""
        clock, began_s = self._clock, self._now()
        try:
            self._stage(clock)
        except Stopped:
            pass
        except BaseException as error:  # noqa: BLE001 - it is raised again by `Pipeline.run`
            self._fail(error)
        clock.busy_s = self._now() - began_s - clock.wait_in_s - clock.wait_out_s
        self.over.set()
