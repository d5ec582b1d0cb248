"""Labeller: clips and images become labelled ones in a folder; a run that was killed goes on."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from distill.data.images import is_still
from distill.errors import InputError, UsageError
from distill.files import sha256_of
from distill.label.clip_labeller import ClipLabeller, without_folders
from distill.label.entries import STILLS, image_path, still_path
from distill.label.observer import Observer
from distill.label.progress_log import MASTER
from distill.label.still_labeller import label_stills
from distill.progress import progress

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from distill.label.progress_log import ProgressLog
    from distill.label.settings import Settings
    from distill.predict.predictor import Predictor

_MAX_NAME = 80
"""Characters of a clip's folder: file systems allow 255 bytes, of which a letter may take three."""


@dataclass
class LabellingResult:
    """What a run did.

    Attributes:
        clips: digests of the clips and images that were given and are labelled.
        notes: one line for each that is damaged, given twice, or was skipped.
        failed: how many could not be used at all.
    """

    clips: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    failed: int = 0


def label_clips(
    paths: Sequence[Path], teacher: Predictor, settings: Settings, log: ProgressLog
) -> LabellingResult:
    """Label what of these clips, and then of these still images, is not labelled yet.

    Raises:
        UsageError: there are new ones, but people have corrected the data set.
        OutputError: the folder can't be written to.
    """
    result = LabellingResult()
    digests = _digests(paths, result)
    names = _names(digests, log)
    missing = [sha256 for sha256 in digests if not _is_whole(sha256, log)]
    if log.master() == "corrected" and not log.failed.keys() >= set(missing):
        raise UsageError(
            f"{log.folder / MASTER} was corrected since it was written, and labelling more "
            "would write it anew; label that into a folder of its own"
        )
    observer = Observer(teacher, settings)

    def skip(sha256: str, error: InputError) -> None:
        path = digests[sha256]
        result.notes.append(f"skipped {error}")
        result.failed += 1
        if log.failed.get(sha256, {}).get("file") != path.name:
            log.fail(path.name, sha256, without_folders(path, str(error)))

    clips = {
        sha256: path
        for sha256, path in digests.items()
        if sha256 in log.clips or not is_still(path)
    }
    for number, (sha256, path) in enumerate(clips.items(), start=1):
        if sha256 in missing:
            clip = ClipLabeller(path, sha256, names[sha256], observer, settings, log)
            try:
                clip.run(f"[{number}/{len(clips)}] {path.name}")
            except InputError as error:
                skip(sha256, error)
                continue
        result.clips.append(sha256)
        problem = log.clips[sha256].problem
        if problem:
            result.notes.append(f"{path}: {problem}")
    stills = {sha256: digests[sha256] for sha256 in missing if sha256 not in clips}
    if stills:
        label_stills(stills, names, observer, log, skip)
    result.clips += [sha256 for sha256 in digests if sha256 in log.stills]
    return result


def _digests(paths: Sequence[Path], result: LabellingResult) -> dict[str, Path]:
    """The path of each file by its digest; the same one under two names counts once."""
    digests: dict[str, Path] = {}
    for path in progress(paths, "reading", unit="file"):
        try:
            sha256 = sha256_of(path)
        except InputError as error:
            result.notes.append(f"skipped {error}")
            result.failed += 1
            continue
        if sha256 in digests:
            result.notes.append(f"{path}: is the same as {digests[sha256]}; it is labelled once")
        else:
            digests[sha256] = path
    return digests


def _names(digests: dict[str, Path], log: ProgressLog) -> dict[str, str]:
    """A name for each clip and image: its file's, with a piece of its digest where others have it."""
    names = {sha256: entry.name for sha256, entry in log.clips.items()}
    names |= {sha256: still.name for sha256, still in log.stills.items()}
    plain = {
        sha256: re.sub(r"[^\w.-]+", "_", path.stem).strip("._")[:_MAX_NAME] or "clip"
        for sha256, path in digests.items()
    }
    # Some file systems hold `A` and `a` for one name.
    taken = [STILLS, *(name.lower() for name in plain.values())]
    taken += [name.lower() for sha256, name in names.items() if sha256 not in digests]
    for sha256, name in plain.items():
        if sha256 not in names:
            alone = taken.count(name.lower()) == 1
            names[sha256] = name if alone else f"{name}-{sha256[:8]}"
    return names


def _is_whole(sha256: str, log: ProgressLog) -> bool:
    """Whether a clip is finished and its images are there; forgets frames whose image is not."""
    still = log.stills.get(sha256)
    if still is not None:
        if not _has_size(still_path(log.folder, still.name), still.frame.bytes):
            del log.stills[sha256]
        return sha256 in log.stills
    entry = log.clips.get(sha256)
    if entry is None:
        return False
    for frame in list(entry.frames.values()):
        if not _has_size(image_path(log.folder, entry, frame.index), frame.bytes):
            del entry.frames[frame.index]
    return entry.is_finished


def _has_size(path: Path, size: int) -> bool:
    try:
        return path.stat().st_size == size
    except OSError:
        return False
