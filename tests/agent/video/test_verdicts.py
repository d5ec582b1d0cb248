"""What trials found, kept for the next start."""

import json
import os

import pytest

from agent.video.verdicts import Verdict, Verdicts, key_of

GRAVE = Verdict("crashed (SIGSEGV)", is_grave=True)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "cache" / "verdicts.json"


@pytest.mark.parametrize("verdict", [Verdict(), GRAVE])
def test_what_was_found_is_known_to_the_next_process(path, verdict):
    here = Verdicts(path)
    assert here.get("key") is None
    here.begin("key")
    here.end("key", verdict)
    assert here.get("key") == Verdicts(path).get("key") == verdict
    assert Verdicts(path).get("other") is None
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_what_may_be_mended_is_known_to_this_process_only(path):
    here = Verdicts(path)
    here.begin("key")
    here.end("key", Verdict("no permission"))
    assert here.get("key") == Verdict("no permission")
    assert Verdicts(path).get("key") is None


def test_a_trial_under_way_is_no_verdict(path):
    Verdicts(path).begin("key")
    assert Verdicts(path).get("key") is None


def test_one_that_took_the_machine_with_it_is_not_made_again(path):
    Verdicts(path).begin("key")
    text = path.read_text()
    begun = json.loads(text)["verdicts"]["key"]["begun"]
    path.write_text(text.replace(begun, "another boot"))
    found = Verdicts(path).get("key")
    assert found == Verdict(
        f"the machine went down while it was tried; remove {path} to try again", is_grave=True
    )


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b'{"v": 2, "verdicts": {"key": {"failure": null}}}',
        b'{"v": 1, "verdicts": []}',
        b'{"v": 1, "verdicts": {"key": 7}}',
        b'{"v": 1, "verdicts": {"key": {"failure": 7}}}',
        b"[" * 100_000,
    ],
)
def test_a_file_that_is_none_of_ours_says_nothing(path, content):
    path.parent.mkdir()
    path.write_bytes(content)
    found = Verdicts(path)
    assert found.get("key") is None
    found.end("key", GRAVE)
    assert Verdicts(path).get("key") == GRAVE


def test_without_a_place_it_is_kept_in_memory(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_bytes(b"")
    for path in (None, blocked / "verdicts.json"):
        found = Verdicts(path)
        found.begin("key")
        found.end("key", GRAVE)
        assert found.get("key") == GRAVE
    assert os.listdir(tmp_path) == ["file"]  # noqa: PTH208


def test_the_oldest_give_way(path):
    found = Verdicts(path)
    for number in range(70):
        found.end(str(number), GRAVE)
    assert Verdicts(path).get("5") is None
    assert Verdicts(path).get("6") == GRAVE


def test_other_circumstances_have_another_key():
    def key(way="dec", versions=("1.22",), kind="h264 yuv420p", size=(1280, 720)):
        return key_of(way, versions, kind, size)

    others = [
        key(way="other"),
        key(versions=("1.24",)),
        key(kind="h264 yuv420p10le"),
        key(size=(1280, 722)),
        key(size=(3840, 2160)),
    ]
    assert len({key(), *others}) == 6
    assert key() == key(size=(720, 1280)) == key(size=(640, 360))
    assert key(size=(8000, 4000)) != key(size=(8000, 4002))
