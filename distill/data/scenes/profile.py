"""Profile: radii along the height of what is turned on a lathe, from the foot to the top."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Profile:
    """A silhouette.

    Attributes:
        heights: rising from 0 to 1.
        radii: in units of the height.
        tall_cm: how tall it is.
        cap: height at which the cap, the lid or the nozzle begins, 1 for none.
        foot_cap: height at which a cap at the foot ends.
        label: heights between which a label sits.
        ridges: how deep the body is grooved, in units of the height.
    """

    heights: tuple[float, ...]
    radii: tuple[float, ...]
    tall_cm: float
    cap: float = 1.0
    foot_cap: float = 0.0
    label: tuple[float, float] = (0.2, 0.5)
    ridges: float = 0.0

    def radius(self, heights: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Radii at evenly spaced heights, corners a little rounded."""
        found = np.interp(heights, self.heights, self.radii)
        if self.ridges:
            low, high = self.label
            waves = self.ridges * np.sin(heights * 2 * np.pi * 16)
            inside = (heights > 0.06) & (heights < high + 0.12)
            found = found + waves * (inside & ~((heights > low) & (heights < high)))
        reach = max(1, round(0.006 * heights.size))
        padded = np.pad(found, reach, mode="edge")
        kernel = np.full(2 * reach + 1, 1 / (2 * reach + 1))
        return np.convolve(padded, kernel, mode="valid").astype(np.float32)
