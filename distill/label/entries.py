"""Entries: what a log knows of each clip, and of each still image, that was labelled."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from distill.label.labelled_frame import LabelledFrame

STILLS = "stills"
"""The folder of images that belong to no clip."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Where a labelled frame stands in its clip.

    Attributes:
        index: of the frame in its clip.
        segment: scene cuts before it.
        times_seen: itself, and the near-duplicates of it that were dropped.
    """

    index: int
    segment: int
    times_seen: int


@dataclass
class ClipEntry:
    """What is known of a clip.

    Attributes:
        name: its folder under `images`.
        file: the file's name, without folders.
        sha256: of the file.
        frames: that are labelled, by index.
        moments: of all labelled frames, in order; None while it is not finished.
        seen: frames that were decoded.
        dropped: how many were, by the reason.
        problem: what was wrong with the file, if anything.
    """

    name: str
    file: str
    sha256: str
    frames: dict[int, LabelledFrame] = field(default_factory=dict)
    moments: tuple[Moment, ...] | None = None
    seen: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    problem: str | None = None

    @property
    def is_finished(self) -> bool:
        """Whether every frame was seen, and those to be labelled are."""
        return self.moments is not None and all(m.index in self.frames for m in self.moments)


@dataclass(frozen=True, slots=True)
class Still:
    """What is known of a still image.

    Attributes:
        name: of its JPEG, without the ending.
        file: the image's name, without folders.
        sha256: of the image's file.
        frame: what is in it, as if it were the first of a clip.
    """

    name: str
    file: str
    sha256: str
    frame: LabelledFrame


def image_path(folder: Path, entry: ClipEntry, index: int) -> Path:
    """Where a frame's JPEG is."""
    return folder / "images" / entry.name / f"{index:06d}.jpg"


def still_path(folder: Path, name: str) -> Path:
    """Where a still image's JPEG is."""
    return folder / "images" / STILLS / f"{name}.jpg"
