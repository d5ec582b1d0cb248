"""`sfumato-distill synth`: what is in the folder, and that a run can be killed and go on."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import numpy as np
import pytest

from distill.cli import main
from distill.data import rle
from distill.data.coco import CocoDataset
from distill.data.images import read_rgb
from distill.data.scene_log import SCENE_LOG
from distill.data.scenes import CLASSES, render_scene

ROOT = Path(__file__).resolve().parents[3]


def synth(folder, *words):
    return main(["synth", "--out", str(folder), "--size", "96x64", "--seed", "5", *words])


def contents(folder):
    """Every file but the log, whose lines stand in the order in which scenes were finished."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != SCENE_LOG
    }


@pytest.fixture(scope="module")
def six(tmp_path_factory):
    """Six images of domain b, every class, rendered in this process."""
    folder = tmp_path_factory.mktemp("synth") / "six"
    words = ("--images", "6", "--domain", "b", "--classes", ",".join(CLASSES), "--workers", "1")
    assert synth(folder, *words) == 0
    return folder


def test_the_folder_is_a_data_set_split_by_scene(six):
    whole, train, val = (
        CocoDataset.read(six / f"{name}.json") for name in ("annotations", "train", "val")
    )
    assert whole.classes == CLASSES
    assert not whole.problems
    assert len(whole.images) == 6
    assert len(val.images) == 1
    assert {one.clip for one in train.images} | {one.clip for one in val.images} == {
        one.clip for one in whole.images
    }
    assert not {one.clip for one in train.images} & {one.clip for one in val.images}
    assert whole.info["domain"] == "b"
    assert read_rgb(six / "sheet.png").shape[1] > 900


def test_annotations_are_the_rendered_masks(six):
    record = CocoDataset.read(six / "annotations.json").images[2]
    rendered = render_scene(5, "b", 2, (96, 64))
    assert len(record.annotations) == len(rendered.instances)
    for annotation, instance in zip(record.annotations, rendered.instances, strict=True):
        assert np.array_equal(rle.decode(annotation.rle), instance.mask)
        assert (annotation.class_id, annotation.track_id) == (
            instance.class_id,
            instance.track_id,
        )
        unclear = instance.visible < 0.1 or instance.mask.sum() < 24
        assert annotation.ignore == unclear
        assert annotation.band == ("ignore" if unclear else None)
    picture = record.read().astype(int)
    assert np.abs(picture - rendered.image).mean() < 6


def test_only_the_classes_asked_for_are_labelled_and_no_pixel_is_rendered_again(six):
    before = contents(six)
    times = {path: path.stat().st_mtime_ns for path in six.rglob("*.jpg")}
    words = ("--images", "6", "--domain", "b", "--classes", "jar,bottle", "--workers", "1")
    assert synth(six, *words) == 0
    read = CocoDataset.read(six / "annotations.json")
    assert read.classes == ("jar", "bottle")
    assert sum(len(one.annotations) for one in read.images) < before["annotations.json"].count(
        b"iscrowd"
    )
    assert {path: path.stat().st_mtime_ns for path in six.rglob("*.jpg")} == times
    words = ("--images", "6", "--domain", "b", "--classes", ",".join(CLASSES), "--workers", "1")
    assert synth(six, *words) == 0
    assert contents(six) == before


@pytest.mark.slow
def test_workers_a_shorter_run_and_a_damaged_file_make_no_difference(six, tmp_path):
    words = ("--domain", "b", "--classes", ",".join(CLASSES))
    assert synth(tmp_path / "out", "--images", "4", *words, "--workers", "2") == 0
    picture = tmp_path / "out" / "images" / "0000" / "000001.jpg"
    picture.write_bytes(picture.read_bytes()[:700])
    (tmp_path / "out" / "images" / "0000" / "000003.jpg").unlink()
    with (tmp_path / "out" / SCENE_LOG).open("a", encoding="utf-8") as log:
        log.write('{"index": 4, "ima')  # killed while it was written
    assert synth(tmp_path / "out", "--images", "6", *words, "--workers", "1") == 0
    assert contents(tmp_path / "out") == contents(six)


