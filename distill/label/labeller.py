"""Labeller: clips become labelled frames in a folder; a run that was killed goes on."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tqdm import tqdm

from distill.errors import InputError, UsageError
from distill.files import sha256_of
from distill.label.clip_labeller import ClipLabeller, image_path, without_folders
from distill.label.progress_log import MASTER

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
        clips: digests of the clips that were given and are labelled, in order.
        notes: one line for each clip that is damaged, given twice, or was skipped.
        failed: clips that could not be used at all.
    """

    clips: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    failed: int = 0


def label_clips(
    paths: Sequence[Path], teacher: Predictor, settings: Settings, log: ProgressLog
) -> LabellingResult:
    """Label what of these clips is not labelled yet.

    Raises:
        UsageError: there are new clips, but people have corrected the data set.
        OutputError: the folder can't be written to.
    """
    result = LabellingResult()
    digests = _digests(paths, result)
    names = _names(digests, log)
    missing = [sha256 for sha256 in digests if not _is_whole(sha256, log)]
    if log.master() == "corrected" and not log.failed.keys() >= set(missing):
        raise UsageError(
            f"{log.folder / MASTER} was corrected since it was written, and labelling more "
            "clips would write it anew; label them into a folder of their own"
        )
    for number, (sha256, path) in enumerate(digests.items(), start=1):
        if sha256 in missing:
            clip = ClipLabeller(path, sha256, names[sha256], teacher, settings, log)
            try:
                clip.run(f"[{number}/{len(digests)}] {path.name}")
            except InputError as error:
                result.notes.append(f"skipped {error}")
                result.failed += 1
                if log.failed.get(sha256, {}).get("file") != path.name:
                    log.fail(path.name, sha256, without_folders(path, str(error)))
                continue
        result.clips.append(sha256)
        problem = log.clips[sha256].problem
        if problem:
            result.notes.append(f"{path}: {problem}")
    return result


def _digests(paths: Sequence[Path], result: LabellingResult) -> dict[str, Path]:
    """The path of each clip by its digest; the same clip under two names counts once."""
    digests: dict[str, Path] = {}
    for path in tqdm(paths, "reading", unit="clip", leave=False, disable=None):
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
    """A folder name for each clip: its file's, with a piece of its digest where others have it."""
    names = {sha256: entry.name for sha256, entry in log.clips.items()}
    plain = {
        sha256: re.sub(r"[^\w.-]+", "_", path.stem).strip("._")[:_MAX_NAME] or "clip"
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


def _is_whole(sha256: str, log: ProgressLog) -> bool:
    """Whether a clip is finished and its images are there; forgets frames whose image is not."""
    entry = log.clips.get(sha256)
    if entry is None:
        return False
    for frame in list(entry.frames.values()):
        if not _has_size(image_path(log.folder, entry, frame.index), frame.bytes):
            del entry.frames[frame.index]
    if entry.moments is None:
        return False
    return all(moment.index in entry.frames for moment in entry.moments)


def _has_size(path: Path, size: int) -> bool:
    try:
        return path.stat().st_size == size
    except OSError:
        return False
