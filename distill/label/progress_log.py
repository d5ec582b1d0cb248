"""ProgressLog: what of a data set is finished, on the disk before the work goes on, a line each.

    settings   the first line
    clip       a clip was begun, and got its name
    frames     a batch of its frames is labelled; their JPEGs are on the disk
    failed     it can't be decoded
    written    the data set is written; annotations.json, with this digest, comes last

A line that was cut off by a kill is cut away, as if it had not been begun.
"""

from __future__ import annotations

import json
import os
from typing import IO, TYPE_CHECKING, Any, final

from distill.errors import OutputError, UsageError
from distill.files import sha256_of, writing
from distill.label.entries import ClipEntry, Moment, Still
from distill.label.labelled_frame import LabelledFrame
from distill.lock import Lock
from models.whole_file import whole_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import TracebackType

    from distill.label.settings import Settings

NAME, MASTER = "labels.jsonl", "annotations.json"


@final
class ProgressLog:
    """The log of one data set, open for more, and for nobody else until it is closed.

    Raises:
        UsageError: the folder was labelled with other settings, or somebody is labelling there.
        OutputError: it holds something else, or can't be written to.
    """

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.folder = folder
        self.clips: dict[str, ClipEntry] = {}
        """By sha256, in the order in which they were begun."""
        self.stills: dict[str, Still] = {}
        """Likewise."""
        self.order: dict[str, None] = {}
        """The sha256 of both, in the order in which they were begun."""
        self.failed: dict[str, dict[str, str]] = {}
        """File name and problem of what can't be decoded, by sha256."""
        self.written: str | None = None
        """Digest of annotations.json, if all that is in the log is in there."""
        self._digests: set[str] = set()
        """Of annotations.json, whenever it was written."""
        path = folder / NAME
        with writing(folder):
            _check(path)
            self._lock = Lock(folder)
            _begin(path, settings)
            lines = _whole_lines(path)
            self._file: IO[bytes] = path.open("ab")
        try:
            self._read(lines, settings)
        except BaseException:
            self._close()
            raise

    def __enter__(self) -> ProgressLog:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    def begin(self, name: str, file: str, sha256: str) -> ClipEntry:
        """A clip is begun."""
        self._add({"kind": "clip", "name": name, "file": file, "sha256": sha256})
        return self.clips[sha256]

    def add_frames(self, clip: ClipEntry, frames: Sequence[LabelledFrame]) -> None:
        """Frames of a clip are labelled."""
        self._add(
            {"kind": "frames", "sha256": clip.sha256, "frames": [f.to_json() for f in frames]}
        )

    def finish(
        self,
        clip: ClipEntry,
        moments: Sequence[Moment],
        seen: int,
        dropped: dict[str, int],
        problem: str | None,
    ) -> None:
        """All of a clip was seen."""
        self._add(
            {
                "kind": "done",
                "sha256": clip.sha256,
                "moments": [[m.index, m.segment, m.times_seen] for m in moments],
                "seen": seen,
                "dropped": dropped,
                "problem": problem,
            }
        )

    def add_stills(self, stills: Sequence[Still]) -> None:
        """Still images are labelled."""
        self._add(
            {
                "kind": "stills",
                "stills": [
                    {"name": s.name, "file": s.file, "sha256": s.sha256, "frame": s.frame.to_json()}
                    for s in stills
                ],
            }
        )

    def fail(self, file: str, sha256: str, problem: str) -> None:
        """A clip can't be decoded."""
        self._add({"kind": "failed", "file": file, "sha256": sha256, "problem": problem})

    def write(self, digest: str) -> None:
        """All files of the data set stand, but for annotations.json, which is about to."""
        self._add({"kind": "written", "annotations_sha256": digest})

    def master(self) -> str:
        """What annotations.json is: `none`, `whole`, `old`, or `corrected` by somebody else."""
        path = self.folder / MASTER
        if not path.exists():
            return "none"
        digest = sha256_of(path)
        if digest == self.written:
            return "whole"
        return "old" if digest in self._digests else "corrected"

    def _close(self) -> None:
        self._file.close()
        self._lock.close()

    def _add(self, line: dict[str, Any]) -> None:
        with writing(self.folder):
            self._file.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
            self._file.flush()
            os.fsync(self._file.fileno())
        self._take(line)

    def _read(self, lines: list[bytes], settings: Settings) -> None:
        path = self.folder / NAME
        try:
            parsed = [json.loads(line) for line in lines]
        except ValueError as error:
            raise OutputError(f"{path} is damaged; label into a new folder") from error
        difference = settings.difference(parsed[0] if parsed else None)
        if difference:
            raise UsageError(
                f"{self.folder} was labelled with other settings ({difference}); "
                "use the same again, or name a new folder"
            )
        try:
            for line in parsed[1:]:
                self._take(line)
        except (KeyError, TypeError, ValueError) as error:
            raise OutputError(f"{path} is damaged; label into a new folder") from error

    def _take(self, line: dict[str, Any]) -> None:
        """What a line of the log says is known from now on."""
        kind = line["kind"]
        if kind == "written":
            self.written = line["annotations_sha256"]
            self._digests.add(self.written)
            return
        self.written = None
        if kind == "stills":
            for still in line["stills"]:
                frame = LabelledFrame.from_json(still["frame"])
                sha256 = still["sha256"]
                self.stills[sha256] = Still(still["name"], still["file"], sha256, frame)
                self.order[sha256] = None
                self.failed.pop(sha256, None)
            return
        sha256 = line["sha256"]
        if kind == "clip":
            self.order[sha256] = None
            self.clips.setdefault(sha256, ClipEntry(line["name"], line["file"], sha256))
            return
        if kind == "failed":
            self.failed[sha256] = {"file": line["file"], "problem": line["problem"]}
            return
        clip = self.clips[sha256]
        if kind == "frames":
            frames = map(LabelledFrame.from_json, line["frames"])
            clip.frames.update((frame.index, frame) for frame in frames)
        else:
            clip.moments = tuple(Moment(*moment) for moment in line["moments"])
            clip.seen, clip.dropped = line["seen"], line["dropped"]
            clip.problem = line["problem"]
            self.failed.pop(sha256, None)


def _check(path: Path) -> None:
    """See that the folder is there, and is empty or has a log."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        return
    # What was being written when a run was killed has a name with a dot in front.
    if any(not other.name.startswith(".") for other in path.parent.iterdir()):
        raise OutputError(
            f"{path.parent} is not empty and holds no labels of this program; name a new folder"
        )


def _begin(path: Path, settings: Settings) -> None:
    if path.exists():
        return
    with whole_file(path) as file:
        file.write(json.dumps(settings.to_json(), ensure_ascii=False).encode() + b"\n")


def _whole_lines(path: Path) -> list[bytes]:
    """The log's lines; one that was not written to its end is cut away."""
    data = path.read_bytes()
    end = data.rfind(b"\n") + 1
    if end < len(data):
        os.truncate(path, end)
    return data[:end].splitlines()
