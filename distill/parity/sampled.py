"""Sampled: a tensor of the original, of which some values were kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Sampled:
    """A tensor of the original, of which some values were kept.

    Attributes:
        shape: of the whole tensor.
        greatest: largest absolute value of the whole tensor.
        index: flat indices [M] of the values kept.
        values: [M].
    """

    shape: tuple[int, ...]
    greatest: float
    index: npt.NDArray[np.int64]
    values: npt.NDArray[Any]

    def error(self, actual: npt.NDArray[Any], rows: npt.NDArray[np.int64] | None = None) -> float:
        """The greatest difference as a share of the tensor's greatest value.

        Infinite where shapes differ or a value is not finite.

        Args:
            actual: the tensor to compare.
            rows: which of its first axis count; all, if None.
        """
        if actual.shape != self.shape:
            return float("inf")
        difference = np.abs(actual.reshape(-1)[self.index].astype(np.float64) - self.values)
        if rows is not None:
            difference = difference[np.isin(np.unravel_index(self.index, self.shape)[0], rows)]
        if not np.isfinite(difference).all():
            return float("inf")
        return float(difference.max(initial=0.0)) / max(self.greatest, 1e-30)
