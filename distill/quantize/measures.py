"""Measures: what a judge saw, as figures with their intervals."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from distill.quantize import labelled
from distill.quantize.judge import REFERENCE
from distill.quantize.quantize_record import Figure
from distill.quantize.resampling import Scattered, draws, ratio

if TYPE_CHECKING:
    from collections.abc import Mapping

    from distill.quantize.judge import Seen
    from distill.quantize.resampling import Interval, Measure

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
    known = {
        name: _scattered(_measures(one, confidence))
        for name, one in seen.items()
        if one.refused is None
    }
    reference = known[REFERENCE]
    return {
        name: {figure: _figure(figure, found, reference) for figure, found in own.items()}
        for name, own in known.items()
        if name != REFERENCE
    } | {
        REFERENCE: {
            figure: _of_interval(found.interval())
            for figure, found in reference.items()
            if figure not in _BESIDE_FP32
        }
    }


_BESIDE_FP32 = {"agreement", "score_shift", "mask_iou"}
"""Figures that compare with FP32 by themselves."""


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


def _scattered(measured: _Measured) -> dict[str, Scattered]:
    return {name: Scattered.of(one, draws(count)) for name, (one, count) in measured.items()}


def _figure(name: str, found: Scattered, reference: Mapping[str, Scattered]) -> Figure:
    own = _of_interval(found.interval())
    if name in _BESIDE_FP32:
        return own
    change = found.since(reference[name]).interval()
    return own.model_copy(
        update={
            "change": _number(change.value),
            "change_low": _number(change.low),
            "change_high": _number(change.high),
        }
    )


def _of_interval(found: Interval) -> Figure:
    return Figure(value=_number(found.value), low=_number(found.low), high=_number(found.high))


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value
