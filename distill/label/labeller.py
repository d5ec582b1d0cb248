"""Labeller: clips become labelled frames in a folder; a run that was killed goes on."""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING

from PIL import Image as Still
from tqdm import tqdm

from distill.data.clips import Clip
from distill.errors import InputError, UsageError
from distill.files import sha256_of, writing
from distill.label.detection import Frame, sightings_of
from distill.label.journal import MASTER, Moment
from distill.label.sampling import Sampler
from distill.label.tta import predict_flipped
from models.whole_file import sync

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from distill.data.clips import ClipFrame
    from distill.data.images import Image
    from distill.label.journal import ClipEntry, Journal
    from distill.label.settings import Settings
    from distill.predict.predictor import Predictor

_BATCH = 4
"""Frames that the teacher sees at once; a kill costs no more of them."""
_JPEG_QUALITY = 95
_MOST_NAME = 80
"""Characters of a clip's folder."""


@dataclass
class Outcome:
    """What a run did.

    Attributes:
        clips: digests of the clips that were given and are labelled, in order.
        notes: one line for each clip that is damaged, given twice, or was skipped.
        failed: clips that could not be used at all.
    """

    clips: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    failed: int = 0


def label_clips(
    paths: Sequence[Path], teacher: Predictor, settings: Settings, journal: Journal
) -> Outcome:
    """Label what of these clips is not labelled yet.

    Raises:
        UsageError: there are new clips, but people have corrected the data set.
        OutputError: the folder can't be written to.
    """
    outcome = Outcome()
    digests = _digests(paths, outcome)
    names = _names(digests, journal)
    missing = [sha256 for sha256 in digests if not _is_whole(sha256, journal)]
    if journal.master() == "corrected" and not journal.failed.keys() >= set(missing):
        raise UsageError(
            f"{journal.folder / MASTER} was corrected since it was written, and labelling more "
            "clips would write it anew; label them into a folder of their own"
        )
    for number, (sha256, path) in enumerate(digests.items(), start=1):
        if sha256 in missing:
            work = _Work(path, sha256, names[sha256], teacher, settings, journal)
            try:
                work.run(f"[{number}/{len(digests)}] {path.name}")
            except InputError as error:
                outcome.notes.append(f"skipped {error}")
                outcome.failed += 1
                if journal.failed.get(sha256, {}).get("file") != path.name:
                    journal.fail(path.name, sha256, _without(path, str(error)))
                continue
        outcome.clips.append(sha256)
        problem = journal.clips[sha256].problem
        if problem:
            outcome.notes.append(f"{path}: {problem}")
    return outcome


def _digests(paths: Sequence[Path], outcome: Outcome) -> dict[str, Path]:
    """The path of each clip by its digest; the same clip under two names counts once."""
    digests: dict[str, Path] = {}
    for path in tqdm(paths, "reading", unit="clip", leave=False, disable=None):
        try:
            sha256 = sha256_of(path)
        except InputError as error:
            outcome.notes.append(f"skipped {error}")
            outcome.failed += 1
            continue
        if sha256 in digests:
            outcome.notes.append(f"{path}: is the same as {digests[sha256]}; it is labelled once")
        else:
            digests[sha256] = path
    return digests


def _names(digests: dict[str, Path], journal: Journal) -> dict[str, str]:
    """A folder name for each clip: its file's, with a piece of its digest where others have it."""
    names = {sha256: entry.name for sha256, entry in journal.clips.items()}
    plain = {
        sha256: re.sub(r"[^\w.-]+", "_", path.stem).strip("._")[:_MOST_NAME] or "clip"
        for sha256, path in digests.items()
    }
    # Some file systems hold `A` and `a` for one name.
    taken = [name.lower() for name in plain.values()]
    taken += [name.lower() for sha256, name in names.items() if sha256 not in digests]
    for sha256, name in plain.items():
        if sha256 not in names:
            alone = taken.count(name.lower()) == 1
            names[sha256] = name if alone else f"{name}-{sha256[:8]}"
    return names


def _is_whole(sha256: str, journal: Journal) -> bool:
    """Whether a clip is finished and its images are there; forgets frames whose image is not."""
    entry = journal.clips.get(sha256)
    if entry is None:
        return False
    for frame in list(entry.frames.values()):
        if not _has_size(image_path(journal.folder, entry, frame.index), frame.bytes):
            del entry.frames[frame.index]
    if entry.moments is None:
        return False
    return all(moment.index in entry.frames for moment in entry.moments)


def image_path(folder: Path, entry: ClipEntry, index: int) -> Path:
    """Where a frame's JPEG is."""
    return folder / "images" / entry.name / f"{index:06d}.jpg"


