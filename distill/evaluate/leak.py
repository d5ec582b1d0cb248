"""Leak: what would show although it should be hidden, and what would be hidden in vain.

Counted on single images by the device's rule for covers (`distill.evaluate.cover`): all
predictions of a class from its threshold on, together. Average precision asks whether objects are
told from one another; a cover need not do that, but it must not leave out an arm.

One pass gives every threshold exactly. For each class a map holds, pixel by pixel, how many of
the thresholds the best prediction there reaches; a histogram of that map over the object's
pixels, or over the background, summed from the top, is what is hidden at each threshold. What is
kept is a few numbers a class, however many images there are.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt

from distill.data import rle as run_length
from distill.evaluate.cover import MARGIN, cover_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from distill.data.record import ImageRecord
    from distill.data.rle import Rle
    from models.instances import Instances

    Bools = npt.NDArray[np.bool_]
    Levels = npt.NDArray[np.uint8]
    Pasted = tuple[tuple[slice, slice], Bools]

STEPS = (0.01, *(round(0.025 * step, 3) for step in range(1, 39)))
"""Thresholds that are tried: 0.01, 0.025, 0.05, ... 0.95. Chosen, not measured."""

_COVERED_PERCENT = 95
"""An object of which less is hidden leaks. Chosen, not measured: rims are where masks differ."""


@dataclass(frozen=True)
class Leak:
    """How much leaks at one threshold, in pixels and objects of a whole data set.

    Attributes:
        shown: pixels of objects that are not hidden.
        pixels: pixels of objects.
        leaking: objects that are covered less than 95 %.
        objects: all of them, regions to ignore not counted.
        over: hidden pixels that belong to no object of any class and to no region to ignore.
        picture: all pixels of all images.
    """

    shown: int
    pixels: int
    leaking: int
    objects: int
    over: int
    picture: int

    @property
    def pixel_leak(self) -> float:
        """Share of the objects' pixels that shows; NaN where there is no object."""
        return self.shown / self.pixels if self.pixels else math.nan

    @property
    def instance_leak(self) -> float:
        """Share of objects that leak; NaN where there is none."""
        return self.leaking / self.objects if self.objects else math.nan

    @property
    def over_redaction(self) -> float:
        """Share of the whole picture, objects included, that is hidden in vain."""
        return self.over / self.picture

    def to_json(self) -> dict[str, float | None]:
        """The three shares; null where there is no object."""
        shares = {
            "pixel_leak": self.pixel_leak,
            "instance_leak": self.instance_leak,
            "over_redaction": self.over_redaction,
        }
        return {
            name: None if math.isnan(share) else round(share, 6) for name, share in shares.items()
        }


@dataclass(frozen=True)
class Leaks:
    """What a network leaks.

    Attributes:
        margin: growth of covers, share of the object's longer side.
        mask_grow: how far masks reached beyond their boxes, as the device reads them.
        thresholds: by class, from which its predictions are hidden.
        together: all classes hidden at once, each at its threshold; it does not matter for what
            an object was taken.
        by_class: each class as if it alone were hidden; no object is hidden in vain, of
            whichever class it is.
        curves: by class, every threshold that was tried, rising, and what leaks there.
    """

    margin: float
    mask_grow: float
    thresholds: tuple[float, ...]
    together: Leak
    by_class: tuple[Leak, ...]
    curves: tuple[tuple[tuple[float, Leak], ...], ...]

    def to_json(self) -> dict[str, Any]:
        """All classes together, for programs."""
        return {"margin": self.margin, "mask_grow": self.mask_grow, **self.together.to_json()}


