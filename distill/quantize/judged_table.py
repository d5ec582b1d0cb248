"""Table: what was measured of each file, for people, with 95 % intervals in brackets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from distill.quantize.judge import REFERENCE
from distill.quantize.quantize_record import Figure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from distill.quantize.quantize_record import FileRecord, QuantizeRecord
    from models.manifest import Role

_COLUMNS: tuple[Role, ...] = ("fp32", "fp16", "uint8", "int8")
_FOREIGN = {"fp16", "int8"}
"""Files made for TensorRT; what they take on a CPU says nothing of where they will run."""

_ROWS: tuple[tuple[str, str, float, str], ...] = (
    ("mask mAP, %", "mask_map", 100, ".2f"),
    ("F1, %", "f1", 100, ".2f"),
    ("pixel leak, %", "pixel_leak", 100, ".2f"),
    ("over-redaction, %", "over_redaction", 100, ".2f"),
    ("agreement with FP32 (F1)", "agreement", 1, ".3f"),
    ("mean score shift", "score_shift", 1, "+.4f"),
    ("mask IoU with FP32", "mask_iou", 1, ".4f"),
)
"""What a row is called, the figure, its factor and its format."""

_NOTHING = "-"


def rows(record: QuantizeRecord) -> list[list[str]]:
    """A head and a row a figure: FP32's values, then what each file has and how it changed."""
    roles = [role for role in _COLUMNS if role in record.precisions]
    files = [record.precisions[role] for role in roles]
    reference = record.precisions[REFERENCE]
    table = [
        ["", *(role.upper() for role in roles)],
        ["bytes", *(_bytes(file, reference) for file in files)],
    ]
    for name, figure, factor, digits in _ROWS:
        if figure not in reference.figures and not any(figure in one.figures for one in files):
            continue
        cells = [_cell(file.figures.get(figure), factor, digits) for file in files]
        table.append([name, *cells])
    times = [_speed(role, record.precisions[role], reference) for role in roles]
    table.append(["network, CPU ms", *times])
    verdicts = ["refused" if file.failed else "passes" for file in files[1:]]
    return [*table, ["verdict", "the reference", *verdicts]]


def markdown(record: QuantizeRecord, lines: Sequence[str] = ()) -> str:
    """table.md: what was judged on what, the table, and what was refused."""
    sizes = ", ".join(f"{width}x{height}" for width, height in record.sizes)
    at = ", ".join(f"{count} at {size}" for size, count in record.judged_at.items() if count)
    judged = (
        f"Sizes {sizes}; ranges by {record.ranges} on {record.calibration_frames} frames. Answers "
        f"compared on {record.judged_frames} other frames, labels on {record.labelled_images} "
        f"images ({at}), from a score of {record.confidence:g} on. In brackets 95 % intervals; "
        "behind a semicolon the change from FP32 on the same images."
    )
    parts = [f"# {record.student}, quantised", "", judged, "", *markdown_rows(rows(record))]
    refused = [
        f"- {file.file}: {line}" for file in record.precisions.values() for line in file.failed
    ]
    return "\n".join([*parts, *(["", *refused] if refused else []), *lines]) + "\n"


def markdown_rows(table: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table whose first row is its head."""
    head, *body = map(_line, table)
    return [head, "|---" + "|---:" * (len(table[0]) - 1) + "|", *body]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _bytes(file: FileRecord, reference: FileRecord) -> str:
    size = f"{file.bytes / 1e6:.2f} MB"
    return size if file is reference else f"{size} ({100 * file.bytes / reference.bytes:.0f} %)"


def _speed(role: Role, file: FileRecord, reference: FileRecord) -> str:
    """CPU time of one thread, and how many times as fast as FP32 that is."""
    found, theirs = (one.figures.get("milliseconds", Figure()) for one in (file, reference))
    if not found.value or not theirs.value:
        return _NOTHING
    if file is reference:
        return f"{found.value:.1f} {_interval(found.low, found.high, 1, '.1f')}"
    times = f"{found.value:.1f}; {theirs.value / found.value:.2f}x"
    return f"{times} (made for TensorRT)" if role in _FOREIGN else times


def _cell(figure: Figure | None, factor: float, digits: str) -> str:
    if figure is None or figure.value is None:
        return _NOTHING
    own = f"{figure.value * factor:{digits}}"
    if figure.change is None:
        return f"{own} {_interval(figure.low, figure.high, factor, digits)}"
    signed = f"+{digits.lstrip('+')}"
    change = f"{figure.change * factor:{signed}}"
    return f"{own}; {change} {_interval(figure.change_low, figure.change_high, factor, signed)}"


def _interval(low: float | None, high: float | None, factor: float, digits: str) -> str:
    if low is None or high is None:
        return ""
    return f"[{low * factor:{digits}}, {high * factor:{digits}}]"
