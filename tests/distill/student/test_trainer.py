"""Whole runs of a few steps: the same again, gone on with after a kill, stopped when a loss fails."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from distill.errors import InputError, TrainingError, UsageError
from distill.student.classes import classes_of_teacher
from distill.student.run import distil
from distill.student.trainer import FAILED, LOSSES
from distill.teacher.registry import load_teacher
from distill.train.metrics_log import read_metrics
from models.nets.checkpoint import save_safetensors

ROOT = Path(__file__).resolve().parents[3]
SCHEDULE = {
    "epochs": 3,
    "images_per_epoch": 8,
    "batch_size": 4,
    "warmup_epochs": 1,
    "close_mosaic": 1,
}
KD_TERMS = {"feature", "class_maps", "boxes", "masks"}
PROGRAM = """
import sys
from pathlib import Path
import torch
from distill.student.config import read_config
from distill.student.run import distil
torch.set_num_threads(1)
distil(read_config(Path(sys.argv[1])), "cpu")
"""


def losses(run):
    return [line["loss"] for line in read_metrics(run / LOSSES)]


def weights_of(student):
    return torch.load(student, weights_only=False)["model"].state_dict()


@pytest.fixture(scope="session")
def whole_run(tmp_path_factory):
    """A run that nothing disturbed; shared, because each takes seconds."""
    return tmp_path_factory.mktemp("whole")


@pytest.fixture
def done(whole_run, config_of):
    config = config_of(whole_run)
    return config, distil(config, "cpu")


def test_a_student_of_ultralytics_comes_out_and_nothing_else(done):
    config, weights = done
    content = torch.load(weights, weights_only=False)
    model = content["ema"] or content["model"]
    assert type(model).__module__ == "ultralytics.nn.tasks"
    assert not any("distillation" in name for name in model.state_dict())
    assert model.names == {0: "bottle"}
    assert content["optimizer"] is None
    terms = read_metrics(config.run / LOSSES)
    assert len(terms) == config.steps
    assert terms[2]["terms"].keys() >= KD_TERMS
    assert not terms[0]["terms"].keys() & KD_TERMS, "weights rise from 0"
    assert not terms[-1]["terms"].keys() & KD_TERMS, "the last part is without the teacher"


def test_done_is_done(done):
    config, weights = done
    before = weights.stat().st_mtime_ns
    assert distil(config, "cpu") == weights
    assert weights.stat().st_mtime_ns == before


def test_the_same_seed_gives_the_same_losses(tmp_path, config_of):
    schedule = {"epochs": 5, "images_per_epoch": 16, "batch_size": 4, "close_mosaic": 1}
    runs = []
    for name in ("one", "two"):
        config = config_of(tmp_path / name, schedule=schedule)
        distil(config, "cpu")
        runs.append(losses(config.run))
    assert len(set(runs[0])) == 20
    assert runs[0] == runs[1]


@pytest.mark.usefixtures("done")
def test_other_settings_need_another_folder(whole_run, config_of):
    with pytest.raises(UsageError, match=r"was begun with schedule.lr: 0.001, now it is 0.01"):
        distil(config_of(whole_run, schedule=SCHEDULE | {"lr": 0.01}), "cpu")


def test_another_teacher_needs_another_folder(tmp_path, done, config_of):
    config = config_of(tmp_path)
    shutil.copytree(done[0].run, config.run)
    assert distil(config, "cpu") == config.run / "student.pt"
    inputs = config.run / "inputs.json"
    then = json.loads(inputs.read_bytes()) | {str(config.teacher.weights): "0" * 64}
    inputs.write_text(json.dumps(then))
    with pytest.raises(UsageError, match=r"was begun with another .*\.safetensors; give another"):
        distil(config, "cpu")


def test_a_start_that_failed_binds_to_nothing(tmp_path, config_of):
    with pytest.raises(UsageError, match="fp16 needs a GPU"):
        distil(config_of(tmp_path, precision="fp16"), "cpu")
    with pytest.raises(InputError, match=r"teacher\.pt: No such file"):
        distil(config_of(tmp_path, teacher={"weights": "teacher.pt"}), "cpu")


def test_kill_and_go_on(tmp_path, done, settings_of):
    undisturbed = losses(done[0].run)
    settings = settings_of(tmp_path)
    command = [sys.executable, "-c", PROGRAM, str(settings)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    resume = tmp_path / "run/weights/resume.pt"
    for saves in (1, 2):  # in the middle, and when all that is left is to make the student
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        seen = {resume.stat().st_mtime_ns} if resume.exists() else set()
        deadline = time.monotonic() + 120
        while len(seen) < saves + (saves > 1):
            assert process.poll() is None, "it was to be killed before it is done"
            assert time.monotonic() < deadline
            time.sleep(0.005)
            if resume.exists():
                seen.add(resume.stat().st_mtime_ns)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert not (tmp_path / "run/student.pt").exists()
    assert len(losses(tmp_path / "run")) == len(undisturbed)
    subprocess.run(command, env=environment, check=True, capture_output=True)
    assert losses(tmp_path / "run") == pytest.approx(undisturbed, rel=1e-6)
    ours, theirs = (weights_of(path) for path in (tmp_path / "run/student.pt", done[1]))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    assert not resume.exists()


def test_a_loss_that_is_not_finite_stops_and_says_which(tmp_path, config_of, seeing_weights):
    state = load_file(seeing_weights)
    name = "bbox_head.rtm_reg.0.weight"
    with safe_open(seeing_weights, "pt") as file:
        metadata = file.metadata()
    damaged = tmp_path / "damaged.safetensors"
    save_file({**state, name: torch.full_like(state[name], 3e38)}, damaged, metadata)
    config = config_of(tmp_path, teacher={"weights": str(damaged)})
    with pytest.raises(TrainingError, match=r"step \d: .*boxes.* is not finite"):
        distil(config, "cpu")
    dump = json.loads((config.run / FAILED).read_bytes())
    assert dump["terms"]["boxes"] == "nan"
    assert dump["terms"].keys() >= KD_TERMS
    assert len(dump["images"]) == 4
    assert not (config.run / "student.pt").exists()


def test_a_teacher_that_knows_other_classes_says_which(tmp_path, config_of, seeing_net):
    weights = tmp_path / "other.safetensors"
    save_safetensors(seeing_net, weights, ("flask", "can", "cup"), source="a.pth", image_size=64)
    config = config_of(tmp_path, teacher={"weights": str(weights)})
    with pytest.raises(UsageError, match=r"does not know 'bottle'.*flask, can, cup.*teacher.names"):
        distil(config, "cpu")
    named = config_of(tmp_path, teacher={"weights": str(weights), "names": {"bottle": "cup"}})
    assert classes_of_teacher(named, load_teacher(weights)) == [2]


def test_the_control_is_the_same_run_without_the_teacher(tmp_path, done, config_of):
    control = config_of(tmp_path).control()
    distil(control, "cpu")
    first, alone = (read_metrics(run / LOSSES)[0] for run in (done[0].run, control.run))
    assert first["terms"] == alone["terms"], "before the weights have risen they are one run"
    last = read_metrics(control.run / LOSSES)[-1]
    assert not last["terms"].keys() & KD_TERMS