class LeakCounter:
    """Counts image by image."""

    def __init__(self, thresholds: Sequence[float], margin: float = MARGIN) -> None:
        """Begin with nothing seen.

        Args:
            thresholds: by class, where its working threshold lies; those of `STEPS` come along.
            margin: growth of covers, share of the object's longer side.
        """
        self._thresholds, self._margin = tuple(thresholds), margin
        self._steps = [sorted({*STEPS, threshold}) for threshold in thresholds]
        self._classes = [_Histograms(len(steps)) for steps in self._steps]
        self._together = _Histograms(1)
        self._picture = 0
        self._mask_grow = 0.0

    def add(self, found: Instances, record: ImageRecord) -> None:
        """Count one image: what was seen, and what is there."""
        size = (record.height, record.width)
        self._picture += record.height * record.width
        self._mask_grow = max(self._mask_grow, found.mask_grow)
        background = np.ones(size, np.bool_)
        objects: dict[int, list[Pasted]] = {}
        for truth in record.annotations:
            window, inside = _pasted(truth.rle)
            background[window] &= ~inside
            if not truth.ignore:
                objects.setdefault(truth.class_id, []).append((window, inside))
        levels, hidden = self._painted(found, size)
        for class_id in levels.keys() | objects.keys():
            painted = levels.get(class_id, _unpainted(size))
            self._classes[class_id].add(painted, objects.get(class_id, []), background)
        self._together.add(hidden, [one for some in objects.values() for one in some], background)

    def _painted(self, found: Instances, size: tuple[int, int]) -> tuple[dict[int, Levels], Levels]:
        """By class, how many thresholds the best prediction at a pixel reaches; what is hidden."""
        levels: dict[int, Levels] = {}
        hidden = _unpainted(size)
        for i, (class_id, score) in enumerate(
            zip(found.classes.tolist(), found.scores.tolist(), strict=True)
        ):
            level = bisect_right(self._steps[class_id], score)
            cover = cover_of(found, i, size, self._margin) if level else None
            if cover is None:
                continue
            x, y, inside = cover
            window = (slice(y, y + inside.shape[0]), slice(x, x + inside.shape[1]))
            part = levels.setdefault(class_id, _unpainted(size))[window]
            np.maximum(part, inside * np.uint8(level), out=part)
            if score >= self._thresholds[class_id]:
                hidden[window] |= inside
        return levels, hidden

    def together(self) -> Leak:
        """What was counted so far of all classes, hidden at once, each at its threshold."""
        return self._together.leak(1, self._picture)

    def leaks(self) -> Leaks:
        """What was counted so far."""
        curves = tuple(
            tuple(
                (threshold, counts.leak(step, self._picture))
                for step, threshold in enumerate(steps, start=1)
            )
            for steps, counts in zip(self._steps, self._classes, strict=True)
        )
        return Leaks(
            self._margin,
            self._mask_grow,
            self._thresholds,
            self.together(),
            tuple(
                dict(curve)[threshold]
                for curve, threshold in zip(curves, self._thresholds, strict=True)
            ),
            curves,
        )


class _Histograms:
    """How many pixels and objects are hidden up to which step; step 0 is never."""

    def __init__(self, steps: int) -> None:
        self._pixels, self._objects, self._over = np.zeros((3, steps + 1), np.int64)

    def add(self, levels: Levels, objects: Sequence[Pasted], background: Bools) -> None:
        """Count one image.

        Args:
            levels: [h, w], the last step at which a pixel is hidden.
            objects: those that should be hidden.
            background: bool [h, w], what should not.
        """
        x, y, width, height = cv2.boundingRect(levels)
        painted = (slice(y, y + height), slice(x, x + width))
        self._over += self._counted(levels[painted][background[painted]])
        union = np.zeros(levels.shape, np.bool_)
        for window, inside in objects:
            union[window] |= inside
            counts = self._counted(levels[window][inside])
            from_step = counts[::-1].cumsum()[::-1]  # what is hidden at that step; at 0 all
            covered = 100 * from_step >= _COVERED_PERCENT * from_step[0]
            self._objects[np.flatnonzero(covered)[-1]] += 1
        if objects:
            self._pixels += self._counted(levels[union])

    def _counted(self, levels: Levels) -> npt.NDArray[np.int64]:
        return np.bincount(levels, minlength=len(self._pixels))

    def leak(self, step: int, picture: int) -> Leak:
        """What leaks at one step, in images of so many pixels."""
        return Leak(
            int(self._pixels[:step].sum()),
            int(self._pixels.sum()),
            int(self._objects[:step].sum()),
            int(self._objects.sum()),
            int(self._over[step:].sum()),
            picture,
        )


def _pasted(rle: Rle) -> Pasted:
    """The rectangle around an object, and which of its pixels are the object's."""
    x0, y0, x1, y1 = (int(value) for value in run_length.box(rle))
    window = (slice(y0, y1), slice(x0, x1))
    return window, run_length.decode(rle)[window].view(np.bool_)


def _unpainted(size: tuple[int, int]) -> Levels:
    return np.zeros(size, np.uint8)
