"""Which inputs become which outputs, and what is passed over: nothing is lost on either side."""

import json
import os
from pathlib import Path

import pytest
from networks import PLACE, network
from worlds import Thing, World, leaks, linear, lumas, write_world_bundle

from agent.cli import main
from agent.cli.suffixes import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from models.part_file import PartFile

SOLID = ("--effect", "solid", "--crf", "10", "--margin", "0.06")


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    x0, y0, x1, y1 = PLACE
    world = World(Thing(linear(x0, y0), (x1 - x0, y1 - y0)), frames=4)
    return world.write(tmp_path_factory.mktemp("clip") / "street.mp4").read_bytes()


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return write_world_bundle(tmp_path_factory.mktemp("bundle") / "world.sfm", network())


@pytest.fixture
def sfumato(capsys, bundle, tmp_path, monkeypatch):
    """Run `sfumato blur` in the test's folder: exit code and what was said."""
    monkeypatch.chdir(tmp_path)

    def run(*words, command="blur"):
        extra = SOLID if command == "blur" else ()
        code = main([command, *words, "--model", str(bundle), "--allow-unsigned", *extra])
        said = capsys.readouterr().err
        assert "Traceback" not in said
        return code, said

    return run


def folder_of(path, clip, *names):
    path.mkdir(exist_ok=True)
    for name in names:
        (path / name).parent.mkdir(exist_ok=True)
        (path / name).write_bytes(clip)
    return path


def names(folder):
    return sorted(path.name for path in folder.iterdir())


# Nothing is replaced.


def test_a_shell_that_finds_two_files_destroys_neither(sfumato, clip, tmp_path):
    folder_of(tmp_path, clip, "one.mp4")
    (tmp_path / "two.mp4").write_bytes(clip + b"another original")
    code, said = sfumato(*sorted(path.name for path in tmp_path.glob("*.mp4")))
    assert code == 4
    assert said.startswith("sfumato: two.mp4 exists already; if it is an old output, replace")
    assert said.count("\n") == 1
    assert (tmp_path / "two.mp4").read_bytes() == clip + b"another original"
    assert names(tmp_path) == ["one.mp4", "two.mp4"]


@pytest.mark.slow
@pytest.mark.parametrize("words", [["in.mp4", "out.mp4"], ["in.mp4", "-o", "out.mp4"]])
def test_an_output_that_exists_is_replaced_only_by_a_word(sfumato, clip, tmp_path, words):
    folder_of(tmp_path, clip, "in.mp4")
    (tmp_path / "out.mp4").write_text("precious")
    code, said = sfumato(*words)
    assert code == 4
    assert "--overwrite" in said
    assert (tmp_path / "out.mp4").read_text() == "precious"
    assert sfumato(*words, "--overwrite")[0] == 0
    assert leaks(lumas(tmp_path / "out.mp4")) == {}


def test_the_default_output_is_not_replaced_by_running_again(sfumato, clip, tmp_path):
    folder_of(tmp_path, clip, "in.mp4")
    assert sfumato("in.mp4")[0] == 0
    (tmp_path / "in.redacted.mp4").write_text("edited since")
    assert sfumato("in.mp4")[0] == 4
    assert (tmp_path / "in.redacted.mp4").read_text() == "edited since"
    assert sfumato("in.mp4", "--overwrite")[0] == 0


@pytest.mark.parametrize(
    ("option", "name"),
    [("--report", "r.json"), ("--timeline", "t.png"), ("--contact-sheet", "s.png")],
)
def test_what_is_made_beside_the_video_replaces_nothing_either(
    sfumato, clip, tmp_path, option, name
):
    folder_of(tmp_path, clip, "in.mp4")
    (tmp_path / name).write_text("precious")
    code, said = sfumato("in.mp4", "out.mp4", option, name)
    assert code == 4
    assert f"{name} exists already" in said
    assert names(tmp_path) == sorted(["in.mp4", name])
    if option != "--timeline":  # half a second
        assert sfumato("in.mp4", "out.mp4", option, name, "--overwrite")[0] == 0
        assert (tmp_path / name).read_bytes() != b"precious"


