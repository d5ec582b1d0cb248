"""Bounds: how much worse than FP32 a file may be before it is refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from distill.errors import UsageError
from models.classes import nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from distill.quantize.quantize_record import Figure
    from models.manifest import Role


@dataclass(frozen=True, slots=True)
class Bound:
    """One demand.

    Attributes:
        figure: which figure is bounded.
        least: whether the bound is a least value; else it is a greatest.
        lost: whether what was lost against FP32 is bounded, in points of a hundred.
    """

    figure: str
    least: bool = False
    lost: bool = False

    def value(self, figure: Figure) -> float | None:
        """What is held against the bound; None where nothing could be measured."""
        if self.lost:
            return None if figure.change is None else -100 * figure.change
        return None if figure.value is None else abs(figure.value)


BOUNDS: dict[str, Bound] = {
    "mask_map_loss": Bound("mask_map", lost=True),
    "f1_loss": Bound("f1", lost=True),
    "agreement": Bound("agreement", least=True),
    "score_shift": Bound("score_shift"),
    "mask_iou": Bound("mask_iou", least=True),
}
"""By the names of --bounds."""

_SEEN_ALIKE = {"agreement": 0.86, "score_shift": 0.015, "mask_iou": 0.94}

DEFAULTS: dict[Role, dict[str, float]] = {
    "fp16": {"agreement": 0.99, "score_shift": 0.002, "mask_iou": 0.998},
    "uint8": {"mask_map_loss": 1.0, "f1_loss": 1.0, **_SEEN_ALIKE},
    "int8": {"mask_map_loss": 1.5, "f1_loss": 1.0, **_SEEN_ALIKE},
}
"""Chosen between what was measured of files that are good and of such that are not (YOLOv8n-seg at
320 and 640 px, coco128-seg): good uint8 files agree to 0.93 to 0.95, TensorRT's to 0.87 to 0.90,
those whose classes were not corrected to 0.82. FP16 has no bound of mAP, which moves by 0.3 through
ties alone."""


def bounds_of(role: Role, stated: Mapping[str, float]) -> dict[str, float]:
    """What is demanded of a file.

    Args:
        role: which.
        stated: by name, or by role and name (`int8.agreement`), what a person demands instead.
    """
    own = {name: stated.get(name, value) for name, value in DEFAULTS[role].items()}
    return {name: stated.get(f"{role}.{name}", value) for name, value in own.items()}


def check_names(stated: Mapping[str, float]) -> None:
    """See that a person's bounds are bounds.

    Raises:
        UsageError: one is not.
    """
    known = [*BOUNDS, *(f"{role}.{name}" for role, own in DEFAULTS.items() for name in own)]
    for name in stated:
        if name not in known:
            close = nearest(name, known)
            hint = f"did you mean '{close}'?" if close else f"there are {', '.join(BOUNDS)}"
            raise UsageError(f"--bounds: no bound is called '{name}'; {hint}")


def failures(figures: Mapping[str, Figure], demanded: Mapping[str, float]) -> tuple[str, ...]:
    """A line for each bound that a file fails.

    Args:
        figures: what was measured, by name; without labelled images some are missing, and their
            bounds are not asked.
        demanded: by the bound's name.
    """
    lines = []
    for name, limit in demanded.items():
        bound = BOUNDS[name]
        if bound.figure not in figures:
            continue
        value = bound.value(figures[bound.figure])
        held = value is not None and (value >= limit if bound.least else value <= limit)
        if not held:
            side = "at least" if bound.least else "at most"
            shown = "nothing to measure" if value is None else f"{value:.3g}"
            lines.append(f"{name} is {shown}, {side} {limit:g} is demanded")
    return tuple(lines)
