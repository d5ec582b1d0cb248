"""Submission: a bench's results for others, without what tells whose machine it is and why."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from agent.bench.bench_report import BenchReport

_PLACE = re.compile(r"\S*[/\\]\S*")
"""Files, folders and addresses."""

_HIDDEN = "..."


def submission(report: BenchReport, names: Collection[str]) -> BenchReport:
    """The same figures; what libraries said of failures, without places and names.

    Nothing else of a report was said by somebody else.

    Args:
        names: what nobody has to know: of the bundle, of its classes, of this machine.
    """
    skipped = tuple(
        each.model_copy(update={"why": _hidden(each.why, names)}) for each in report.skipped
    )
    return report.model_copy(update={"skipped": skipped})


def _hidden(text: str, names: Collection[str]) -> str:
    text = _PLACE.sub(_HIDDEN, text)
    for name in sorted(filter(None, names), key=len, reverse=True):  # a name may hold another
        text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", _HIDDEN, text, flags=re.IGNORECASE)
    return text