def test_of_a_folder_what_is_there_already_stays_and_the_rest_is_done(sfumato, clip, tmp_path):
    folder_of(tmp_path / "in", clip, "a.mp4", "b.mp4")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.mp4").write_text("precious")
    code, said = sfumato("in", "--out-dir", "out", "--report", "r.json")
    assert code == 4
    assert "out/a.mp4 exists already" in said
    assert (tmp_path / "out" / "a.mp4").read_text() == "precious"
    assert leaks(lumas(tmp_path / "out" / "b.mp4")) == {}
    [left] = json.loads((tmp_path / "r.json").read_text())[0]["passed_over"]
    assert left["path"] == "in/a.mp4"
    assert "exists already" in left["reason"]
    assert sfumato("in", "--out-dir", "out", "--overwrite")[0] == 0
    assert leaks(lumas(tmp_path / "out" / "a.mp4")) == {}


def test_where_the_first_input_fails_the_next_one_says_what_holds_for_all(sfumato, clip, tmp_path):
    folder_of(tmp_path / "in", clip, "b.mp4", "c.mp4")
    (tmp_path / "in" / "a.mp4").write_text("no video")
    code, said = sfumato("in", "--out-dir", "out", "--report", "r.json")
    assert code == 3
    assert said.count("warning: nobody signed") == 1
    [left] = json.loads((tmp_path / "r.json").read_text())[0]["passed_over"]
    assert left["path"] == "in/a.mp4"
    assert left["reason"].startswith("not a video that FFmpeg can read")


@pytest.mark.parametrize("link", [Path.symlink_to, Path.hardlink_to])
def test_the_input_is_not_replaced_even_where_that_was_said(sfumato, clip, tmp_path, link):
    folder_of(tmp_path, clip, "in.mp4")
    link(tmp_path / "other.mp4", tmp_path / "in.mp4")
    for words in (
        ["in.mp4", "in.mp4"],
        ["in.mp4", "-o", "other.mp4"],
        ["in.mp4", "--out-dir", "."],
    ):
        code, said = sfumato(*words, "--overwrite")
        assert code == 4
        assert "is the input" in said
    assert (tmp_path / "in.mp4").read_bytes() == clip


@pytest.mark.parametrize(
    ("option", "name"),
    [("--report", "r.json"), ("--timeline", "t.png"), ("--contact-sheet", "s.png")],
)
@pytest.mark.parametrize("words", [["out.mp4"], ["--out-dir", "out"]])
def test_what_is_made_beside_the_video_replaces_no_input_though_that_was_said(
    sfumato, clip, tmp_path, option, name, words
):
    folder_of(tmp_path, clip, name)
    code, said = sfumato(name, *words, option, name, "--overwrite")
    assert code == 4
    assert f"{name} is an input" in said
    (tmp_path / "real").mkdir()
    (tmp_path / name).rename(tmp_path / "real" / "in.mp4")
    (tmp_path / name).symlink_to(tmp_path / "real" / "in.mp4")
    assert sfumato("real/in.mp4", *words, option, name, "--overwrite")[0] == 4
    assert (tmp_path / "real" / "in.mp4").read_bytes() == clip


@pytest.mark.parametrize(
    ("words", "about"),
    [
        (["a.mp4", "b.mp4", "c.mp4"], "3 paths"),
        (["a.mp4", "b.mp4", "-o", "c.mp4"], "2 paths, but -o names one output"),
        (["clips", "-o", "c.mp4"], "is a folder"),
        (["a.mp4", "x/a.mp4", "--out-dir", "out"], "two inputs would both become out/a.mp4"),
        (["a.mp4", "x/A.MP4", "--out-dir", "out"], "two inputs would both become"),
        (["x/\u00e9.mp4", "x/e\u0301.mp4", "--out-dir", "out"], "two inputs would both become"),
        (["x/é.avi", "x/é.wmv", "x/É.MPG", "x/é.avi.MP4", "--out-dir", "out"], "both become"),
    ],
)
def test_what_is_not_clear_is_refused(sfumato, clip, tmp_path, words, about):
    folder_of(tmp_path, clip, "a.mp4", "b.mp4", "c.mp4", "clips/a.mp4")
    before = names(tmp_path)
    code, said = sfumato(*words, "--overwrite")
    assert code == 2
    assert about in said
    assert set(names(tmp_path)) - {"out"} == set(before)


def test_two_words_for_one_output_are_refused(sfumato, capsys):
    with pytest.raises(SystemExit) as end:
        sfumato("a.mp4", "-o", "b.mp4", "--out-dir", "out")
    assert end.value.code == 2
    assert "not allowed with" in capsys.readouterr().err


