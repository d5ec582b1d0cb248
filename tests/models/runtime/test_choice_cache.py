"""What is remembered of choices, in a file that may be anything."""

import json
from dataclasses import replace

import pytest

from models.runtime.candidate import MOST_LETTERS, Candidacy
from models.runtime.choice_cache import ChoiceCache, key_of

CIRCUMSTANCES = {
    "digest": "ab" * 32,
    "threads": 1,
    "runtimes": ["tensorrt is not here", "onnxruntime-cpu 1.32.0"],
    "cpu": "flags : avx512_vnni",
    "version": "0.1.0",
}
NOW = key_of(**CIRCUMSTANCES)
CHOICE = (
    Candidacy("int8", "elsewhere", "made for tensorrt", None),
    Candidacy(None, "absent", "not here", "tensorrt"),
    Candidacy("uint8", "chosen", "passes, 1.52x", "onnxruntime-cpu"),
    Candidacy("fp32", "passed", "passes", "onnxruntime-cpu"),
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a" / "b" / "choices.json"


@pytest.fixture
def kept(path):
    ChoiceCache(path).put(NOW, CHOICE)
    return path


def test_what_was_kept_is_found_by_whoever_comes_next(kept):
    assert ChoiceCache(kept).get(NOW) == CHOICE
    assert [each.name for each in kept.parent.iterdir()] == [kept.name]
    assert kept.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    "change",
    [
        {"digest": "cd" * 32},
        {"runtimes": ["tensorrt is not here", "onnxruntime-cpu 1.33.0"]},
        {"runtimes": ["tensorrt 10.3.0", "onnxruntime-cpu 1.32.0"]},
        {"runtimes": ["onnxruntime-cpu 1.32.0", "tensorrt is not here"]},
        {"threads": 2},
        {"cpu": "flags : avx512_vnni amx"},
        {"version": "0.0.1"},
    ],
    ids=str,
)
def test_under_other_circumstances_nothing_is_known(kept, change):
    assert ChoiceCache(kept).get(key_of(**CIRCUMSTANCES | change)) is None


def damaged():
    """What a file may hold instead, by name."""
    document = {"v": 2, "choices": {NOW: [["uint8", "chosen", "passes", "onnxruntime-cpu"]]}}
    cpu = "onnxruntime-cpu"

    def entry(*said):
        return json.dumps({**document, "choices": {NOW: said}}).encode()

    whole = json.dumps(document).encode()
    return {
        "empty": b"",
        "cut": whole[:-10],
        "no text": b"\xff\xfe\x00",
        "a list": b"[]",
        "a number": b"7",
        "deep": b"[" * 200_000,
        "huge": b" " * (1 << 20) + whole,
        "newer": whole.replace(b'"v": 2', b'"v": 3'),
        "no choices": b'{"v": 2}',
        "choices of another kind": b'{"v": 2, "choices": [1]}',
        "nothing": entry(),
        "a word": b'{"v": 2, "choices": {"%s": "fp32"}}' % NOW.encode(),
        "null": b'{"v": 2, "choices": {"%s": null}}' % NOW.encode(),
        "an unknown precision": entry(["fp8", "chosen", "passes", cpu]),
        "an unknown outcome": entry(["fp32", "best", "passes", cpu]),
        "an unknown runtime": entry(["fp32", "chosen", "passes", "ncnn"]),
        "none chosen": entry(["fp32", "passed", "passes", cpu]),
        "two chosen": entry(["fp32", "chosen", "passes", cpu], ["uint8", "chosen", "passes", cpu]),
        "no file chosen": entry([None, "chosen", "passes", cpu]),
        "chosen for nothing": entry(["fp32", "chosen", "passes", None]),
        "too few words": entry(["fp32", "chosen", "passes"]),
        "too many words": entry(["fp32", "chosen", "passes", cpu, "well"]),
        "no words": entry({"role": "fp32"}),
        "a number for a reason": entry(["fp32", "chosen", 7, cpu]),
        "a list for a precision": entry([["fp32"], "chosen", "passes", cpu]),
        "a list for a runtime": entry(["fp32", "chosen", "passes", [cpu]]),
        "an endless reason": entry(["fp32", "chosen", "x" * (MOST_LETTERS + 1), cpu]),
    }


def test_the_damage_below_is_what_is_refused(path):
    path.parent.mkdir(parents=True)
    said = ["uint8", "chosen", "passes", "onnxruntime-cpu"]
    path.write_text(json.dumps({"v": 2, "choices": {NOW: [said]}}))
    assert ChoiceCache(path).get(NOW) == (Candidacy(*said),)


@pytest.mark.parametrize("kind", damaged())
def test_a_damaged_file_is_as_none_and_is_replaced(path, kind):
    path.parent.mkdir(parents=True)
    path.write_bytes(damaged()[kind])
    cache = ChoiceCache(path)
    assert cache.get(NOW) is None
    cache.put(NOW, CHOICE)
    assert cache.get(NOW) == CHOICE


def test_a_place_that_can_not_be_written_stops_nothing(tmp_path):
    """A file in the way, as root may write everywhere else."""
    (tmp_path / "file").write_text("in the way")
    cache = ChoiceCache(tmp_path / "file" / "sfumato" / "choices.json")
    cache.put(NOW, CHOICE)
    assert cache.get(NOW) is None
    ChoiceCache(tmp_path).put(NOW, CHOICE)  # a folder has its name
    assert ChoiceCache(tmp_path).get(NOW) is None
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_it_stays_small(path):
    cache = ChoiceCache(path)
    worst = tuple(replace(each, said="€" * MOST_LETTERS) for each in CHOICE)
    others = [key_of(**CIRCUMSTANCES | {"threads": number}) for number in range(2, 22)]
    for each in others:
        cache.put(each, worst)
    assert [cache.get(each) is not None for each in others] == [False] * 4 + [True] * 16
    assert path.stat().st_size < 200_000
    cache.put(others[4], CHOICE)  # chosen anew, it is the youngest
    cache.put(NOW, CHOICE)
    assert cache.get(others[4]) == CHOICE
    assert cache.get(others[5]) is None
