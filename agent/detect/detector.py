"""Detector: sees objects in one frame, by a network that is fed from the frame's planes."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from agent.frames.cpu_frame import planes_of
from models.errors import InferenceError, ModelError
from models.input_buffer import InputBuffer
from models.preprocess import Letterbox, rgb_from_yuv

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from agent.frames.frame import Frame
    from models.decode import Decoder
    from models.feeding import Feeding, Feedings
    from models.input_spec import InputSpec
    from models.instances import Instances
    from models.runtime.choose import Chosen
    from models.runtime.gpu import Gpu

MAX_COORDINATE_PX = 1e6
"""A box that reaches further is a fault. Chosen, not measured: no sensor is as wide."""


class NoModelError(ModelError):
    """There is no network to see anything with."""


class Detector(Protocol):
    """Sees objects in one frame; called from several threads at once."""

    def detect(self, frame: Frame) -> Instances:
        """The instances, in frame pixels.

        Raises:
            ModelError: there is no result that may be trusted.
        """


class _Buffers(threading.local):
    """The buffers of one thread.

    A thread that hangs keeps its own: nobody writes into what a network may still read.
    """

    def __init__(self) -> None:
        self._by_spec: dict[InputSpec, InputBuffer] = {}

    def of(self, spec: InputSpec) -> InputBuffer:
        if spec not in self._by_spec:
            self._by_spec[spec] = InputBuffer(spec)
        return self._by_spec[spec]


class NetworkDetector:
    """A bundle's network, fed from planes at the size that suits each frame.

    Args:
        min_score: detections that score no more than this are of no use to anyone.
        sought: groups of class ids, one for each stream that hides less than all: what a stream
            hides is seen where something that it doesn't hide scores higher.

    Attributes:
        chosen: which of the bundle's networks runs, and on what.
        min_score: may be set at any time; streams with other scores that share the detector need
            the least of theirs, and each leaves aside what is too weak for it.
        sought: likewise, all of theirs.
    """

    def __init__(
        self,
        chosen: Chosen,
        feedings: Feedings,
        min_score: float,
        sought: frozenset[frozenset[int]] = frozenset(),
    ) -> None:
        self.chosen, self._feedings = chosen, feedings
        self.min_score, self.sought = min_score, sought
        self._buffers = _Buffers()

    @property
    def gpu(self) -> Gpu | None:
        """The GPU on which frames may lie for it; None where it reads main memory."""
        return None

    def detect(self, frame: Frame) -> Instances:
        """Scale, convert, run, decode."""
        way = self._feedings.suited(frame.size)
        fit = Letterbox.fit(frame.size, way.spec)
        outputs = self._outputs(frame, fit, way.spec)
        decoder = self._decoder(way)
        return decoder.decode(outputs, fit, min_score=self.min_score, sought=self.sought)

    def _outputs(self, frame: Frame, fit: Letterbox, spec: InputSpec) -> Sequence[npt.NDArray[Any]]:
        """What the network gives for a frame."""
        colour = frame.colour
        rgb = rgb_from_yuv(planes_of(frame), fit.inner, colour.matrix, full_range=colour.full_range)
        return self.chosen.network.run(self._buffers.of(spec).fill(rgb, fit))

    def _decoder(self, way: Feeding) -> Decoder:
        """What reads that."""
        return way.decoder


def check_sane(found: Instances) -> None:
    """Refuse scores and boxes that can't be true.

    A score that is NaN compares as "nothing here", and an object would be let through.

    Raises:
        InferenceError: a score is not finite, or a box reaches beyond `MAX_COORDINATE_PX`.
    """
    if not (np.isfinite(found.scores).all() and (np.abs(found.boxes) <= MAX_COORDINATE_PX).all()):
        raise InferenceError("the detector gave numbers that can't be true")