@pytest.mark.slow
def test_a_killed_run_goes_on(six, tmp_path):
    """SIGKILL reaches the parent only; its workers must not live on."""
    folder = tmp_path / "out"
    words = ["--domain", "b", "--classes", ",".join(CLASSES)]
    program = "import sys; from distill.cli import main; sys.exit(main(sys.argv[1:]))"
    whole = [
        sys.executable, "-c", program, "synth", "--out", str(folder), "--size", "96x64",
        "--seed", "5", "--images", "5000", "--workers", "2", *words,
    ]  # fmt: skip
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    with subprocess.Popen(whole, env=environment, stderr=subprocess.PIPE, text=True) as process:
        log = folder / SCENE_LOG
        deadline = time.monotonic() + 600
        while not log.exists() or len(log.read_bytes().splitlines()) < 4:
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.stderr.read()  # until the last one that holds the pipe has ended
    logged = [
        json.loads(line)
        for line in log.read_text().splitlines(keepends=True)[1:]
        if line.endswith("\n")
    ]
    finished = [line["images"][0]["file"] for line in logged if line["index"] < 6]
    kept = {folder / name: (folder / name).stat().st_mtime_ns for name in finished}
    assert kept
    images = len(list(folder.rglob("*.jpg")))
    assert images < 5000
    assert synth(folder, "--images", "6", *words, "--workers", "1") == 0
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    for name, data in contents(six).items():
        assert (folder / name).read_bytes() == data, name


def test_clips_come_with_videos_and_tracks(tmp_path):
    words = ("--clips", "2", "--frames", "4", "--video", "--val", "0.5", "--workers", "1")
    assert synth(tmp_path, *words) == 0
    read = CocoDataset.read(tmp_path / "annotations.json")
    assert [(one.clip, one.frame) for one in read.images] == [
        (f"clip-000{clip}", frame) for clip in range(2) for frame in range(4)
    ]
    assert len({one.clip for one in CocoDataset.read(tmp_path / "val.json").images}) == 1
    assert all(one.path.parent.name == one.clip for one in read.images)
    with av.open(str(tmp_path / "videos" / "clip-0001.mp4")) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(frames) == 4
    stills = [one.read().astype(int) for one in read.images[4:]]
    assert max(np.abs(a - b).mean() for a, b in zip(frames, stills, strict=True)) < 8


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "required"),
        (("--images", "0"), "whole number from 1"),
        (("--images", "2", "--clips", "2"), "not allowed with"),
        (("--images", "2", "--frames", "3"), "--frames goes with --clips"),
        (("--images", "2", "--video"), "--video goes with --clips"),
        (("--clips", "2", "--video", "--size", "65x64"), "even numbers"),
        (("--images", "2", "--size", "640"), "640x480"),
        (("--images", "2", "--size", "8x8"), "64 to 4096"),
        (("--images", "2", "--classes", "botle"), "no class 'botle'"),
        (("--images", "2", "--val", "1"), "no share"),
        (("--images", "2", "--val", "nan"), "no share"),
        (("--images", "2", "--seed", "-1"), "--seed"),
        (("--images", "2", "--domain", "c"), "invalid choice"),
    ],
)
def test_bad_words_are_one_line(tmp_path, capsys, words, said):
    try:
        code = synth(tmp_path / "out", *words)
    except SystemExit as error:
        code = error.code
    assert code == 2
    line = capsys.readouterr().err
    assert said in line
    assert line.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_other_peoples_folders_are_left_alone(six, tmp_path, capsys):
    (tmp_path / "letter.txt").write_text("dear", "utf-8")
    assert synth(tmp_path, "--images", "2") == 4
    assert "is not empty" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]
    assert synth(six, "--images", "2") == 4
    said = capsys.readouterr().err
    assert "domain b, not a" in said
    assert said.count("\n") == 1
    file = tmp_path / "letter.txt"
    assert synth(file, "--images", "2") == 4


def test_the_log_of_another_version_is_not_read(six, tmp_path, capsys):
    header = json.loads((six / SCENE_LOG).read_text("utf-8").splitlines()[0])
    (tmp_path / SCENE_LOG).write_text(json.dumps(header | {"format": "sfumato-synth 9"}), "utf-8")
    assert synth(tmp_path, "--images", "2", "--domain", "b") == 4
    assert "another version" in capsys.readouterr().err
