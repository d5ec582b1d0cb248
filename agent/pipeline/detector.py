"""Detection on worker threads that may fail, lie or hang without hurting anyone."""

from __future__ import annotations

import queue
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from agent.track.track import Sighting, sightings_of
from models.errors import ModelError
from models.preprocess import Letterbox, network_input, rgb_from_yuv

if TYPE_CHECKING:
    from agent.video.frame import Frame
    from models.bundle import Manifest
    from models.decode import Decoder
    from models.instances import Instances
    from models.runtime import Network

MOST_HUNG = 3
"""Workers that may hang before detection is given up for the rest of the run."""


class Detector(Protocol):
    """Sees objects in one frame; called from several threads at once."""

    def detect(self, frame: Frame) -> Instances:
        """The instances, in frame pixels.

        Raises:
            ModelError: there is no result that may be trusted.
        """


class NetworkDetector:
    """A bundle's network, fed from planes."""

    def __init__(self, network: Network, decoder: Decoder, manifest: Manifest) -> None:
        self._network, self._decoder, self._spec = network, decoder, manifest.input

    def detect(self, frame: Frame) -> Instances:
        """Scale, convert, run, decode."""
        fit = Letterbox.fit(frame.size, self._spec)
        colour = frame.colour
        rgb = rgb_from_yuv(frame.planes, fit.inner, colour.matrix, full_range=colour.full_range)
        outputs = self._network.run(network_input(rgb, fit, self._spec))
        return self._decoder.decode(outputs, fit)


@dataclass(slots=True)
class Ticket:
    """A frame that was handed in, and what came of it.

    Attributes:
        fault: why there is no result; a short word for counting.
    """

    frame: Frame | None
    sightings: tuple[Sighting, ...] = ()
    fault: str | None = None
    began: float | None = None
    done: threading.Event = field(default_factory=threading.Event)


class DetectorPool:
    """Several workers on one detector.

    Args:
        timeout_s: a detection that takes longer is a fault, and its worker is written off.
    """

    def __init__(self, detector: Detector, workers: int, timeout_s: float) -> None:
        self._detector, self._timeout_s = detector, timeout_s
        self._todo: queue.PriorityQueue[tuple[int, Ticket | None]] = queue.PriorityQueue()
        self._hung = 0
        self._count = 0
        self.workers = workers
        self.busy_s = 0.0
        for _ in range(workers):
            self._hire()

    @property
    def given_up(self) -> bool:
        """Too many workers hung: every further frame is covered whole, at once."""
        return self._hung >= MOST_HUNG

    def submit(self, frame: Frame) -> Ticket:
        """Hand in a frame; the earliest one that waits is seen first."""
        ticket = Ticket(frame)
        self._todo.put((frame.index, ticket))
        return ticket

    def wait(self, ticket: Ticket) -> Ticket:
        """The ticket once it has a result or a fault."""
        while not self.given_up:
            began = ticket.began
            left = self._timeout_s if began is None else began + self._timeout_s - time.monotonic()
            if ticket.done.wait(max(left, 0)):
                return ticket
            if began is not None and left <= 0:
                self._hung += 1
                self._hire()
                break
        return Ticket(None, fault="detector timed out")

    def close(self) -> None:
        """Let idle workers go; a hung one is a daemon and can't keep the process alive."""
        for _ in range(self.workers + self._hung):
            self._todo.put((-1, None))

    def _hire(self) -> None:
        self._count += 1
        threading.Thread(target=self._work, name=f"detect-{self._count}", daemon=True).start()

    def _work(self) -> None:
        while True:
            _, ticket = self._todo.get()
            if ticket is None or ticket.frame is None:
                return
            frame, ticket.frame = ticket.frame, None
            ticket.began = time.monotonic()
            try:
                ticket.sightings = tuple(sightings_of(self._detector.detect(frame), frame.index))
            except ModelError:
                ticket.fault = "no valid result"
            except Exception:  # noqa: BLE001 - whatever it was, the frame must be covered
                ticket.fault = "detector failed"
            del frame
            self.busy_s += time.monotonic() - ticket.began
            ticket.done.set()
