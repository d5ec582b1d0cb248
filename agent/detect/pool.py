"""DetectorPool: worker threads on one detector, shared by many lanes.

A detection that fails or gives absurd numbers is a fault of its ticket. One that takes too long
is a fault, too, and its worker is replaced, as often as it takes; should it come back, its result
is not believed and its thread ends.

A thread can't be killed. A lane adds at most `MAX_HANGS - 1 + workers` hung ones in each
`HANG_WINDOW_S`, for it is suspended at `MAX_HANGS` while others of its detections may still run.
Nothing in here bounds their total but that rate and the life of the process: a run on a file
ends, and whoever supervises a process that doesn't can read `hung` and start it anew.
"""

from __future__ import annotations

import itertools
import logging
import threading
import time
from typing import TYPE_CHECKING

from agent.detect.detector import NoModelError, check_sane
from agent.detect.lane import Lane
from agent.detect.schedule import Schedule
from agent.detect.ticket import FAILED, INVALID, NO_MODEL, TIMED_OUT, Result
from agent.frames.sighting import sightings_of
from models.errors import FamilyError, LostGpuError, ModelError

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.detect.detector import Detector
    from agent.detect.ticket import Ticket

_log = logging.getLogger(__name__)

_CLOSE_TIMEOUT_S = 2.0
"""How long `close` waits for detections that still run. Chosen, not measured: several times what
one takes on two cores."""
_CLOSE_POLL_S = 0.002


class DetectorPool:
    """Several workers on one detector.

    Args:
        timeout_s: a detection that takes longer is a fault, and its worker is replaced.
        now: a monotonic clock, seconds; detections and the window of hangs are timed by it.

    Attributes:
        lost: why no detection of this process will ever give a result again; empty where they may.
    """

    def __init__(
        self,
        detector: Detector,
        workers: int,
        timeout_s: float,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._detector = detector
        self.lost = ""
        self._schedule = Schedule(timeout_s, now)
        self._numbers = itertools.count()
        self._workers = workers
        self._threads: list[threading.Thread] = []
        for _ in range(workers):
            self._start_worker()

    @property
    def hung(self) -> int:
        """Detections that took too long and still run, each on a thread that was replaced."""
        return self._schedule.hung

    @property
    def hangs_lately(self) -> int:
        """Detections that hung within `HANG_WINDOW_S`, over all lanes, come back or not."""
        return self._schedule.hangs_lately()

    @property
    def lanes(self) -> int:
        """Clients that may still hand something in, or wait for something."""
        return self._schedule.lanes

    def lane(self, name: str, *, proven: bool = False, live: bool = False) -> Lane:
        """A new client; lanes of one name, one after the other, share a count of hangs.

        Args:
            proven: see `Lane`.
            live: likewise.
        """
        replace_hung = self._replace_hung_workers
        return Lane(self._schedule, name, self._workers, replace_hung, proven=proven, live=live)

    def abandon(self) -> None:
        """Believe nothing any more: what is under way is a fault now, and what comes is one at once."""
        self._schedule.abandon()

    def close(self) -> None:
        """Close all lanes and end the workers; one that hangs is left behind.

        Its thread can't keep the process alive. But should it come back while the interpreter is
        being taken down, Python ends it inside the native call, and C++ answers with SIGABRT.
        """
        self._schedule.close()
        deadline_s = time.monotonic() + _CLOSE_TIMEOUT_S
        while len(alive := self._alive()) > self.hung and time.monotonic() < deadline_s:
            alive[-1].join(_CLOSE_POLL_S)

    def _alive(self) -> list[threading.Thread]:
        return [thread for thread in self._threads if thread.is_alive()]

    def _replace_hung_workers(self) -> None:
        for _ in range(self._schedule.write_off()):
            self._start_worker()

    def _start_worker(self) -> None:
        name = f"detect-{next(self._numbers)}"
        thread = threading.Thread(target=self._work, name=name, daemon=True)
        thread.start()
        self._threads.append(thread)

    def _work(self) -> None:
        while self._serve():
            pass

    def _serve(self) -> bool:
        """Detect in the next frame; False where this worker is not needed any more."""
        job = self._schedule.take()
        return job is not None and self._schedule.finish(job, self._result(job.ticket))

    def _result(self, ticket: Ticket) -> Result:
        frame, ticket.frame = ticket.frame, None
        if frame is None:  # timed out before it began
            return TIMED_OUT
        try:
            found = self._detector.detect(frame)
            check_sane(found)
            return Result(tuple(sightings_of(found, frame.index)))
        except LostGpuError as error:
            self.lost = str(error)
            return Result(fault=INVALID)
        except NoModelError:
            return Result(fault=NO_MODEL)
        except ModelError as error:
            misfit = error if isinstance(error, FamilyError) else None
            return Result(fault=INVALID, misfit=misfit)
        except Exception:  # noqa: BLE001 - whatever it was, the frame gets covered
            _log.exception("detection failed at frame %d", frame.index)
            return Result(fault=FAILED)
