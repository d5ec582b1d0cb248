"""Sampling: which pictures of a clip are worth a label, and where its scenes are cut."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from distill.data.clip_frame import ClipFrame, Grey

    Floats = npt.NDArray[np.float32]

NOT_CHOSEN, DUPLICATE, BLURRED = "not chosen", "near-duplicate", "blurred"
"""Why a frame is dropped."""

# The thresholds below were chosen, not measured.

_THUMBNAIL_SIDE = 64
_SAME = 8
"""Grey levels; a frame whose every thumbnail pixel differs by no more shows nothing new."""

_SHARPNESS_SIDE = 320
_BLURRED_RATIO, _BLURRED_SHARE = 0.5, 0.8
"""Four of five textured blocks lose half of their edges and more where the camera is jerked; what
moves before a camera that rests never spoils so many."""
_SHARPNESS_WINDOW, _MIN_SEEN = 31, 5
_BLOCKS = 8, 6
_NOTHING = 1.0
"""Variance, squared grey levels, below which a block has no edges that could be lost."""

_CUT_HISTOGRAM = 0.25
"""Share of the pixels that would have to change their grey for one histogram to be the other."""
_CUT_LEVELS, _CUT_RATIO, _CUT_STEP = 14.0, 4.0, 2.5
"""A cut changes thumbnails by this many grey levels, by this much more than usual, and by this
much more than the frame before did: a light that goes on or a car that comes near builds up."""
_CUT_LIKENESS = 0.4
"""Correlation; a picture of the same thing has more, whatever the light."""
_CHANGE_WINDOW = 15
_BINS = 32


@dataclass(frozen=True, slots=True)
class FrameDecision:
    """What becomes of a frame.

    Attributes:
        segment: scene cuts before it.
        dropped: why it is not to be labelled; None if it is.
    """

    segment: int
    dropped: str | None

    @property
    def stands_for_latest(self) -> bool:
        """Whether the latest frame to be labelled shows what this one would."""
        return self.dropped == DUPLICATE


class Sampler:
    """Looks at every frame of one clip, in order.

    Args:
        every: 2 takes every other frame.
    """

    def __init__(self, every: int) -> None:
        self._every = every
        self._seen = 0
        self._segment = 0
        self._size: tuple[int, int] | None = None
        self._latest: Grey | None = None
        self._kept: Grey | None = None
        self._changes: deque[float] = deque(maxlen=_CHANGE_WINDOW)
        self._sharpness: deque[Floats] = deque(maxlen=_SHARPNESS_WINDOW)
        self.dropped: Counter[str] = Counter()
        """Frames so far, by the reason."""

    def judge(self, frame: ClipFrame) -> FrameDecision:
        """Whether to label the next frame."""
        small = frame.grey(_THUMBNAIL_SIDE)
        if self._is_cut(frame, small):
            self._segment += 1
            self._kept = None
            self._sharpness.clear()
        self._latest, self._size = small, frame.size
        number = self._seen
        self._seen += 1
        reason = self._reason(frame, small) if number % self._every == 0 else NOT_CHOSEN
        if reason is None:
            self._kept = small
        else:
            self.dropped[reason] += 1
        return FrameDecision(self._segment, reason)

    def _reason(self, frame: ClipFrame, small: Grey) -> str | None:
        if self._kept is not None and cv2.absdiff(small, self._kept).max() <= _SAME:
            return DUPLICATE
        return BLURRED if self._is_blurred(frame) else None

    def _is_blurred(self, frame: ClipFrame) -> bool:
        sharpness = sharpness_of(frame)
        self._sharpness.append(sharpness)
        if len(self._sharpness) < _MIN_SEEN:
            return False
        usual = np.median(self._sharpness, axis=0)
        textured = usual >= np.median(usual)
        ratio = (sharpness[textured] + _NOTHING) / (usual[textured] + _NOTHING)
        return float(np.quantile(ratio, _BLURRED_SHARE)) < _BLURRED_RATIO

    def _is_cut(self, frame: ClipFrame, small: Grey) -> bool:
        if self._latest is None:
            return False
        if frame.size != self._size:
            return True
        change = float(cv2.absdiff(small, self._latest).mean())
        usual = float(np.median(self._changes)) if self._changes else 0.0
        before = self._changes[-1] if self._changes else 0.0
        self._changes.append(change)
        if change < max(_CUT_LEVELS, _CUT_RATIO * usual, _CUT_STEP * before):
            return False
        return (
            _histogram_distance(small, self._latest) > _CUT_HISTOGRAM
            or _likeness(small, self._latest) < _CUT_LIKENESS
        )


def sharpness_of(frame: ClipFrame) -> Floats:
    """Variance of the Laplacian in each block of a small grey copy, without most of its noise.

    In blocks, because something that leaves takes its edges with it, but only from where it was.
    """
    edges = cv2.Laplacian(frame.grey(_SHARPNESS_SIDE), cv2.CV_32F)
    return np.asarray(cv2.resize(edges**2, _BLOCKS, interpolation=cv2.INTER_AREA), np.float32)


def _histogram_distance(a: Grey, b: Grey) -> float:
    """Half the summed difference of two histograms, 0 to 1."""
    counts = [np.histogram(grey, _BINS, (0, 256))[0] for grey in (a, b)]
    return float(np.abs(counts[0] - counts[1]).sum() / (2 * a.size))


def _likeness(a: Grey, b: Grey) -> float:
    """Correlation of two thumbnails, -1 to 1; 1 where both are flat."""
    return float(cv2.matchTemplate(a, b, cv2.TM_CCOEFF_NORMED)[0, 0])
