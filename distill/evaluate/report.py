"""Report: figures of one network or several side by side, for people."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from distill.evaluate.average_precision import Quality
    from distill.evaluate.leak import Leaks
    from distill.evaluate.metrics import Evaluation
    from distill.evaluate.sweep import Sweep

_QUALITIES = (
    ("mAP 50:95", "ap"),
    ("mAP 50", "ap50"),
    ("mAP 75", "ap75"),
    ("mAP small", "small"),
    ("mAP medium", "medium"),
    ("mAP large", "large"),
)
_LEAKS = (
    ("pixel leak", "pixel_leak"),
    ("instance leak", "instance_leak"),
    ("over-redaction", "over_redaction"),
)
_NOTHING = "-"
_LABEL, _COLUMN, _WIDE = 34, 12, 18


def table(names: Sequence[str], evaluations: Sequence[Evaluation]) -> str:
    """Lines for a terminal: one column a network, then what changed from the first to the last.

    Args:
        names: of the networks.
        evaluations: all of one data set.
    """
    lines = []
    if len(evaluations) > 1:
        # Names are as long as they are, columns are not.
        labels = [f"({number})" for number in range(1, len(names) + 1)]
        lines = [f"{label} {name}" for label, name in zip(labels, names, strict=True)]
        lines += ["", _head("", [*labels, "change"])]
    first = evaluations[0]
    for kind in ("mask", "box"):
        if all(getattr(evaluation, kind) for evaluation in evaluations):
            for label, field in _QUALITIES:
                lines.append(_line(f"{kind} {label}", [_of(kind, field)(e) for e in evaluations]))
            lines.append("")
    confidence = first.working.confidence
    for word in ("precision", "recall", "f1"):
        label = word.upper() if word == "f1" else word
        values = [getattr(e.working, word) for e in evaluations]
        lines.append(_line(f"{label} at confidence {confidence:g}", values))
    lines.append(_line("best F1", [e.best.f1 if e.best else math.nan for e in evaluations]))
    at = [e.best.confidence if e.best else math.nan for e in evaluations]
    lines.append(_line("  at confidence", at, digits=2))
    for word, leak in _LEAKS:
        values = [getattr(e.leaks.together, leak) for e in evaluations]
        lines.append(_line(word, values, digits=4))
    grow = max(evaluation.leaks.mask_grow for evaluation in evaluations)
    if grow:
        lines.append(
            f"  (YOLO's masks: up to {grow:.0%} beyond their boxes here, as the device hides; "
            "0% in all else)"
        )
    lines.append(_line("ms an image", [e.milliseconds for e in evaluations], digits=1))
    return "\n".join([*lines, "", *_classes(evaluations), *_class_leaks(evaluations)])


def proposals(found: Sweep, leaks: Leaks) -> str:
    """Lines for a terminal: what each class's threshold and leaks are, and would be."""
    lines = [_head("by class, as it is and as proposed", ["threshold", "leak %", "over %"], _WIDE)]
    for (name, _), old, before in zip(
        found.curves.items(), leaks.thresholds, leaks.by_class, strict=True
    ):
        if name in found.thresholds:
            after = found.at(name)
            cells = [
                f"{old:g} -> {found.thresholds[name]:g}",
                f"{100 * before.pixel_leak:.2f} -> {100 * after.pixel_leak:.2f}",
                f"{100 * before.over_redaction:.2f} -> {100 * after.over_redaction:.2f}",
            ]
            lines.append(_head(name, cells, _WIDE))
        elif before.pixels:
            lines.append(f"{name:{_LABEL}s}  none of it is found at any threshold")
    return "\n".join(lines)


def _classes(evaluations: Sequence[Evaluation]) -> list[str]:
    """A row for each class that has objects or was seen."""
    kind = "mask" if all(evaluation.mask for evaluation in evaluations) else "box"
    lines = [f"{kind} AP by class (objects), and F1 at the working confidence"]
    for i, name in enumerate(evaluations[0].classes):
        objects = evaluations[0].objects[i]
        if not objects and not any(e.by_class[i].wrong for e in evaluations):
            continue
        values = [getattr(e, kind).class_ap[i] for e in evaluations]
        f1 = " ".join(_figure(e.by_class[i].f1, 3) for e in evaluations)
        lines.append(f"{_line(f'{name} ({objects})', values)}   F1 {f1}")
    return lines


def _class_leaks(evaluations: Sequence[Evaluation]) -> list[str]:
    """A row for each class that has objects or hides something, as if it alone were hidden."""
    lines = ["", "pixel leak by class, instance leak, over-redaction, and from which score on"]
    for i, name in enumerate(evaluations[0].classes):
        leaks = [evaluation.leaks.by_class[i] for evaluation in evaluations]
        if not any(leak.pixels or leak.over for leak in leaks):
            continue
        instances = " ".join(_figure(leak.instance_leak, 3) for leak in leaks)
        over = " ".join(_figure(leak.over_redaction, 4) for leak in leaks)
        at = " ".join(f"{evaluation.leaks.thresholds[i]:g}" for evaluation in evaluations)
        values = [leak.pixel_leak for leak in leaks]
        lines.append(f"{_line(name, values, 4)}   instances {instances}   over {over}   from {at}")
    return lines


def _of(kind: str, field: str) -> Callable[[Evaluation], float]:
    def value(evaluation: Evaluation) -> float:
        quality: Quality = getattr(evaluation, kind)
        return float(getattr(quality, field))

    return value


def _head(title: str, labels: Sequence[str], width: int = _COLUMN) -> str:
    return f"{title:{_LABEL}s}" + "".join(f"{label:>{width}s}" for label in labels)


def _line(label: str, values: Sequence[float], digits: int = 3) -> str:
    cells = [_figure(value, digits) for value in values]
    if len(values) > 1:
        change = values[-1] - values[0]
        cells.append(_NOTHING if math.isnan(change) else f"{change:+.{digits}f}")
    return f"{label:{_LABEL}s}" + "".join(f"{cell:>{_COLUMN}s}" for cell in cells)


def _figure(value: float, digits: int) -> str:
    return _NOTHING if math.isnan(value) else f"{value:.{digits}f}"
