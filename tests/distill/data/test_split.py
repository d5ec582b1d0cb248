"""Parts of a data set: clips whole, the same for everyone, and never one frame on both sides."""

from pathlib import Path

import pytest

from distill.data.record import ImageRecord
from distill.data.split import split
from distill.errors import InputError


def record(number, clip, frame=0):
    path = Path(f"/data/images/{clip or 'photos'}/{frame:06}-{number}.jpg")
    return ImageRecord(number, path, 64, 48, clip, frame, ())


def clips(**lengths):
    pairs = [(clip, frame) for clip, length in lengths.items() for frame in range(length)]
    return [record(number, *pair) for number, pair in enumerate(pairs, start=1)]


def clips_of(records):
    return {one.clip for one in records}


@pytest.mark.parametrize("wanted", [0.1, 0.2, 0.5, 0.9, 1, 7, 60])
@pytest.mark.parametrize("seed", range(5))
def test_no_clip_is_on_both_sides_and_neither_is_empty(wanted, seed):
    records = clips(a=10, b=3, c=25, d=1, e=12, f=30)
    parts = split(records, wanted, seed)
    assert parts.train
    assert parts.val
    assert not clips_of(parts.train) & clips_of(parts.val)
    both = sorted((*parts.train, *parts.val), key=lambda one: one.id)
    assert both == records
    assert list(parts.val) == sorted(parts.val, key=lambda one: one.id)


@pytest.mark.parametrize(("wanted", "count"), [(0.2, 20), (0.25, 25), (30, 30), (0.7, 70)])
def test_the_share_and_the_count_are_met_in_whole_clips(wanted, count):
    records = clips(**{f"c{number}": 5 for number in range(20)})
    assert len(split(records, wanted).val) == count


def test_it_depends_on_names_and_seed_alone():
    records = clips(a=10, b=10, c=10, d=10, e=10)
    chosen = {seed: clips_of(split(records, 0.2, seed).val) for seed in range(12)}
    assert len(set(map(frozenset, chosen.values()))) > 1
    for seed, names in chosen.items():
        assert clips_of(split(records[::-1], 0.2, seed).val) == names
        others = clips(**dict.fromkeys("ecabd", 7))  # what another teacher labelled
        assert clips_of(split(others, 0.2, seed).val) == names


def test_images_of_no_clip_stand_alone():
    records = [record(number, None, number) for number in range(50)]
    parts = split(records, 0.2)
    assert (len(parts.train), len(parts.val)) == (40, 10)
    assert parts.cut_clip is None
    mixed = [*clips(a=40), *(record(100 + number, None, number) for number in range(10))]
    parts = split(mixed, 0.1)
    assert len(parts.val) == 5
    assert clips_of(parts.val) == {None}


def test_large_clips_give_the_smallest():
    parts = split(clips(a=50, b=48, c=49), 0.1)
    assert clips_of(parts.val) == {"b"}


def test_the_end_of_the_only_clip_is_held_out_and_a_gap_before_it():
    records = clips(a=60)
    parts = split(records[::-1], 0.2)
    assert parts.cut_clip == "a"
    assert sorted(one.frame for one in parts.val) == list(range(48, 60))
    assert sorted(one.frame for one in parts.train) == list(range(45))
    assert parts.left_out == 3
    small = split(clips(a=3), 0.9)
    assert [[one.frame for one in part] for part in (small.train, small.val)] == [[0], [2]]


def test_two_images_of_one_moment_stay_together():
    records = [*clips(a=20), *(record(100 + frame, "a", frame) for frame in range(20))]
    parts = split(records, 0.5)
    assert not {one.frame for one in parts.train} & {one.frame for one in parts.val}


@pytest.mark.parametrize("records", [clips(a=2), clips(a=1), [record(1, None)]])
def test_too_little_for_two_parts_is_refused(records):
    with pytest.raises(InputError, match="label more"):
        split(records, 0.2)
