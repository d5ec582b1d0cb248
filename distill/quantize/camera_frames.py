"""Frames: pictures of a camera, some to calibrate on, others to judge on, never the same.

Files are looked for once; what is chosen is read again whenever it is asked for, one picture at a
time, so that hundreds of frames need the memory of one.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from distill.data.clips import SUFFIXES as CLIPS
from distill.data.clips import Clip
from distill.data.files_below import files_below
from distill.data.images import SUFFIXES as IMAGES
from distill.data.images import is_still, read_rgb
from distill.errors import InputError
from distill.files import reading, sha256_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

    from distill.data.images import Image

CALIBRATE, JUDGE = 200, 300
"""Frames of each kind, where there are enough. Chosen: 100 to calibrate on were enough for what
`distill.quantize.bounds` was measured on."""

_FEW = 20
"""Less than this, and nothing is said of a camera. Chosen, not measured."""


@dataclass(frozen=True)
class Source:
    """A file, and how many pictures it holds."""

    path: Path
    pictures: int

    @property
    def is_clip(self) -> bool:
        """Whether it is a video."""
        return not is_still(self.path)


@dataclass(frozen=True)
class Frames:
    """Chosen pictures of some files; can be iterated over any number of times.

    Attributes:
        chosen: by file, the numbers of its pictures, rising.
        problems: a line for whatever could not be read, as of the latest iteration.
    """

    chosen: tuple[tuple[Source, tuple[int, ...]], ...]
    problems: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return sum(len(numbers) for _, numbers in self.chosen)

    def __iter__(self) -> Iterator[Image]:
        self.problems.clear()
        for source, numbers in self.chosen:
            try:
                yield from _read(source, numbers)
            except InputError as error:
                self.problems.append(str(error))

    def digest(self) -> str:
        """SHA-256 of which pictures of which files these are, by the files' bytes."""
        whole = hashlib.sha256()
        for source, numbers in self.chosen:
            whole.update(f"{sha256_of(source.path)} {numbers}\n".encode())
        return whole.hexdigest()


def sources(paths: Sequence[Path]) -> list[Source]:
    """The images and clips among files and in folders, and how many pictures each holds.

    Raises:
        InputError: there are none, or a named file can't be read.
    """
    found: list[Source] = []
    for path in paths:
        with reading(path):
            known = files_below(path, IMAGES | CLIPS) if path.is_dir() else [path]
        if not known:
            raise InputError(f"{path} is a folder without images or videos; name others")
        if path.is_dir():
            found += map(_source, known)
        else:
            found.append(Source(path, _pictures(path)))
    return found


def split(
    found: Sequence[Source], apart: Collection[Path], calibrate: int = CALIBRATE, judge: int = JUDGE
) -> tuple[Frames, Frames]:
    """Choose pictures evenly: some to calibrate on, others to judge on.

    Args:
        found: where pictures are.
        apart: labelled images, which are judged on elsewhere: none of them, nor a copy of one,
            calibrates.
        calibrate: how many to calibrate on, where there are enough.
        judge: likewise; of fewer two in five calibrate.

    Raises:
        InputError: there are too few.
    """
    labelled = _Labelled(apart)
    every = [source for source in found if not labelled.holds(source)]
    total = sum(source.pictures for source in every)
    count = min(total, calibrate + judge)
    if count < _FEW:
        left_out = len(found) - len(every)
        apart_words = f" beside {left_out} that --data judges on" if left_out else ""
        raise InputError(
            f"--calibration has {count} frames{apart_words}, and needs {_FEW} or more (better "
            f"{calibrate + judge}): {calibrate} to calibrate on and others to judge on; name more"
        )
    picked = [(2 * i + 1) * total // (2 * count) for i in range(count)]
    tuning = count * calibrate // (calibrate + judge)
    tuned = {(2 * i + 1) * count // (2 * tuning) for i in range(tuning)}
    return (
        _frames(every, [place for i, place in enumerate(picked) if i in tuned]),
        _frames(every, [place for i, place in enumerate(picked) if i not in tuned]),
    )


class _Labelled:
    """Which files are labelled images, or copies of some."""

    def __init__(self, paths: Collection[Path]) -> None:
        self._by_size: dict[int, list[Path]] = {}
        for path in paths:
            if path.is_file():
                self._by_size.setdefault(path.stat().st_size, []).append(path)

    def holds(self, source: Source) -> bool:
        """Whether this is one."""
        alike = self._by_size.get(source.path.stat().st_size, [])
        return bool(alike) and sha256_of(source.path) in {sha256_of(path) for path in alike}


def _frames(every: Sequence[Source], places: Sequence[int]) -> Frames:
    """The pictures at these places, counted over all files."""
    chosen = []
    first = 0
    for source in every:
        last = first + source.pictures
        numbers = tuple(place - first for place in places if first <= place < last)
        if numbers:
            chosen.append((source, numbers))
        first = last
    return Frames(tuple(chosen))


def _source(file: Path) -> Source:
    """A file of a folder; one that can't be read is said when its turn comes, as a picture is."""
    try:
        return Source(file, _pictures(file))
    except InputError:
        return Source(file, 1)


def _pictures(path: Path) -> int:
    """How many a file holds, by what its container says, or by counting."""
    if is_still(path):
        return 1
    with Clip(path) as clip:
        return clip.expected or sum(1 for _ in clip)


def _read(source: Source, numbers: Sequence[int]) -> Iterator[Image]:
    if not source.is_clip:
        yield read_rgb(source.path)
        return
    wanted, last = set(numbers), max(numbers)
    with Clip(source.path) as clip:
        for frame in clip:
            if frame.index in wanted:
                yield frame.rgb()
            if frame.index >= last:
                break
