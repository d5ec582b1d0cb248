"""Repeat factors: images of rare classes come up more often.

Gupta, Dollar, Girshick, "LVIS: A Dataset for Large Vocabulary Instance Segmentation", 2019, appendix
B.2. A class that is in a share f of the images has the factor max(1, sqrt(t / f)), an image the
largest of its classes'.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from distill.data.record import ImageRecord

    Floats = npt.NDArray[np.float64]


def class_factors(records: Sequence[ImageRecord], threshold: float) -> dict[int, float]:
    """The factor of each class that is in an image; regions that don't count are none.

    Args:
        records: the images.
        threshold: t, the share of the images below which a class is rare, 0 to 1.
    """
    count = Counter(class_id for record in records for class_id in _classes(record))
    return {
        class_id: max(1.0, (threshold * len(records) / images) ** 0.5)
        for class_id, images in sorted(count.items())
    }


def repeat_factors(records: Sequence[ImageRecord], threshold: float) -> Floats:
    """How often each image comes up, 1 or more [images]; all 1 where the threshold is 0."""
    of_class = class_factors(records, threshold)
    return np.array(
        [max((of_class[each] for each in _classes(record)), default=1.0) for record in records]
    )


def repeated(factors: Floats, random: np.random.Generator) -> npt.NDArray[np.int64]:
    """One pass: each image's number as often as its factor says, rounded up or down by chance.

    Every pass has the same length, the factors' sum; drawn as systematic resampling does it.
    """
    ends = factors.cumsum()
    length = round(ends[-1]) if len(ends) else 0
    places = (np.arange(length) + random.random()) * (ends[-1] / length if length else 1.0)
    return np.minimum(np.searchsorted(ends, places, side="right"), len(factors) - 1)


def balance_lines(
    records: Sequence[ImageRecord], threshold: float, classes: Sequence[str]
) -> list[str]:
    """Which classes come up more often, a line each."""
    return [
        f"balance: images with {classes[class_id]} come up {factor:.1f} times as often"
        for class_id, factor in class_factors(records, threshold).items()
        if factor >= _WORTH_SAYING
    ]


_WORTH_SAYING = 1.05
"""A factor that shows in a line. Chosen, not measured."""


def _classes(record: ImageRecord) -> set[int]:
    return {one.class_id for one in record.annotations if not one.ignore}
