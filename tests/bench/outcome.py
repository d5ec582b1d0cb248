"""What a benchmark found: tables for people, and figures beside what they should be."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

NOTHING = "-"
"""A cell that has no figure."""


@dataclass(slots=True)
class Table:
    """Rows under named columns; a cell is a number, or words where there is none."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[float | str, ...]] = field(default_factory=list)
    note: str = ""

    def markdown(self) -> str:
        """The table in Markdown, columns aligned."""
        cells = [self.columns, *(tuple(_text(cell) for cell in row) for row in self.rows)]
        widths = [max(len(row[i]) for row in cells) for i in range(len(self.columns))]

        def line(row: tuple[str, ...]) -> str:
            first, *others = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            aligned = [cell.strip().rjust(len(cell)) for cell in others]
            return f"| {' | '.join([first, *aligned])} |"

        rule = f"|{'|'.join(['-' * (widths[0] + 2), *('-' * (w + 1) + ':' for w in widths[1:])])}|"
        body = "\n".join([line(cells[0]), rule, *(line(row) for row in cells[1:])])
        return "\n\n".join(part for part in (f"### {self.title}", body, self.note) if part)


@dataclass(frozen=True, slots=True)
class Target:
    """A figure and the limit that it should keep."""

    what: str
    value: float
    relation: Literal["<=", ">="]
    limit: float

    @property
    def met(self) -> bool:
        """Whether the figure keeps its limit; one that is no number does not."""
        return self.value <= self.limit if self.relation == "<=" else self.value >= self.limit


@dataclass(slots=True)
class Outcome:
    """All that one program prints."""

    tables: list[Table] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)

    def markdown(self) -> str:
        """Everything in Markdown, the targets last."""
        parts = [table.markdown() for table in self.tables]
        if self.targets:
            table = Table("Targets", ("what", "measured", "target", "met"))
            table.rows = [
                (t.what, t.value, f"{t.relation} {t.limit:g}", "yes" if t.met else "NO")
                for t in self.targets
            ]
            parts.append(table.markdown())
        return "\n\n".join(parts)


def _text(cell: float | str) -> str:
    if isinstance(cell, str):
        return cell
    if isinstance(cell, int):
        return str(cell)
    return (
        f"{cell:.0f}" if abs(cell) >= 1000 else f"{cell:.1f}" if abs(cell) >= 100 else f"{cell:.2f}"
    )
