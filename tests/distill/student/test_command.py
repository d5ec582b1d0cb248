"""`sfumato-distill distill`: what a person who runs it reads."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image

from distill.cli import main
from tests.distill.yolos import build

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.slow
def test_stdout_is_the_outcome_alone(settings_of, tmp_path):
    settings = settings_of(tmp_path)
    words = [sys.executable, "-c", "import sys; from distill.cli import main; sys.exit(main())"]
    said = subprocess.run(
        [*words, "distill", str(settings), "--control", "--device", "cpu"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    figures, student = said.stdout.splitlines()
    assert figures.startswith("on 3 held-out images: mask mAP ")
    assert student == f"student: {tmp_path / 'run/student.pt'}"
    assert "3/3" in said.stderr, "epochs count up where a person looks"


@pytest.mark.slow
def test_a_dry_run_counts_and_leaves_nothing(settings_of, tmp_path, capsys):
    settings = settings_of(tmp_path)
    assert main(["distill", str(settings), "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "student: yolo11n-seg, finds bottle" in said
    assert "labelled: 3 images" in said
    assert "6 steps of 4 images" in said
    assert "weights of its losses: feature 0.5, class_maps 1, boxes 2, masks 2" in said
    assert list(tmp_path.iterdir()) == [settings]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"distill": {"feature": -1}}, "distill.feature"),
        ({"distil": {"feature": 1}}, "distil: there is no such setting; there is 'distill'"),
        ({"augmentation": {"mosiac": 1.0}}, "has 'mosiac'; there are hsv_h"),
        ({"augmentation": {"mosaic": 2.0}}, "mosaic is 2; it goes from 0 to 1"),
        ({"student": {"classes": ["bottle"]}}, "name a model, such as yolo11n-seg"),
    ],
)
def test_a_setting_that_is_off_is_one_line(settings_of, tmp_path, capsys, changes, says):
    settings = settings_of(tmp_path, **changes)
    assert main(["distill", str(settings)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert says in line
    assert str(settings) in line


@pytest.mark.parametrize("words", [[], ["--dry-run"]])
def test_what_can_not_be_trained_is_said_before(
    settings_of, tmp_path, capsys, few, held_out, words
):
    settings = settings_of(
        tmp_path,
        student={"model": "rtmdet-ins-tiny", "classes": ["bottle"], "image_size": 64},
        augmentation={"degrees": 5.0},
    )
    assert main(["distill", str(settings), *words]) == 2
    assert "augmentation.degrees is not for RTMDet-Ins" in capsys.readouterr().err
    empty = json.loads(held_out.read_bytes()) | {"annotations": []}
    (held_out.parent / "empty.json").write_text(json.dumps(empty))
    data = {"pseudo": str(few), "val": str(held_out.parent / "empty.json")}
    settings = settings_of(tmp_path / "b", data=data)
    assert main(["distill", str(settings), *words]) == 3
    assert "shows no bottle to measure on" in capsys.readouterr().err
    regions = json.loads(few.read_bytes())
    regions["annotations"] = [one | {"iscrowd": 1} for one in regions["annotations"]]
    (few.parent / "regions.json").write_text(json.dumps(regions))
    data = {"labelled": str(few.parent / "regions.json"), "val": str(held_out)}
    settings = settings_of(tmp_path / "c", data=data)
    assert main(["distill", str(settings), *words]) == 3
    assert "none of 3 images to learn from shows a bottle (3 reg" in capsys.readouterr().err


def cropped(source, folder, numbers):
    """A copy of a data set, some of whose images were cropped after they were labelled."""
    shutil.copytree(source.parent, folder)
    for number in numbers:
        path = folder / "images" / f"{number}.png"
        Image.open(path).copy().crop((8, 0, 64, 48)).save(path)
    return folder / source.name


FAMILIES = ["yolov8n-seg", "rtmdet-ins-tiny"]
SHORT = {"epochs": 1, "images_per_epoch": 4, "batch_size": 2, "warmup_epochs": 0, "close_mosaic": 0}


@pytest.mark.slow
@pytest.mark.parametrize("model", FAMILIES)
def test_images_that_were_cropped_since_are_not_learned_from(
    settings_of, tmp_path, capsys, few, held_out, model
):
    student = {"model": model, "classes": ["bottle"], "image_size": 64}
    all_of_them = cropped(few, tmp_path / "all", (1, 2, 3))
    data = {"labelled": str(all_of_them), "val": str(held_out)}
    settings = settings_of(tmp_path / "a", student=student, schedule=SHORT, data=data)
    words = ["--control", "--device", "cpu"]
    assert main(["distill", str(settings), *words]) == 3
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("sfumato-distill: none of 3 images can be used; the first: ")
    assert not (tmp_path / "a" / "run" / "losses.jsonl").exists(), "said before the training"
    assert "has 56x48 pixels, but was labelled as 64x48" in last
    data["labelled"] = str(cropped(few, tmp_path / "one", (2,)))
    settings = settings_of(tmp_path / "b", student=student, schedule=SHORT, data=data)
    assert main(["distill", str(settings), *words]) == 0
    said = "".join(capsys.readouterr())
    assert "one/images/2.png has 56x48 pixels, but was labelled as 64x48" in said


@pytest.mark.slow
def test_held_out_images_that_were_cropped_since_are_not_measured_on(
    settings_of, tmp_path, capsys, few, held_out
):
    data = {"labelled": str(few), "val": str(cropped(held_out, tmp_path / "one", (2,)))}
    student = {"model": "yolov8n-seg", "classes": ["bottle"], "image_size": 64}
    settings = settings_of(tmp_path / "a", student=student, schedule=SHORT, data=data)
    assert main(["distill", str(settings), "--control", "--device", "cpu"]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("on 2 held-out images: ")
    assert "one/images/2.png has 56x48 pixels" in said.err
    data["val"] = str(cropped(held_out, tmp_path / "all", (1, 2, 3)))
    settings = settings_of(tmp_path / "b", student=student, schedule=SHORT, data=data)
    assert main(["distill", str(settings), "--control", "--device", "cpu"]) == 3
    assert "none of 3 images can be used" in capsys.readouterr().err
    assert not (tmp_path / "b" / "run" / "losses.jsonl").exists(), "said before the training"


@pytest.mark.slow
def test_a_dry_run_says_which_images_were_cropped_since(
    settings_of, tmp_path, capsys, few, held_out
):
    data = {"labelled": str(cropped(few, tmp_path / "one", (2,))), "val": str(held_out)}
    assert main(["distill", str(settings_of(tmp_path, data=data)), "--control", "--dry-run"]) == 0
    assert "one/images/2.png has 56x48 pixels" in capsys.readouterr().out


@pytest.mark.slow
def test_a_dry_run_looks_at_the_weights_to_start_from(settings_of, tmp_path, capsys):
    torch.save({"model": build("yolov8n-seg", ["bottle"])}, tmp_path / "other.pt")
    student = {"model": "yolo11n-seg", "classes": ["bottle"], "weights": "other.pt"}
    assert main(["distill", str(settings_of(tmp_path, student=student)), "--dry-run"]) == 2
    assert "other.pt is no yolo11n-seg" in capsys.readouterr().err


@pytest.mark.slow
def test_what_was_left_out_is_said_and_a_new_student_is_measured(
    settings_of, tmp_path, capsys, few, held_out
):
    torn = json.loads(few.read_bytes())
    torn["images"].append(torn["images"][0] | {"id": 99, "file_name": "images/none.png"})
    (few.parent / "torn.json").write_text(json.dumps(torn))
    settings = settings_of(
        tmp_path,
        data={"labelled": str(few.parent / "torn.json"), "val": str(held_out)},
        schedule={"epochs": 1, "images_per_epoch": 4, "batch_size": 4, "close_mosaic": 0},
    )
    command = ["distill", str(settings), "--control", "--device", "cpu"]
    assert main(command) == 0
    assert "none.png" in capsys.readouterr().err
    student, report = (tmp_path / "run" / name for name in ("student.pt", "val.json"))
    for _ in range(2):  # as it is, and another
        before = student.read_bytes()
        assert main(command) == 0
        assert json.loads(report.read_bytes())["sha256"] == hashlib.sha256(before).hexdigest()
        torch.save({"model": build("yolo11n-seg", ["bottle"])}, student)
