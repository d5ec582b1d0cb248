"""Split: which images are learned from, and which are held out to measure on.

Neighbouring frames of a clip are nearly the same; with one learned from and the other measured on, a
network would be praised for its memory. So clips are kept whole. Where there is only one, its end is
held out, and what lies before that is in neither part.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

from distill.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from distill.data.record import ImageRecord

_GAP_SHARE = 0.05
"""Of one clip's images, at its cut, that are in neither part; one at least. Chosen, not measured."""


@dataclass(frozen=True)
class Split:
    """Two parts of a data set.

    Attributes:
        train: what is learned from, in the data set's order.
        val: what is held out, likewise.
        cut_clip: the only clip, where one had to be cut in two.
        left_out: images of it around the cut, in neither part.
    """

    train: tuple[ImageRecord, ...]
    val: tuple[ImageRecord, ...]
    cut_clip: str | None = None
    left_out: int = 0


def split(records: Sequence[ImageRecord], wanted: float, seed: int = 0) -> Split:
    """Hold out some images, clip by clip; an image of no clip stands alone.

    Whose turn it is depends on clips' names (for images of none: on their files') and the seed, not
    on their order, so that what another teacher labelled in the same clips is split alike.

    Args:
        records: of a data set.
        wanted: to hold out: a share of the images below 1, or how many. What comes nearest in
            whole clips is taken, and both parts get something.
        seed: for another choice.

    Raises:
        InputError: there is only one image, or too few in the only clip.
    """
    count = wanted * len(records) if wanted < 1 else wanted
    groups: dict[tuple[str, str], list[ImageRecord]] = {}
    for record in records:
        key = ("clip", record.clip) if record.clip is not None else ("image", record.path.name)
        groups.setdefault(key, []).append(record)
    if len(groups) == 1:
        return _cut(records, count)
    turns = sorted(groups, key=lambda key: (_turn(key, seed), key))
    out: set[tuple[str, str]] = set()
    size = 0
    for key in turns[:-1]:
        more = len(groups[key])
        if abs(size + more - count) < abs(size - count):
            out.add(key)
            size += more
    if not out:  # every clip is larger than twice what is wanted
        out.add(min(turns, key=lambda key: len(groups[key])))
    held = {record.id for key in out for record in groups[key]}
    return Split(
        tuple(record for record in records if record.id not in held),
        tuple(record for record in records if record.id in held),
    )


def _turn(key: tuple[str, str], seed: int) -> bytes:
    return hashlib.sha256(f"{seed} {key[0]} {key[1]}".encode()).digest()


def _cut(records: Sequence[ImageRecord], count: float) -> Split:
    """The end of the only clip, without the images before it."""
    clip = records[0].clip
    if clip is None or any(record.frame is None for record in records):
        raise InputError("there is one image, or one clip in no order; label more of them")
    numbered = sorted(((record.frame or 0, record) for record in records), key=itemgetter(0))
    # Frames of one number, as of two data sets that were merged, stay together.
    moments = [[record for _, record in group] for _, group in groupby(numbered, itemgetter(0))]
    gap = max(1, round(_GAP_SHARE * len(moments)))
    tail = min(max(1, round(count / len(records) * len(moments))), len(moments) - gap - 1)
    if tail < 1:
        raise InputError(
            f"clip {clip} has {len(moments)} labelled frames, too few for two parts; label more"
        )
    train, val = moments[: -tail - gap], moments[-tail:]
    return Split(
        tuple(record for moment in train for record in moment),
        tuple(record for moment in val for record in moment),
        clip,
        sum(map(len, moments[-tail - gap : -tail])),
    )
