"""Resampling: bilinear interpolation as a matrix, so that several steps are one.

Half-pixel centres, edges repeated: what `torch.nn.functional.interpolate(mode="bilinear",
align_corners=False)` computes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Resampling:
    """How each output pixel of one axis is mixed from the inputs.

    Attributes:
        matrix: float32 [outputs, inputs]; rows sum to 1, and what isn't 0 stands together.
    """

    matrix: Floats

    @classmethod
    def bilinear(cls, inputs: int, outputs: int) -> Resampling:
        """From `inputs` pixels to `outputs`."""
        place = np.maximum((np.arange(outputs) + 0.5) * (inputs / outputs) - 0.5, 0)
        low = np.minimum(place.astype(np.int64), inputs - 1)
        share = (place - low).astype(np.float32)
        matrix = np.zeros((outputs, inputs), np.float32)
        each = np.arange(outputs)
        matrix[each, low] += 1 - share
        matrix[each, np.minimum(low + 1, inputs - 1)] += share
        return cls(matrix)

    def then(self, after: Resampling) -> Resampling:
        """This step, and another on what it gives."""
        first = (after.matrix > 0).argmax(axis=1)
        second = np.minimum(first + 1, len(self.matrix) - 1)
        each = np.arange(len(first))
        rest = after.matrix.sum(axis=1) - after.matrix[each, first]
        mixed = self.matrix[first] * after.matrix[each, first][:, None]
        return Resampling(mixed + self.matrix[second] * rest[:, None])

    def first(self, outputs: int) -> Resampling:
        """The first outputs only."""
        return Resampling(self.matrix[:outputs])

    def reach(self, low: int, high: int) -> tuple[slice, slice]:
        """Outputs that inputs [low, high) take part in, and all inputs that those need."""
        touched = np.flatnonzero(self.matrix[:, low:high].any(axis=1))
        if not len(touched):
            return slice(0, 0), slice(0, 0)
        outputs = slice(int(touched[0]), int(touched[-1]) + 1)
        used = np.flatnonzero(self.matrix[outputs].any(axis=0))
        return outputs, slice(int(used[0]), int(used[-1]) + 1)


def resample_part(
    cells: Floats, rows: Resampling, columns: Resampling, *, floor: float
) -> tuple[int, int, Floats] | None:
    """Resample a map, but only the rectangle where it may exceed `floor`.

    Args:
        cells: [inputs of rows, inputs of columns].
        rows: along y.
        columns: along x.
        floor: no output outside the rectangle is greater.

    Returns:
        x and y of the rectangle's corner in outputs, and its values; None if there is none.
    """
    high = cells > floor
    lines, marks = np.flatnonzero(high.any(axis=1)), np.flatnonzero(high.any(axis=0))
    if not len(lines):
        return None
    y, needed_rows = rows.reach(int(lines[0]), int(lines[-1]) + 1)
    x, needed_columns = columns.reach(int(marks[0]), int(marks[-1]) + 1)
    if y.stop <= y.start or x.stop <= x.start:
        return None  # it lies in the padding
    part = rows.matrix[y, needed_rows] @ cells[needed_rows, needed_columns]
    values = part @ columns.matrix[x, needed_columns].T
    return int(x.start), int(y.start), np.asarray(values, np.float32)
