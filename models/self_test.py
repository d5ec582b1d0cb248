"""Self-test: what a network predicts on golden frames beside what its bundle expects.

Whoever runs the network, on whatever accelerator and in whatever precision, runs it on the
golden frames and compares, within the manifest's tolerances.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from models.boxes import iou
from models.errors import BundleError
from models.feeding import Feedings
from models.golden import EXPECTED_PROBABILITY, golden_frames
from models.masks import pasted
from models.preprocess import preprocess

if TYPE_CHECKING:
    from collections.abc import Iterable

    from models.bundle import Bundle
    from models.golden import GoldenFrame
    from models.instances import Instances
    from models.manifest import Manifest, Size
    from models.runtime.network import Runnable

    Image = npt.NDArray[np.uint8]

_MIN_IOU = 0.5
"""Overlap of boxes from which on an instance is taken to be the expected one, as in PASCAL VOC."""


@dataclass(frozen=True, slots=True)
class Tolerances:
    """How far a prediction may be from what is expected.

    Attributes:
        box_px: pixels of the frame, for each side of a box.
        score: likewise, 0 to 1; an object this close to its class's threshold may be missing.
        mask_iou: the least overlap of masks.
    """

    box_px: float
    score: float
    mask_iou: float

    def __post_init__(self) -> None:
        if not (self.box_px > 0 and self.score > 0 and 0 <= self.mask_iou < 1):
            raise BundleError(
                "golden tolerances: box_px and score are above 0, mask_iou is below 1"
            )

    @classmethod
    def of(cls, manifest: Manifest) -> Tolerances:
        """The manifest's.

        Raises:
            BundleError: one is missing, or of a kind that this version can't check.
        """
        names = {field.name for field in fields(cls)}
        if odd := names ^ manifest.golden.keys():
            raise BundleError(
                f"the golden tolerances are {', '.join(sorted(names))}; "
                f"{min(odd)} is {'missing' if min(odd) in names else 'unknown'}"
            )
        return cls(**manifest.golden)

    def to_manifest(self) -> dict[str, float]:
        """What `of` reads."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The largest deviation over all frames.

    Attributes:
        share: of what is allowed; more than 1 is too much.
        line: what it was.
        compared: instances that were expected and found.
    """

    share: float
    line: str
    compared: int

    @property
    def ok(self) -> bool:
        """Whether everything is within its tolerance."""
        return self.share <= 1


def look(
    image: Image, manifest: Manifest, network: Runnable, size: Size | None = None
) -> Instances:
    """The instances of an RGB image that a device hides: above their classes' thresholds.

    Args:
        image: uint8 [h, w, 3].
        manifest: of the network.
        network: is asked.
        size: width, height of its input; None for that of the manifest's `input`.

    Raises:
        BundleError: it was not tested at this size.
        ModelError: the network can't be run, or gives what can't be read.
    """
    thresholds = {spec.id: manifest.threshold(spec.name) for spec in manifest.classes}
    way = Feedings.of(manifest).at(size)
    fed, fit = preprocess(image, way.spec)
    seen = way.decoder.decode(network.run(fed), fit, min_score=0.5 * min(thresholds.values()))
    least = np.array([thresholds.get(int(label), np.inf) for label in seen.classes], np.float32)
    return seen.take(np.flatnonzero(seen.scores >= least))


def check(
    frames: Iterable[GoldenFrame], manifest: Manifest, network: Runnable, tolerances: Tolerances
) -> Verdict:
    """Run a network on golden frames; the largest deviation from what is expected.

    Raises:
        ModelError: it can't be run, or gives what can't be read.
    """
    worst = Verdict(0.0, "nothing differs", 0)
    compared = 0
    for number, frame in enumerate(frames, start=1):
        seen = look(frame.image, manifest, network, frame.size)
        found = _Comparison(frame, seen, manifest, tolerances)
        compared += len(found.pairs)
        share, line = found.worst()
        if share > worst.share:
            worst = Verdict(share, f"golden frame {number}: {line}", 0)
    if not compared and worst.share <= 1:  # a blind network differs nowhere, either
        return Verdict(math.inf, "nothing of what is expected is found", 0)
    return Verdict(worst.share, worst.line, compared)


def self_test(bundle: Bundle, network: Runnable) -> Verdict:
    """Run a network on its bundle's golden frames, within the bundle's own tolerances.

    Raises:
        BundleError: there are no frames, or they or the tolerances can't be read.
        ModelError: the network can't be run, or gives what can't be read.
    """
    if not bundle.manifest.golden_files:
        raise BundleError(f"bundle {bundle.manifest.name} holds no golden frames to test it with")
    return check(golden_frames(bundle), bundle.manifest, network, Tolerances.of(bundle.manifest))


class _Comparison:
    """What was seen in one frame beside what was expected."""

    def __init__(
        self, frame: GoldenFrame, seen: Instances, manifest: Manifest, allowed: Tolerances
    ) -> None:
        self._size = frame.image.shape[1], frame.image.shape[0]
        self._expected, self._seen, self._allowed = frame.expected, seen, allowed
        self._names = {spec.id: spec.name for spec in manifest.classes}
        self._thresholds = {spec.id: manifest.threshold(spec.name) for spec in manifest.classes}
        self.pairs = _pairs(frame.expected, seen)

    def worst(self) -> tuple[float, str]:
        """Share of what is allowed, and what it was."""
        there, here = ({pair[i] for pair in self.pairs} for i in range(2))
        found = [
            *self._alone(self._expected, there, "is not found"),
            *self._alone(self._seen, here, "should not be there"),
        ]
        for i, j in self.pairs:
            found += self._differences(i, j)
        return max(found, default=(0.0, "nothing differs"), key=lambda each: each[0])

    def _alone(self, instances: Instances, paired: set[int], what: str) -> list[tuple[float, str]]:
        """Objects of one side only, unless rounding may have carried them over the threshold."""
        return [
            (math.inf, f"{self._called(instances, i)} {what}")
            for i in range(len(instances))
            if i not in paired
            and float(instances.scores[i])
            > self._thresholds[int(instances.classes[i])] + self._allowed.score
        ]

    def _differences(self, i: int, j: int) -> list[tuple[float, str]]:
        """Of a pair."""
        name, allowed = self._called(self._expected, i), self._allowed
        box = float(np.abs(self._expected.boxes[i] - self._seen.boxes[j]).max())
        score = abs(float(self._expected.scores[i] - self._seen.scores[j]))
        overlap = self._overlap(i, j)
        return [
            (box / allowed.box_px, f"the box of {name} is off by {box:.3g} px of {allowed.box_px}"),
            (score / allowed.score, f"{name} is off by {score:.3g} of {allowed.score}"),
            (
                (1 - overlap) / (1 - allowed.mask_iou),
                f"the mask of {name} overlaps {overlap:.3f}, not {allowed.mask_iou}",
            ),
        ]

    def _overlap(self, i: int, j: int) -> float:
        """IoU of what a device hides because of two masks; 1 where both are none or empty."""
        expected, seen = self._expected.masks, self._seen.masks
        if expected is None or seen is None:
            return 1.0 if expected is seen else 0.0
        first = pasted(expected[i], self._size, EXPECTED_PROBABILITY)
        second = pasted(seen[j], self._size, EXPECTED_PROBABILITY)
        union = int((first | second).sum())
        return int((first & second).sum()) / union if union else 1.0

    def _called(self, instances: Instances, i: int) -> str:
        x0, y0, x1, y1 = (round(float(value)) for value in instances.boxes[i])
        name = self._names[int(instances.classes[i])]
        return f"'{name}' ({instances.scores[i]:.2f}) at {x0},{y0} to {x1},{y1}"


def _pairs(expected: Instances, seen: Instances) -> list[tuple[int, int]]:
    """Expected and seen indices of what is the same object, best overlap first."""
    overlap = iou(expected.boxes, seen.boxes)
    overlap[expected.classes[:, None] != seen.classes[None]] = 0
    pairs = []
    while overlap.size and overlap.max() >= _MIN_IOU:
        i, j = np.unravel_index(int(overlap.argmax()), overlap.shape)
        overlap[i], overlap[:, j] = 0, 0
        pairs.append((int(i), int(j)))
    return pairs
