"""The README's commands for the workstation, in their order, with small things to work on."""

import json
import shutil

import av
import pytest
import yaml
from readme import commands

from agent.cli import main as sfumato
from distill.cli import main
from models.bundle import Bundle
from models.signing import load_public

PUBLISHED = "weights/rtmdet-ins_tiny_8xb32-300e_coco_20221130_151727-ec670f7e.pth"
FRAMES = 24


def cut(source, target):
    """The first frames of a video as a clip of their own."""
    with av.open(str(source)) as video, av.open(str(target), "w") as clip:
        stream = clip.add_stream("libx264", rate=25)
        stream.pix_fmt = "yuv420p"
        for index, frame in enumerate(video.decode(video=0)):
            if index >= FRAMES:
                break
            if not index:
                stream.width, stream.height = frame.width, frame.height
            picture = av.VideoFrame.from_ndarray(frame.to_ndarray(format="rgb24"))
            clip.mux(stream.encode(picture))
        clip.mux(stream.encode(None))


@pytest.mark.slow
def test_sfumato_distill_does_what_is_shown(data, yolo, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "clips").mkdir()
    cut(data / "videos" / "bottle-detection.mp4", tmp_path / "clips/only.mp4")
    stage = {"name": "all", "trains": "all", "steps": 2, "lr": 1e-3}
    config = {
        "run": "../runs/bottle",
        "model": {"size": "tiny", "classes": ["bottle"], "image_size": 64},
        "data": {
            "own": "../datasets/bottles/train.json",
            "val": "../datasets/bottles/val.json",
        },
        "stages": [stage],
        "batch_size": 2,
    }
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs/finetune-bottle.yaml").write_text(yaml.safe_dump(config))
    student = {
        "run": "../runs/bottle-student",
        "student": {"model": "yolo11n-seg", "classes": ["bottle"], "image_size": 64},
        "teacher": {"weights": str(yolo)},  # two steps make no teacher that sees anything
        "data": {
            "labelled": "../datasets/bottles/train.json",
            "pseudo": "../datasets/pseudo/train.json",
            "val": "../datasets/bottles/val.json",
        },
        "schedule": {"epochs": 1, "images_per_epoch": 4, "batch_size": 2, "close_mosaic": 0},
    }
    (tmp_path / "configs/distill-bottle.yaml").write_text(yaml.safe_dump(student))
    shown = [words[1:] for words in commands() if words[0] == "sfumato-distill"]
    assert [words[0] for words in shown] == [
        *("teacher", "label", "labels", "finetune", "evaluate"),
        *("labels", "labels"),
        *("label", "labels", "distill", "distill", "ladder", "quantize", "evaluate", "pack"),
    ]
    for words in shown:
        if words[0] == "teacher":  # nobody listens there, so it says what to do by hand
            assert main([*words, "--url", "http://127.0.0.1:9"]) == 3
            assert "http://127.0.0.1:9/" in capsys.readouterr().err
            continue
        if words[1] == "split":
            assert not (tmp_path / words[2] / "val.json").exists()
        if words[1] == "export":  # the teacher has no doubts about these bottles
            shutil.copy("datasets/bottles/annotations.json", "datasets/bottles/review.json")
        if words[1] == "import":
            shutil.copy("review/cvat.zip", "corrected.zip")
        given = [str(yolo) if word == PUBLISHED else word for word in words]
        if words[0] == "quantize":  # nor a student, and two dozen frames are no camera
            shutil.copy(yolo, "runs/bottle-student/student.pt")
            given += ["--bounds", "agreement=0.5,score_shift=0.1,mask_map_loss=10,f1_loss=10"]
        if words[0] == "pack":
            assert sfumato(["model", "keygen", "office"]) == 0
        assert main(given) == 0, (given, capsys.readouterr().err)
    assert (tmp_path / "report" / "metrics.json").exists()
    assert (tmp_path / "review" / "cvat.zip").exists()
    assert (tmp_path / "runs/bottle-student/student.pt").exists()
    assert (tmp_path / "runs/control/student.pt").exists()
    swept = json.loads((tmp_path / "report-student/sweep.json").read_bytes())["networks"]
    bundle = Bundle.open(tmp_path / "bottle.sfm", [load_public(tmp_path / "office.pub")])
    assert bundle.manifest.thresholds == swept[0]["thresholds"] != {}
    assert bundle.manifest.files.keys() == {"fp32", "uint8"}
    small = bundle.manifest.files["uint8"]
    assert (small.sha256, small.thresholds) == (swept[1]["sha256"], swept[1]["thresholds"])
    assert bundle.manifest.metrics["mask_map"] > 0.5
