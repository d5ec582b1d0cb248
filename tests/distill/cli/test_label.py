"""`sfumato-distill label`, as it is typed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from halting import halting_before, kill_once_halted
from isnets import write_isnet

from distill.cli import main
from tests.distill.label.blobs import scene, write_clip

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return write_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", [scene(i) for i in range(24)])


def label(weights, out, *words):
    return [
        "label",
        "--teacher",
        str(weights),
        "--classes",
        "bottle,cup",
        "--size",
        "64",
        "--device",
        "cpu",
        "--out",
        str(out),
        *map(str, words),
    ]


@pytest.mark.slow
def test_a_real_teacher_labels_a_clip_and_review_can_be_exported(
    seeing_weights, clip, tmp_path, capsys
):
    out = tmp_path / "set"
    words = label(seeing_weights, out, clip.parent, "--tta", "flip", "--accept", "0.9")
    assert main([*words, "--ignore", "0.01", "--min-track", "1"]) == 0
    said = capsys.readouterr().out
    assert str(out / "annotations.json") in said
    assert "no val.json: there is one clip" in said
    assert (out / "sheets" / "clip-001.png").is_file()
    master = json.loads((out / "annotations.json").read_bytes())
    assert len(master["images"]) == 12
    assert {one["band"] for one in master["annotations"]} >= {"review"}
    export = ["labels", "export", str(out / "review.json"), "--format", "cvat"]
    assert main([*export, "--out", str(tmp_path / "cvat")]) == 0


@pytest.mark.slow
def test_a_real_clip(seeing_weights, data, tmp_path):
    out = tmp_path / "set"
    clip = data / "videos" / "motorbike-road.mp4"
    assert main(label(seeing_weights, out, clip, "--every", "32")) == 0
    images = json.loads((out / "annotations.json").read_bytes())["images"]
    assert len(images) == 3
    assert {(image["width"], image["height"]) for image in images} == {(1280, 720)}


@pytest.fixture(scope="module")
def isnet(tmp_path_factory):
    return write_isnet(tmp_path_factory.mktemp("isnet") / "isnet.onnx")


@pytest.mark.slow
def test_isnet_labels_what_stands_out(isnet, clip, tmp_path):
    out = tmp_path / "set"
    words = ["label", str(clip), "--teacher", str(isnet), "--classes", "ball", "--every", "4"]
    assert main([*words, "--device", "cpu", "--out", str(out)]) == 0
    master = json.loads((out / "annotations.json").read_bytes())
    assert [one["name"] for one in master["categories"]] == ["ball"]
    assert master["info"]["teacher"]["name"] == "isnet"
    accepted = [one for one in master["annotations"] if one["band"] == "accept"]
    assert len(accepted) == len(master["images"]) == 6
    for image, one in zip(master["images"], accepted, strict=True):
        left = 20 + 2 * image["frame"] - 12
        assert one["bbox"] == pytest.approx([left, 28, 25, 25], abs=2)  # where the ball is
    # Beside another teacher's name the folder is refused: its labels are not this one's.
    assert main([*words, "--tta", "flip", "--device", "cpu", "--out", str(out)]) == 2


@pytest.mark.slow
def test_isnet_labels_inside_the_boxes_of_a_detector(isnet, seeing_weights, clip, tmp_path):
    out = tmp_path / "set"
    words = label(isnet, out, clip, "--boxes", seeing_weights, "--every", "24", "--min-track", "1")
    assert main([*words, "--classes", "cup", "--ignore", "0.1"]) == 0
    master = json.loads((out / "annotations.json").read_bytes())
    assert master["info"]["teacher"]["name"] == "isnet in rtmdet-ins-tiny"
    assert [one["name"] for one in master["categories"]] == ["cup"]
    assert master["annotations"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--classes", "dog,cat"], 2, "can't tell 2 classes apart"),
        (["--classes", "dog", "--size", "640"], 2, "takes 1024 px"),
        (["--classes", "dog", "--boxes", "no.safetensors"], 5, "no.safetensors: can't read"),
        (["--classes", "dog", "--teacher", "no.onnx"], 5, "no.onnx can't be read"),
        (["--classes", "dog", "--teacher", "a.pt", "--boxes", "b.pt"], 2, "leave --boxes out"),
    ],
)
def test_what_isnet_can_not_do_is_said_in_one_line(
    isnet, clip, tmp_path, capsys, words, code, said
):
    common = ["label", str(clip), "--teacher", str(isnet), "--out", str(tmp_path / "set")]
    assert main([*common, "--device", "cpu", *words]) == code
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert said in lines[0]
    assert not (tmp_path / "set").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--classes", "botle"], 2, "has no class 'botle'; did you mean 'bottle'?"),
        (["--ignore", "0.6"], 2, "--ignore 0.6 is above --accept 0.5"),
        (["--teacher", "no.safetensors"], 5, "no.safetensors"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    seeing_weights, clip, tmp_path, capsys, words, code, said
):
    assert main(label(seeing_weights, tmp_path / "set", clip, *words)) == code
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert said in lines[0]
    assert not (tmp_path / "set").exists()


@pytest.mark.slow
def test_a_folder_without_videos_and_a_set_of_only_bad_clips_end_with_3(
    seeing_weights, tmp_path, capsys
):
    (tmp_path / "nothing").mkdir()
    assert main(label(seeing_weights, tmp_path / "set", tmp_path / "nothing")) == 3
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"")
    assert main(label(seeing_weights, tmp_path / "set", bad)) == 3
    assert "bad.mp4: the file is empty" in capsys.readouterr().err


_COMMANDS = """
import json, sys
from distill.cli import main
sys.exit(max(main(command) for command in json.loads(sys.argv[1])))
"""


@pytest.mark.slow
def test_kill_9_of_the_command_and_the_same_command_again(seeing_weights, clip, tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}

    def start(*folders, head=""):
        words = ["--min-track", "1", "--ignore", "0.01", "--tta", "flip", clip]
        commands = [label(seeing_weights, folder, *words) for folder in folders]
        return subprocess.Popen(
            [sys.executable, "-c", head + _COMMANDS, json.dumps(commands)],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    process = start(killed, head=halting_before(".jpg", 7))
    kill_once_halted(process)
    assert b'"frames"' in (killed / "labels.jsonl").read_bytes()
    assert not (killed / "annotations.json").exists()
    assert start(killed, whole).wait(600) == 0
    for name in ("annotations.json", "train.json", "review.json"):
        assert (killed / name).read_bytes() == (whole / name).read_bytes()
    assert len(list((killed / "images").rglob("*.jpg"))) == 12


def test_help_teaches(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["label", "--help"])
    said = capsys.readouterr().out
    for word in ("accept", "review", "ignore", "exit code is 0", "example", "near-duplicates"):
        assert word in said
