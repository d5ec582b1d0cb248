"""Results: a run's evaluations as one table, before and after."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from distill.evaluate.metrics import Evaluation

_COLUMNS = (
    ("mask mAP", "mask_map"),
    ("mask mAP50", "mask_map50"),
    ("mask mAP75", "mask_map75"),
    ("box mAP", "box_map"),
    ("box mAP50", "box_map50"),
    ("F1 at 0.25", "f1"),
)


def figures(evaluation: Evaluation) -> dict[str, float]:
    """What is kept of an evaluation; 0 where there was nothing to measure."""
    mask, box = evaluation.mask, evaluation.box
    values = {
        "mask_map": mask.ap if mask else 0.0,
        "mask_map50": mask.ap50 if mask else 0.0,
        "mask_map75": mask.ap75 if mask else 0.0,
        "box_map": box.ap,
        "box_map50": box.ap50,
        "f1": evaluation.working.f1,
    }
    return {name: round(value, 4) if value == value else 0.0 for name, value in values.items()}  # noqa: PLR0124 NaN


def table(lines: Iterable[dict[str, Any]]) -> str:
    """A Markdown table of a metrics log's evaluations: the start, each stage's end, the best."""
    evaluations = [line for line in lines if "evaluation" in line]
    rows = [_row(line["ends"], line) for line in evaluations if line["ends"]]
    if evaluations:
        best = max(reversed(evaluations), key=lambda line: line["evaluation"]["mask_map"])
        rows.append(_row("best", best))  # of equal ones the last, as the weights are kept
    head = ["network", "steps", *(title for title, _ in _COLUMNS)]
    return "\n".join([_cells(head), _cells(["---"] * len(head)), *rows]) + "\n"


def _row(name: str, line: dict[str, Any]) -> str:
    values = (f"{line['evaluation'][key]:.3f}" for _, key in _COLUMNS)
    return _cells([name, str(line["step"]), *values])


def _cells(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
