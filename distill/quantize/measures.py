"""Measures: what a judge saw, as figures with their intervals."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from distill.quantize import labelled
from distill.quantize.judge import REFERENCE
from distill.quantize.record import Figure
from distill.quantize.resampling import difference, draws, interval, ratio

if TYPE_CHECKING:
    from collections.abc import Mapping

    from distill.quantize.judge import Seen
    from distill.quantize.resampling import Measure

_WARM_UP = 3
"""Pictures that are not timed: caches fill, kernels are chosen. Chosen, not measured."""


def figures(seen: Mapping[str, Seen], confidence: float) -> dict[str, dict[str, Figure]]:
    """The figures of FP32 and of each file that could be judged, by name.

    Images are drawn alike for all. Without labelled images there is no average precision, F1 or
    leak; FP32 has no agreement with itself.

    Args:
        seen: what the judge saw.
        confidence: the least score that counts as an answer.
    """
    known = {name: one for name, one in seen.items() if one.refused is None}
    reference = _measures(known[REFERENCE], confidence)
    return {
        name: _figures(_measures(one, confidence), {} if name == REFERENCE else reference)
        for name, one in known.items()
    }


_Measured = dict[str, tuple["Measure", int]]
"""By the figure's name: how it is computed, and of how many images."""


def _measures(one: Seen, confidence: float) -> _Measured:
    found: _Measured = {}
    times = one.milliseconds[_WARM_UP:]
    found["milliseconds"] = ratio(times, [1.0] * len(times)), len(times)
    if one.labelled:
        count = len(one.labelled)
        found["mask_map"] = labelled.average_precision(one.labelled), count
        found["f1"] = labelled.f1(one.labelled, confidence), count
        found["pixel_leak"] = labelled.pixel_leak(one.labelled), count
        found["over_redaction"] = labelled.over_redaction(one.labelled), count
    frames, count = one.agreement, len(one.agreement)
    paired = [frame.paired for frame in frames]
    found["agreement"] = (
        ratio([2 * one.both for one in frames], [one.reference + one.seen for one in frames]),
        count,
    )
    found["score_shift"] = ratio([one.shift for one in frames], paired), count
    found["mask_iou"] = ratio([one.overlap for one in frames], paired), count
    return found


_BESIDE_ITSELF = {"agreement", "score_shift", "mask_iou"}
"""Figures that already compare with FP32."""


def _figures(ours: _Measured, reference: _Measured) -> dict[str, Figure]:
    found = {}
    for name, (measure, count) in ours.items():
        if name in _BESIDE_ITSELF and not reference:
            continue
        drawn = draws(count)
        own = interval(measure, drawn)
        change = None
        if name in reference and name not in _BESIDE_ITSELF:
            change = interval(difference(measure, reference[name][0]), drawn)
        found[name] = Figure(
            value=_number(own.value),
            low=_number(own.low),
            high=_number(own.high),
            change=_number(change.value) if change else None,
            change_low=_number(change.low) if change else None,
            change_high=_number(change.high) if change else None,
        )
    return found


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value
