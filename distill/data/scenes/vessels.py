"""Shapes: radii along the height of what is turned on a lathe, from the foot to the top."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Shape:
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


BOTTLES: dict[str, tuple[Shape, ...]] = {
    "wine": (
        Shape(  # straight shoulders
            (0, 0.012, 0.03, 0.6, 0.66, 0.71, 0.75, 0.92, 0.925, 0.95, 0.955, 1),
            (0.1, 0.12, 0.126, 0.126, 0.115, 0.078, 0.05, 0.044, 0.052, 0.052, 0.047, 0.047),
            30,
            0.8,
            label=(0.16, 0.48),
        ),
        Shape(  # sloping shoulders
            (0, 0.012, 0.03, 0.44, 0.54, 0.64, 0.74, 0.8, 0.93, 0.935, 0.96, 0.965, 1),
            (0.11, 0.13, 0.137, 0.137, 0.122, 0.092, 0.06, 0.05, 0.046, 0.053, 0.053, 0.048, 0.048),
            30,
            0.82,
            label=(0.12, 0.38),
        ),
        Shape(  # tall and thin, as Riesling's
            (0, 0.01, 0.03, 0.42, 0.6, 0.75, 0.86, 0.94, 0.945, 0.965, 1),
            (0.09, 0.105, 0.11, 0.11, 0.094, 0.064, 0.046, 0.041, 0.047, 0.047, 0.042),
            33,
            0.83,
            label=(0.14, 0.37),
        ),
    ),
    "water": (
        Shape(
            (0, 0.015, 0.04, 0.62, 0.7, 0.78, 0.85, 0.89, 0.9, 0.915, 0.925, 0.93, 1),
            (0.1, 0.13, 0.14, 0.14, 0.135, 0.112, 0.072, 0.053, 0.066, 0.066, 0.054, 0.063, 0.062),
            22,
            0.925,
            label=(0.36, 0.6),
            ridges=0.0028,
        ),
        Shape(  # a waist in the middle
            (0, 0.02, 0.05, 0.25, 0.38, 0.46, 0.6, 0.7, 0.8, 0.88, 0.9, 0.915, 0.93, 0.935, 1),
            (
                0.1,
                0.12,
                0.13,
                0.132,
                0.115,
                0.113,
                0.13,
                0.124,
                0.09,
                0.052,
                0.05,
                0.06,
                0.06,
                0.057,
                0.056,
            ),
            24,
            0.93,
            label=(0.5, 0.66),
            ridges=0.0018,
        ),
        Shape(  # one and a half litres
            (0, 0.01, 0.03, 0.64, 0.74, 0.84, 0.9, 0.93, 0.935, 0.95, 0.955, 1),
            (0.11, 0.135, 0.143, 0.143, 0.126, 0.08, 0.05, 0.046, 0.055, 0.055, 0.051, 0.05),
            32,
            0.952,
            label=(0.34, 0.56),
            ridges=0.002,
        ),
    ),
    "beer": (
        Shape(
            (0, 0.01, 0.03, 0.52, 0.58, 0.66, 0.72, 0.92, 0.925, 0.95, 0.955, 0.96, 0.995, 1),
            (
                0.11,
                0.128,
                0.134,
                0.134,
                0.124,
                0.085,
                0.066,
                0.054,
                0.06,
                0.06,
                0.056,
                0.068,
                0.062,
                0.05,
            ),
            23,
            0.957,
            label=(0.13, 0.42),
        ),
        Shape(  # stubby
            (0, 0.01, 0.03, 0.55, 0.64, 0.74, 0.8, 0.9, 0.905, 0.935, 0.94, 0.945, 0.993, 1),
            (
                0.15,
                0.175,
                0.18,
                0.18,
                0.166,
                0.11,
                0.084,
                0.074,
                0.082,
                0.082,
                0.076,
                0.09,
                0.083,
                0.07,
            ),
            18,
            0.943,
            label=(0.15, 0.46),
        ),
    ),
    "squeeze": (
        Shape(  # a nozzle, as for ketchup
            (0, 0.012, 0.035, 0.2, 0.42, 0.6, 0.68, 0.73, 0.735, 0.79, 0.8, 0.84, 0.96, 0.97, 1),
            (
                0.12,
                0.155,
                0.165,
                0.172,
                0.158,
                0.166,
                0.15,
                0.12,
                0.105,
                0.105,
                0.1,
                0.055,
                0.03,
                0.026,
                0.02,
            ),
            20,
            0.733,
            label=(0.14, 0.58),
        ),
        Shape(  # a flip lid, as for shampoo
            (0, 0.012, 0.035, 0.66, 0.74, 0.79, 0.8, 0.805, 0.97, 0.99, 1),
            (0.13, 0.165, 0.172, 0.165, 0.14, 0.085, 0.072, 0.1, 0.093, 0.088, 0.075),
            21,
            0.803,
            label=(0.12, 0.6),
        ),
        Shape(  # stands on its lid
            (0, 0.01, 0.15, 0.16, 0.2, 0.4, 0.7, 0.88, 0.97, 1),
            (0.12, 0.13, 0.12, 0.13, 0.155, 0.178, 0.17, 0.145, 0.11, 0.06),
            19,
            label=(0.28, 0.76),
            foot_cap=0.155,
        ),
    ),
}

CANS = (
    Shape(
        (0, 0.02, 0.06, 0.88, 0.95, 0.955, 0.985, 1),
        (0.2, 0.215, 0.265, 0.265, 0.225, 0.236, 0.236, 0.225),
        12,
        0.93,
        label=(0.06, 0.885),
    ),
    Shape(  # slim, half a litre
        (0, 0.015, 0.045, 0.92, 0.965, 0.97, 0.988, 1),
        (0.15, 0.165, 0.198, 0.198, 0.16, 0.168, 0.168, 0.16),
        16.5,
        0.955,
        label=(0.05, 0.915),
    ),
    Shape(  # preserved food
        (0, 0.01, 0.03, 0.035, 0.965, 0.97, 0.985, 1),
        (0.33, 0.345, 0.345, 0.335, 0.335, 0.345, 0.345, 0.335),
        11,
        0.968,
        label=(0.04, 0.96),
    ),
)

CUPS = (
    Shape((0, 0.02, 0.06, 1), (0.34, 0.39, 0.41, 0.42), 9.5, label=(0.25, 0.75)),
    Shape((0, 0.03, 0.3, 0.7, 1), (0.25, 0.3, 0.42, 0.49, 0.52), 8, label=(0.35, 0.8)),
    Shape(  # paper, with a lid
        (0, 0.01, 0.88, 0.885, 0.92, 0.925, 0.985, 1),
        (0.2, 0.21, 0.31, 0.33, 0.33, 0.3, 0.27, 0.25),
        13.5,
        0.88,
        label=(0.3, 0.68),
    ),
    Shape((0, 0.01, 1), (0.22, 0.23, 0.3), 12, label=(0.3, 0.6)),  # a tumbler
)

JARS = (
    Shape(
        (0, 0.02, 0.06, 0.7, 0.78, 0.8, 0.805, 0.98, 1),
        (0.28, 0.32, 0.335, 0.335, 0.31, 0.285, 0.315, 0.315, 0.3),
        12,
        0.8,
        label=(0.18, 0.6),
    ),
    Shape(
        (0, 0.03, 0.15, 0.5, 0.74, 0.84, 0.845, 0.98, 1),
        (0.3, 0.37, 0.42, 0.43, 0.38, 0.32, 0.36, 0.36, 0.34),
        9.5,
        0.842,
        label=(0.2, 0.56),
    ),
    Shape(
        (0, 0.015, 0.04, 0.8, 0.87, 0.88, 0.885, 0.985, 1),
        (0.2, 0.225, 0.23, 0.23, 0.215, 0.2, 0.22, 0.22, 0.21),
        17,
        0.882,
        label=(0.25, 0.62),
    ),
)
