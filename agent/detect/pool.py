"""Detection on worker threads that may fail, lie or hang without hurting anyone."""

from __future__ import annotations

import itertools
import logging
import queue
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np

from agent.frames.cpu_frame import planes_of
from agent.pipeline.channel import Clock
from agent.track.track import Sighting, sightings_of
from models.errors import FamilyError, InferenceError, ModelError
from models.preprocess import Letterbox, network_input, rgb_from_yuv

if TYPE_CHECKING:
    from agent.frames.frame import Frame
    from models.decode import Decoder
    from models.instances import Instances
    from models.preprocess import InputSpec
    from models.runtime.network import Network

_log = logging.getLogger(__name__)

MOST_HUNG = 3
"""Workers that may hang before detection is given up for the rest of the run."""


_FURTHEST_PX = 1e6
"""No sensor is as wide: a box that reaches beyond is a fault."""


class Detector(Protocol):
    """Sees objects in one frame; called from several threads at once."""

    def detect(self, frame: Frame) -> Instances:
        """The instances, in frame pixels.

        Raises:
            ModelError: there is no result that may be trusted.
        """


class NetworkDetector:
    """A bundle's network, fed from planes.

    Args:
        min_score: detections that score no more than this are of no use to anyone.
    """

    def __init__(
        self, network: Network, decoder: Decoder, spec: InputSpec, min_score: float
    ) -> None:
        self._network, self._decoder = network, decoder
        self._spec, self._min_score = spec, min_score

    def detect(self, frame: Frame) -> Instances:
        """Scale, convert, run, decode."""
        fit = Letterbox.fit(frame.size, self._spec)
        colour = frame.colour
        rgb = rgb_from_yuv(planes_of(frame), fit.inner, colour.matrix, full_range=colour.full_range)
        outputs = self._network.run(network_input(rgb, fit, self._spec))
        return self._decoder.decode(outputs, fit, min_score=self._min_score)


def check_sane(found: Instances) -> None:
    """Refuse numbers that are none, or absurd.

    A score that is NaN compares as "nothing here", and an object would be let through.

    Raises:
        InferenceError: a score is not finite, or a box reaches out of this world.
    """
    if not (np.isfinite(found.scores).all() and (np.abs(found.boxes) <= _FURTHEST_PX).all()):
        raise InferenceError("the detector gave numbers that can't be true")


@dataclass(slots=True, eq=False)
class Ticket:
    """A frame that was handed in, and what came of it.

    Attributes:
        fault: why there is no result; a short word for counting.
        misfit: the network is not of the family that its bundle claims, and never will be.
    """

    frame: Frame | None
    sightings: tuple[Sighting, ...] = ()
    fault: str | None = None
    misfit: FamilyError | None = None
    began: float | None = None
    done: threading.Event = field(default_factory=threading.Event)

    def give_up(self) -> None:
        """Wait no longer; what may still come of it is not believed."""
        self.frame, self.fault = None, "detector timed out"
        self.done.set()


class DetectorPool:
    """Several workers on one detector.

    Args:
        timeout_s: a detection that takes longer is a fault, and its worker is written off.

    Attributes:
        clock: where the workers' time went, all of them together.
        waited_s: how long callers of `wait` waited.
    """

    def __init__(self, detector: Detector, workers: int, timeout_s: float) -> None:
        self._detector, self._timeout_s = detector, timeout_s
        self._todo: queue.PriorityQueue[tuple[int, int, Ticket | None]] = queue.PriorityQueue()
        self._numbers = itertools.count()
        self._running: set[Ticket] = set()
        self._hung = 0
        self._proven = False
        self._lock = threading.Lock()
        self.workers = workers
        self.clock = Clock("detect")
        self.waited_s = 0.0
        for _ in range(workers):
            self._hire()

    def submit(self, frame: Frame) -> Ticket:
        """Hand in a frame; the earliest one that waits is seen first."""
        ticket = Ticket(frame)
        if self._hung < MOST_HUNG:
            self._todo.put((frame.index, next(self._numbers), ticket))
        else:  # nobody will look at it, and such frames must not pile up
            ticket.give_up()
        return ticket

    def wait(self, ticket: Ticket) -> Ticket:
        """The ticket once it has a result or a fault.

        Raises:
            FamilyError: the first result of all shows that the network is of another family.
        """
        began = time.monotonic()
        while not ticket.done.is_set():
            if self._hung >= MOST_HUNG:
                ticket.give_up()
            elif not ticket.done.wait(self._patience_s()):
                self._write_off()
        self.waited_s += time.monotonic() - began
        if ticket.misfit is not None and not self._proven:
            raise ticket.misfit
        self._proven = self._proven or ticket.fault is None
        return ticket

    def close(self) -> None:
        """Let idle workers go; a hung one is a daemon and can't keep the process alive."""
        for _ in range(self.workers + self._hung):
            self._todo.put((-1, next(self._numbers), None))

    def _patience_s(self) -> float:
        """Time until a detection that runs now has taken too long, whoever waits for it."""
        now = time.monotonic()
        with self._lock:
            began = [ticket.began or now for ticket in self._running]
        return max(0.0, min(began, default=now) + self._timeout_s - now)

    def _write_off(self) -> None:
        """Replace the workers that take too long.

        Any of them, for a ticket may be stuck behind one that nobody waits for yet.
        """
        with self._lock:
            limit = time.monotonic() - self._timeout_s
            late = [t for t in self._running if t.began is not None and t.began <= limit]
            self._running.difference_update(late)
        for ticket in late:
            ticket.give_up()
            self._hung += 1
            self._hire()

    def _hire(self) -> None:
        name = f"detect-{next(self._numbers)}"
        threading.Thread(target=self._work, name=name, daemon=True).start()

    def _work(self) -> None:
        while True:
            idle = time.monotonic()
            ticket = self._todo.get()[2]
            if ticket is None:
                return
            ticket.began = began = time.monotonic()
            with self._lock:
                self._running.add(ticket)
            self._see(ticket)
            with self._lock:
                self.clock.wait_in_s += began - idle
                self.clock.busy_s += time.monotonic() - began
                self.clock.frames += 1
                if ticket not in self._running:
                    return  # too late: another worker has this one's place
                self._running.remove(ticket)
            ticket.done.set()
            del ticket

    def _see(self, ticket: Ticket) -> None:
        frame, ticket.frame = ticket.frame, None
        if frame is None:
            return
        try:
            found = self._detector.detect(frame)
            check_sane(found)
            ticket.sightings = tuple(sightings_of(found, frame.index))
        except ModelError as error:
            ticket.misfit = error if isinstance(error, FamilyError) else None
            ticket.fault = "no valid result"
        except Exception:  # noqa: BLE001 - whatever it was, the frame gets covered
            _log.exception("detection failed at frame %d", frame.index)
            ticket.fault = "detector failed"
