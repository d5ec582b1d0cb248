"""Settings: everything but the clips that decides what a data set's labels are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

FORMAT = 2
"""Of the log. In the first, masks of YOLO reached beyond their boxes."""

_MIN_SCORE = 0.1
"""What the teacher itself hardly believes helps nobody; ByteTrack's lower bound."""


@dataclass(frozen=True)
class Settings:
    """What a labelling run does.

    Attributes:
        teacher: its name.
        teacher_sha256: of its weights.
        classes: names, in the order of the data set's categories.
        every: 2 takes every other frame.
        tta: `none`, or `flip`: the mirrored image is looked at too.
        accept: a score from which on a label is believed.
        ignore: a score below which a label is not worth a look.
        min_track: observations that a track needs.
        max_gap: chosen frames in a row that a track may miss.
        val_share: of the clips, that are held out for validation.
        image_size: side of the teacher's input, pixels; None for the teacher's own.
    """

    teacher: str
    teacher_sha256: str
    classes: tuple[str, ...]
    every: int = 2
    tta: str = "none"
    accept: float = 0.5
    ignore: float = 0.3
    min_track: int = 3
    max_gap: int = 2
    val_share: float = 0.2
    image_size: int | None = None

    @property
    def floor(self) -> float:
        """The lowest score that is asked for."""
        return min(_MIN_SCORE, self.ignore)

    def to_json(self) -> dict[str, Any]:
        """The log's first line."""
        return {"format": FORMAT, **vars(self), "classes": list(self.classes)}

    def difference(self, other: Any) -> str:
        """What differs from a log's first line, in words; empty where nothing does."""
        if not isinstance(other, dict) or other.get("format") != FORMAT:
            return "it was written by another version"
        parts = []
        for key, mine in self.to_json().items():
            theirs = other.get(key)
            if theirs == mine or (key == "teacher" and theirs):
                continue  # the weights' digest tells teachers apart
            if key == "teacher_sha256":
                parts.append(
                    f"teacher {other.get('teacher')} ({str(theirs)[:8]}), "
                    f"not {self.teacher} ({mine[:8]})"
                )
            else:
                parts.append(f"{_option(key)} {_words(theirs)}, not {_words(mine)}")
        return "; ".join(parts)


def _option(key: str) -> str:
    return {"image_size": "--size"}.get(key, "--" + key.replace("_", "-"))


def _words(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value))
    return "by default" if value is None else str(value)