def test_one_name_with_several_suffixes_becomes_several_outputs(sfumato, clip, tmp_path):
    folder_of(tmp_path / "in", clip, "a.mp4", "a.MOV", "a.LRV", "a.avi", "b.avi")
    assert sfumato("in", "in/a.mp4", "--out-dir", "out")[0] == 0
    assert names(tmp_path / "out") == ["a.LRV.mp4", "a.MOV", "a.avi.mp4", "a.mp4", "b.mp4"]


# Nothing is dropped in silence.


@pytest.mark.slow
def test_every_file_of_a_folder_is_done_or_named(sfumato, clip, tmp_path):
    odd = ["a.264", "b.dav", "c.insv", "d.LRV", "e.m2v", "f.divx", "g.Rm", "h.gif", ".i.mp4"]
    folder = folder_of(tmp_path / "in", clip, *odd, "._not-apples.mp4")
    folder_of(folder, clip, "notes.txt", "bare", "sub/x.mp4")
    (folder / "._a.264").write_bytes(b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X")
    (folder / "gone.mp4").symlink_to("nowhere")
    os.mkfifo(folder / "pipe.mp4")
    part = PartFile(folder / "other.mp4")
    code, said = sfumato("in", "--out-dir", "out", "--report", "r.json")
    assert code == 0, said
    done = [Path(name).with_suffix(".mp4").name for name in odd]
    assert names(tmp_path / "out") == sorted([*done, "._not-apples.mp4"])
    reasons = {
        "notes.txt": ".txt is no suffix of videos; name the file to have it tried",
        "bare": "it has no suffix of videos; name the file to have it tried",
        "sub": "a folder in the folder; name it to have its files done",
        "gone.mp4": "a link to nothing",
        "pipe.mp4": "not an ordinary file",
        part.path.name: "a run is writing it",
    }
    part.discard()
    for name, reason in reasons.items():
        assert f"sfumato: passed over: in/{name}: {reason}\n" in said
    assert "1 of Apple's ._ files" in said
    first, *others = json.loads((tmp_path / "r.json").read_text())
    told = {each["path"]: each["reason"] for each in first["passed_over"]}
    assert told.pop("in/._a.264") == "macOS keeps attributes in it"
    assert told == {f"in/{name}": reason for name, reason in reasons.items()}
    assert len(others) == 9
    assert not any(each["passed_over"] for each in others)


def test_a_folder_of_nothing_but_others_names_them_too(sfumato, clip, tmp_path):
    folder_of(tmp_path / "in", clip, "a.txt")
    code, said = sfumato("in", "--out-dir", "out")
    assert code == 3
    assert "passed over: in/a.txt" in said
    assert said.splitlines()[-1] == "sfumato: in: holds no file to redact"


@pytest.mark.parametrize("name", ["clip", "clip.txt", "clip.dat", "clip.jpg", "-.mp4.bak"])
def test_a_file_that_is_named_is_tried_whatever_it_is_called(sfumato, clip, tmp_path, name):
    folder_of(tmp_path, clip, name)
    assert sfumato(f"./{name}", "-o", "out.mp4")[0] == 0
    assert leaks(lumas(tmp_path / "out.mp4")) == {}


def test_of_images_others_are_named_too(sfumato, clip, tmp_path):
    folder_of(tmp_path / "in", clip, "a.mp4", "b.png")
    code, said = sfumato("in", "--out-dir", "out", command="redact-image")
    assert code == 3
    assert "passed over: in/a.mp4: .mp4 is no suffix of images" in said
    assert "b.png: not an image that can be read" in said


def test_no_suffix_is_two_things_but_animations_are():
    assert {".apng", ".gif"} >= VIDEO_SUFFIXES & IMAGE_SUFFIXES


# What killed runs left.


@pytest.mark.parametrize("words", [["in.mp4", "out.mp4"], ["in.mp4", "--out-dir", "out"]])
def test_the_next_run_sweeps_what_a_killed_one_left(sfumato, clip, tmp_path, words):
    folder_of(tmp_path, clip, "in.mp4")
    folder = tmp_path / "out" if "--out-dir" in words else tmp_path
    folder.mkdir(exist_ok=True)
    alive = PartFile(folder / "other.mp4")
    left = alive.path.with_name(alive.path.name.replace(".other.", ".killed."))
    left.write_bytes(clip)
    assert sfumato(*words)[0] == 0
    assert not left.exists()
    assert alive.path.exists()
    alive.discard()
