"""Metrics log: one JSON line for every step and every evaluation, in order, each once."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from distill.files import writing
from models.whole_file import whole_file

if TYPE_CHECKING:
    from pathlib import Path


class MetricsLog:
    """`metrics.jsonl` of a run.

    A line has `step`, the number of steps done, and is either a step (`loss`, ...) or an
    evaluation (`evaluation`, ...). After a kill there may be lines that no snapshot covers; they
    are cut when the run goes on, because their steps are done again.

    Args:
        path: the file.
        done: steps that the run goes on from; later lines are cut, and all at the start.

    Raises:
        OutputError: it can't be written.
    """

    def __init__(self, path: Path, done: int) -> None:
        # Before the first snapshot a run begins anew, maybe with other settings.
        kept = [line for line in read_metrics(path) if done and line["step"] <= done]
        self._path = path
        with writing(path):
            with whole_file(path) as file:
                file.writelines(_line(content) for content in kept)
            self._file = path.open("ab")

    def add(self, **content: Any) -> None:
        """Write a line; it outlives the process, and after `sync` a loss of power.

        Raises:
            OutputError: it can't be written.
        """
        with writing(self._path):
            self._file.write(_line(content))
            self._file.flush()

    def sync(self) -> None:
        """Have the disk hold all lines.

        Raises:
            OutputError: it can't.
        """
        with writing(self._path):
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """End the file."""
        with suppress(OSError):  # of a line that a full disk did not take; that was said
            self._file.close()


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """All whole lines of a log; one that a kill has torn is left out."""
    if not path.exists():
        return []
    lines = []
    for line in path.read_bytes().splitlines():
        try:
            content = json.loads(line)
        except ValueError:
            break
        if not isinstance(content, dict) or "step" not in content:
            break
        lines.append(content)
    return lines


def _line(content: dict[str, Any]) -> bytes:
    return json.dumps(content, allow_nan=False).encode() + b"\n"
