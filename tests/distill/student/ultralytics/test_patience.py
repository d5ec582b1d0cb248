"""A student that gets no better is done early, at the same epoch whatever stops it in between."""

import sys
from contextlib import closing, redirect_stdout

import pytest
import torch
import yaml
from lively import lively
from self_labelled import self_labelled
from torch import nn

from distill.finetune.metrics_log import read_metrics
from distill.predict.open import load_teacher
from distill.student.config import read_config
from distill.student.run import begun_folder, train_student
from distill.student.ultralytics.checkpoints import epochs_done
from distill.student.ultralytics.student_trainer import StudentTrainer
from distill.student.ultralytics.training import overrides
from tests.distill.conftest import picture

pytestmark = pytest.mark.slow  # each trains
OFF = dict.fromkeys(("feature", "class_maps", "boxes", "masks"), 0)


@pytest.fixture(scope="module")
def settings_of(tmp_path_factory):
    """A run whose first epoch learns at rate 0, and whose second destroys what there was."""
    folder = tmp_path_factory.mktemp("self")
    start = folder / "start.pt"
    model = lively("yolo11n-seg")
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 0.03
    torch.save({"model": model, "ema": None, "train_args": {"imgsz": 64}}, start)
    network = load_teacher(start, image_size=64, device="cpu")
    train, val = (self_labelled(folder / name, network, picture) for name in ("train", "val"))

    def write(place, patience=2):
        content = {
            "run": str(place / "run"),
            "student": {
                "model": "yolo11n-seg",
                "weights": str(start),
                "classes": ["bottle", "cup"],
                "image_size": 64,
            },
            "teacher": {"weights": str(start)},
            "data": {"labelled": str(train), "val": str(val)},
            "schedule": {
                "epochs": 5, "images_per_epoch": 4, "batch_size": 4, "warmup_epochs": 1,
                "close_mosaic": 0, "lr": 0.1, "patience": patience,
            },
            "distill": OFF,
        }  # fmt: skip
        path = place / "distill.yaml"
        path.write_text(yaml.safe_dump(content))
        return read_config(path)

    return write


@pytest.fixture(scope="module")
def whole(settings_of, tmp_path_factory):
    config = settings_of(tmp_path_factory.mktemp("whole"))
    return config, train_student(config, "cpu")


def weights_of(path):
    return torch.load(path, weights_only=False)["model"].state_dict()


def test_it_ends_and_the_best_epoch_becomes_the_student(whole):
    config, student = whole
    assert len(read_metrics(config.run / "losses.jsonl")) == 3
    start = weights_of(config.student.weights)
    moved = max(
        (value - start[name].half()).abs().max().item()
        for name, value in weights_of(student).items()
        if name.endswith("conv.weight")
    )
    assert moved < 1e-3  # of the epoch that learned at rate 0


@pytest.mark.parametrize("saves", [2, 3])  # one epoch was no better; the end is decided
def test_stopped_and_gone_on_with_it_is_the_same_run(whole, settings_of, tmp_path, capfd, saves):
    config = settings_of(tmp_path)
    left = iter(range(saves - 1, -1, -1))

    def press_ctrl_c(_trainer):
        if not next(left):
            raise KeyboardInterrupt

    with closing(begun_folder(config)) as folder, redirect_stdout(sys.stderr):
        trainer = StudentTrainer(overrides=overrides(config, folder, "cpu"))
        trainer.add_callback("on_model_save", press_ctrl_c)
        with pytest.raises(KeyboardInterrupt):
            trainer.train()
        done = epochs_done(folder.resume)
    assert (done.count, done.best, done.is_last) == (saves, 1, saves == 3)
    student = train_student(config, "cpu")
    assert "no better since epoch 1; epoch 3 of 5 is the last" in capfd.readouterr().err
    one, other = (read_metrics(run / "losses.jsonl") for run in (config.run, whole[0].run))
    assert [line["loss"] for line in one] == [line["loss"] for line in other]
    ours, theirs = weights_of(student), weights_of(whole[1])
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
