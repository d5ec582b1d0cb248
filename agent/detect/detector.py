"""Detector: sees objects in one frame, by a network that is fed from the frame's planes."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Protocol

import numpy as np

from agent.frames.cpu_frame import planes_of
from models.errors import InferenceError
from models.input_buffer import InputBuffer
from models.preprocess import Letterbox, rgb_from_yuv

if TYPE_CHECKING:
    from agent.frames.frame import Frame
    from models.feeding import Feedings
    from models.instances import Instances
    from models.preprocess import InputSpec
    from models.runtime.choose import Chosen

MAX_COORDINATE_PX = 1e6
"""A box that reaches further is a fault. Chosen, not measured: no sensor is as wide."""


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

    Attributes:
        chosen: which of the bundle's networks runs, and on what.
        min_score: may be set at any time; streams with other scores that share the detector need
            the least of theirs, and each leaves aside what is too weak for it.
    """

    def __init__(self, chosen: Chosen, feedings: Feedings, min_score: float) -> None:
        self.chosen, self._feedings, self.min_score = chosen, feedings, min_score
        self._buffers = _Buffers()

    def detect(self, frame: Frame) -> Instances:
        """Scale, convert, run, decode."""
        way = self._feedings.suited(frame.size)
        fit = Letterbox.fit(frame.size, way.spec)
        colour = frame.colour
        rgb = rgb_from_yuv(planes_of(frame), fit.inner, colour.matrix, full_range=colour.full_range)
        outputs = self.chosen.network.run(self._buffers.of(way.spec).fill(rgb, fit))
        return way.decoder.decode(outputs, fit, min_score=self.min_score)


def check_sane(found: Instances) -> None:
    """Refuse scores and boxes that can't be true.

    A score that is NaN compares as "nothing here", and an object would be let through.

    Raises:
        InferenceError: a score is not finite, or a box reaches beyond `MAX_COORDINATE_PX`.
    """
    if not (np.isfinite(found.scores).all() and (np.abs(found.boxes) <= MAX_COORDINATE_PX).all()):
        raise InferenceError("the detector gave numbers that can't be true")
