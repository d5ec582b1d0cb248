"""Summary of a quantisation, and how far it is, for a person at a terminal."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING

from typing_extensions import Self

from distill.cli.columns import print_columns
from distill.files import writing
from distill.progress import progress
from distill.quantize import sensitivity
from distill.quantize.judged_table import markdown, markdown_rows, rows
from distill.quantize.sensitivity import FRAMES, sensitivities
from models.whole_file import whole_file

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from distill.quantize.camera_frames import Frames
    from distill.quantize.heads import Kind
    from distill.quantize.histograms import Range
    from distill.quantize.quantize_record import QuantizeRecord
    from models.manifest import Manifest

_MOST_LINES = 5
"""Pictures that can't be read, that are named one by one; chosen, not measured."""


def report(out: Path, record: QuantizeRecord, parts: list[list[str]], there: Sequence[str]) -> None:
    """Print what was found, and write it for people."""
    print_columns(rows(record))
    if parts:
        print()
        print_columns(parts)
    at = [f"{count} at {size}" for size, count in record.judged_at.items() if count]
    print(
        f"\n{record.calibration_frames} frames calibrated, {record.judged_frames} others and "
        f"{record.labelled_images} labelled images judged ({', '.join(at)}); 95 % intervals"
    )
    with writing(out / "table.md"), whole_file(out / "table.md") as file:
        file.write(markdown(record, ["", *markdown_rows(parts)] if parts else []).encode())
    print(f"wrote in {out}: {', '.join([*there, 'quantize.json', 'table.md'])}")


def part_rows(
    confidence: float,
    model: bytes,
    ranges: Mapping[str, Range],
    heads: Mapping[Kind, Sequence[str]],
    manifest: Manifest,
    judged: Frames,
) -> list[list[str]]:
    """Rows of what each part of the network loses, the worst first."""
    step = -(-len(judged) // FRAMES)
    some = [image for number, image in enumerate(judged) if number % step == 0]
    bar = partial(progress, desc="part by part", unit="part")
    return sensitivity.rows(sensitivities(model, ranges, heads, manifest, some, confidence, bar))


class Passes:
    """A bar that begins anew with every pass over the frames."""

    def __init__(self, title: str) -> None:
        self._bar = progress(desc=title, unit="frame")

    def told(self, number: int, total: int) -> None:
        """A frame of a pass is done."""
        if number == 1:
            self._bar.reset(total)
        self._bar.update()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()


def warn(problems: Sequence[str]) -> None:
    """Name pictures that can't be read, the first few of them."""
    more = len(problems) - _MOST_LINES
    for line in [*problems[:_MOST_LINES], *([f"... and {more} more"] if more > 0 else [])]:
        print(f"left out: {line}", file=sys.stderr)