class _Work:
    """One clip, from its first frame to its last."""

    def __init__(
        self,
        path: Path,
        sha256: str,
        name: str,
        teacher: Predictor,
        settings: Settings,
        journal: Journal,
    ) -> None:
        self._path, self._sha256, self._name = path, sha256, name
        self._teacher, self._settings, self._journal = teacher, settings, journal
        known = {name: number for number, name in enumerate(teacher.classes)}
        self._class_of = {known[name]: i for i, name in enumerate(settings.classes)}
        self._entry: ClipEntry | None = None
        self._batch: list[tuple[ClipFrame, Image | None]] = []

    def run(self, title: str) -> None:
        """Label the clip, or what of it is not labelled yet.

        Raises:
            InputError: no picture of it can be decoded, or they are interlaced.
            OutputError: the folder can't be written to.
        """
        sampler = Sampler(self._settings.every)
        kept: list[tuple[int, int]] = []
        times_seen: list[int] = []
        with (
            Clip(self._path) as clip,
            tqdm(total=clip.expected, desc=title, unit="frame", disable=None) as bar,
        ):
            for frame in clip:
                verdict = sampler.judge(frame)
                bar.update()
                if verdict.stands_for_latest:
                    times_seen[-1] += 1
                if verdict.dropped is None:
                    kept.append((frame.index, verdict.segment))
                    times_seen.append(1)
                    self._take(frame)
                    bar.set_postfix(labelled=len(kept), refresh=False)
            self._flush()
            if not clip.decoded or self._entry is None:
                raise InputError(f"{self._path}: no picture in it can be decoded")
            moments = [
                Moment(index, segment, times)
                for (index, segment), times in zip(kept, times_seen, strict=True)
            ]
            dropped = dict(sorted(sampler.dropped.items()))
            if clip.damaged:
                dropped["damaged"] = clip.damaged
            problem = clip.problem()
            self._journal.finish(
                self._entry,
                moments,
                clip.decoded + clip.damaged,
                dropped,
                _without(self._path, problem) if problem else None,
            )

    def _take(self, frame: ClipFrame) -> None:
        if self._entry is None:
            entry = self._journal.clips.get(self._sha256)
            self._entry = entry or self._journal.begin(self._name, self._path.name, self._sha256)
        known = frame.index in self._entry.frames
        self._batch.append((frame, None if known else frame.rgb()))
        if len(self._batch) == _BATCH:
            self._flush()

    def _flush(self) -> None:
        """Label the batch, unless all of it is labelled.

        Batches are the same in every run, because what a network says of an image depends, in
        the last digits, on how many others it sees with it.
        """
        batch, self._batch = self._batch, []
        if self._entry is None or all(image is None for _, image in batch):
            return
        images = [frame.rgb() if image is None else image for frame, image in batch]
        if self._settings.tta == "flip":
            answers = predict_flipped(self._teacher, images, min_score=self._settings.floor)
        else:
            answers = self._teacher.predict(images, min_score=self._settings.floor)
        frames = []
        for (frame, _), image, instances in zip(batch, images, answers, strict=True):
            size = image.shape[0], image.shape[1]
            seen = sightings_of(instances, self._class_of, size, self._settings.floor)
            count = self._store(frame.index, image)
            frames.append(Frame(frame.index, round(frame.time_s, 6), size, count, seen))
        with writing(self._journal.folder):
            sync(self._journal.folder / "images" / self._entry.name)
        self._journal.add_frames(self._entry, frames)

    def _store(self, index: int, image: Image) -> int:
        """Write a frame's JPEG to the disk; how many bytes it has."""
        assert self._entry is not None  # noqa: S101  for the type checker
        path = image_path(self._journal.folder, self._entry, index)
        buffer = BytesIO()
        Still.fromarray(image).save(buffer, "JPEG", quality=_JPEG_QUALITY, subsampling=0)
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            # What a kill leaves of it is written over when the same frame is stored again.
            unseen = path.with_name(f".{path.name}")
            with unseen.open("wb") as file:
                file.write(buffer.getbuffer())
                file.flush()
                os.fsync(file.fileno())
            unseen.replace(path)
        return buffer.getbuffer().nbytes


def _has_size(path: Path, size: int) -> bool:
    try:
        return path.stat().st_size == size
    except OSError:
        return False


def _without(path: Path, problem: str) -> str:
    """A problem without the path in it, which depends on where the command ran."""
    bare = problem.removeprefix(f"{path}: ")
    return bare.replace(shlex.quote(str(path)), shlex.quote(path.name))
