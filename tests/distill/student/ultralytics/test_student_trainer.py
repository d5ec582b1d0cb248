"""Whole runs of a few steps: the same again, gone on with after a kill, stopped when a loss fails."""

import json
import os
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import torch
from halting import halting_before, kill_once_halted
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from ultralytics.utils.dist import ddp_cleanup, generate_ddp_command

from distill.data import rle
from distill.data.coco import Annotation, ImageRecord, write_coco
from distill.errors import InputError, TrainingError, UsageError
from distill.finetune.metrics_log import read_metrics
from distill.predict.open import load_teacher
from distill.student.classes import classes_of_teacher
from distill.student.run import begun_folder, train_student
from distill.student.student_folder import StudentFolder
from distill.student.ultralytics.processes import run_processes
from distill.student.ultralytics.student_trainer import StudentTrainer
from distill.student.ultralytics.training import overrides
from models.errors import ModelError
from models.nets.checkpoint import save_safetensors
from tests.distill.yolos import build

pytestmark = pytest.mark.slow  # each trains
ROOT = Path(__file__).resolve().parents[4]
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
from distill.student.run import train_student
torch.set_num_threads(1)
train_student(read_config(Path(sys.argv[1])), "cpu")
"""


def losses(run):
    return [line["loss"] for line in read_metrics(run / "losses.jsonl")]


def weights_of(student):
    return torch.load(student, weights_only=False)["model"].state_dict()


@pytest.fixture(scope="session")
def whole_run(tmp_path_factory):
    """A run that nothing disturbed; shared, because each takes seconds."""
    return tmp_path_factory.mktemp("whole")


@pytest.fixture
def done(whole_run, config_of):
    config = config_of(whole_run)
    return config, train_student(config, "cpu")


def test_a_student_of_ultralytics_comes_out_and_nothing_else(done):
    config, weights = done
    content = torch.load(weights, weights_only=False)
    model = content["ema"] or content["model"]
    assert type(model).__module__ == "ultralytics.nn.tasks"
    assert not any("distillation" in name for name in model.state_dict())
    assert model.names == {0: "bottle"}
    assert content["optimizer"] is None
    terms = read_metrics(config.run / "losses.jsonl")
    assert len(terms) == config.steps
    assert terms[2]["terms"].keys() >= KD_TERMS
    assert not terms[0]["terms"].keys() & KD_TERMS, "weights rise from 0"
    assert not terms[-1]["terms"].keys() & KD_TERMS, "the last part is without the teacher"


def test_done_is_done(done):
    config, weights = done
    before = weights.stat().st_mtime_ns
    assert train_student(config, "cpu") == weights
    assert weights.stat().st_mtime_ns == before


def test_the_same_seed_gives_the_same_losses(tmp_path, config_of):
    schedule = {"epochs": 5, "images_per_epoch": 16, "batch_size": 4, "close_mosaic": 1}
    runs = []
    for name in ("one", "two"):
        config = config_of(tmp_path / name, schedule=schedule)
        train_student(config, "cpu")
        runs.append(losses(config.run))
    assert len(set(runs[0])) == 20
    assert runs[0] == runs[1]


@pytest.mark.usefixtures("done")
def test_other_settings_need_another_folder(whole_run, config_of):
    with pytest.raises(UsageError, match=r"was begun with schedule.lr: 0.001, now it is 0.01"):
        train_student(config_of(whole_run, schedule=SCHEDULE | {"lr": 0.01}), "cpu")


def test_another_teacher_needs_another_folder(tmp_path, done, config_of):
    config = config_of(tmp_path)
    shutil.copytree(done[0].run, config.run)
    assert train_student(config, "cpu") == config.run / "student.pt"
    inputs = config.run / "inputs.json"
    then = json.loads(inputs.read_bytes()) | {str(config.teacher.weights): "0" * 64}
    inputs.write_text(json.dumps(then))
    with pytest.raises(UsageError, match=r"was begun with another .*\.safetensors; give another"):
        train_student(config, "cpu")


def test_a_start_that_failed_binds_to_nothing(tmp_path, config_of):
    with pytest.raises(UsageError, match="fp16 needs a GPU"):
        train_student(config_of(tmp_path, precision="fp16"), "cpu")
    with pytest.raises(InputError, match=r"teacher\.pt can't be read: No such file"):
        train_student(config_of(tmp_path, teacher={"weights": "teacher.pt"}), "cpu")


def test_kill_and_go_on(tmp_path, done, settings_of):
    undisturbed = losses(done[0].run)
    settings = settings_of(tmp_path)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    resume = tmp_path / "run/training/weights/resume.pt"

    def command(head=""):
        return [sys.executable, "-c", head + PROGRAM, str(settings)]

    # In the middle, and when all that is left is to make the student.
    for moment in (halting_before("/resume.pt", 2), halting_before("/run/student.pt")):
        process = subprocess.Popen(
            command(moment), env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        kill_once_halted(process)
        assert resume.exists()
        assert not (tmp_path / "run/student.pt").exists()
    assert len(losses(tmp_path / "run")) == len(undisturbed)
    subprocess.run(command(), env=environment, check=True, capture_output=True)
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
        train_student(config, "cpu")
    dump = json.loads(StudentFolder(config.run).failed_batch.read_bytes())
    assert dump["terms"]["boxes"] == "nan"
    assert dump["terms"].keys() >= KD_TERMS
    assert len(dump["images"]) == 4
    assert not (config.run / "student.pt").exists()


def test_a_teacher_that_knows_other_classes_says_which(tmp_path, config_of, seeing_net):
    weights = tmp_path / "other.safetensors"
    save_safetensors(seeing_net, weights, ("flask", "can", "cup"), source="a.pth", image_size=64)
    config = config_of(tmp_path, teacher={"weights": str(weights)})
    with pytest.raises(UsageError, match=r"does not know 'bottle'.*flask, can, cup.*teacher.names"):
        train_student(config, "cpu")
    named = config_of(tmp_path, teacher={"weights": str(weights), "names": {"bottle": "cup"}})
    assert classes_of_teacher(named, load_teacher(weights)) == [2]


def test_the_control_is_the_same_run_without_the_teacher(tmp_path, done, config_of):
    control = config_of(tmp_path).control()
    train_student(control, "cpu")
    first, alone = (read_metrics(run / "losses.jsonl")[0] for run in (done[0].run, control.run))
    assert first["terms"] == alone["terms"], "before the weights have risen they are one run"
    last = read_metrics(control.run / "losses.jsonl")[-1]
    assert not last["terms"].keys() & KD_TERMS


def test_an_image_that_is_all_doubt_teaches_nothing(tmp_path, config_of, few, held_out):
    Image.new("RGB", (64, 64), (90, 40, 40)).save(tmp_path / "doubt.png")
    shape = rle.encode(np.ones((64, 64), np.uint8))
    doubt = Annotation(0, rle.box(shape), shape, ignore=True)
    records = [ImageRecord(1, tmp_path / "doubt.png", 64, 64, None, None, (doubt,))]
    write_coco(tmp_path / "doubt.json", ("bottle",), records, {})
    config = config_of(
        tmp_path / "a",
        data={
            "labelled": str(few),
            "pseudo": str(tmp_path / "doubt.json"),
            "labelled_share": 0.5,
            "val": str(held_out),
        },
        schedule=SCHEDULE | {"epochs": 2, "images_per_epoch": 4, "batch_size": 1},
        augmentation={"mosaic": 0.0, "scale": 0.0, "translate": 0.0},
    ).control()
    train_student(config, "cpu")
    found = losses(config.run)
    assert sum(loss == 0.0 for loss in found) == len(found) / 2, "what shows objects teaches"


def test_bfloat16_on_a_cpu(tmp_path, done, config_of):
    config = config_of(tmp_path, precision="bf16")
    train_student(config, "cpu")
    exact, short = (losses(run)[0] for run in (done[0].run, config.run))
    assert short != exact
    assert short == pytest.approx(exact, rel=0.1)


@pytest.mark.parametrize("model", [None, "yolov8n-seg"])
def test_a_student_begins_with_weights_of_its_own_network(tmp_path, config_of, model):
    network = build("yolov8n-seg", ["can", "cup"])
    network.model[9].cv1.conv.weight.data.fill_(0.25)  # as no seed makes it
    torch.save({"model": network}, tmp_path / "start.pt")
    start = {"model": model, "weights": "start.pt", "classes": ["bottle"], "image_size": 64}
    one_step = {"epochs": 1, "images_per_epoch": 4, "batch_size": 4, "lr": 1e-9}
    config = config_of(tmp_path, student=start, schedule=one_step)
    assert config.student.name == (model or "start")
    after = weights_of(train_student(config.control(), "cpu"))
    before = weights_of(tmp_path / "start.pt")
    name = "model.9.cv1.conv.weight"
    assert torch.allclose(after[name].float(), before[name], atol=1e-3)


def test_weights_of_another_network_are_no_start(tmp_path, config_of):
    for name in ("yolov8n", "yolo26n", "yolo11s"):
        torch.save({"model": build(f"{name}-seg", ["bottle"])}, tmp_path / f"{name}.pt")
    (tmp_path / "torn.pt").write_bytes(b"PK")
    student = {"model": "yolo11n-seg", "classes": ["bottle"], "image_size": 64}
    for weights, error, says in (
        ("yolov8n.pt", UsageError, r"yolov8n\.pt is no yolo11n-seg"),
        ("yolo26n.pt", UsageError, r"yolo26n\.pt is no yolo11n-seg"),
        ("yolo11s.pt", UsageError, r"yolo11s\.pt is no yolo11n-seg"),
        ("torn.pt", ModelError, r"torn\.pt: Ultralytics can't load it"),
    ):
        with pytest.raises(error, match=says):
            train_student(config_of(tmp_path, student=student | {"weights": weights}), "cpu")


@pytest.mark.parametrize("device", ["97", "97,98"])
def test_a_gpu_that_is_not_there_is_said(tmp_path, config_of, device):
    with pytest.raises(UsageError, match="no GPU 'cuda:97'"):
        train_student(config_of(tmp_path), device)


def trained_by(kind, config):
    """A run in the hands of another trainer."""
    with closing(begun_folder(config)) as folder:
        kind(overrides=overrides(config, folder, "cpu")).train()


class Torn(StudentTrainer):
    """Its last step has a gradient that is not finite, though the loss was."""

    def optimizer_step(self):
        super().optimizer_step()
        if self._criterion.step == self.config.steps:
            self.model.model[0].conv.weight.data[0] = float("nan")


class Full(StudentTrainer):
    """On a device whose memory another program takes in the second epoch."""

    def preprocess_batch(self, batch):
        if self.epoch:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")
        return super().preprocess_batch(batch)


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        (Torn, "the weights are not finite after epoch 3; lower schedule.lr"),
        (Full, "no memory for 4 images a step; lower schedule.batch_size"),
    ],
)
def test_a_run_that_can_not_go_on_says_why(tmp_path, config_of, kind, says):
    with pytest.raises(TrainingError, match=says):
        trained_by(kind, config_of(tmp_path))


def test_the_process_of_each_gpu_finds_the_run(tmp_path, config_of):
    """Ultralytics empties its folder first; here one such process, on the CPU."""
    config = config_of(tmp_path, schedule=SCHEDULE | {"epochs": 1, "close_mosaic": 0})
    with closing(begun_folder(config)) as folder:
        trainer = StudentTrainer(overrides=overrides(config, folder, "cpu"))
        _, program = generate_ddp_command(trainer)
        try:
            run_processes(program, 1)
        finally:
            ddp_cleanup(trainer, program)
    assert len(losses(config.run)) == config.steps
    assert train_student(config, "cpu").exists(), "its last epoch becomes the student"


def test_the_teachers_weight_rises_and_ends(tmp_path, config_of):
    schedule = SCHEDULE | {"epochs": 10, "images_per_epoch": 40}
    config = config_of(tmp_path, schedule=schedule, distill={"warmup": 0.2, "stop": 0.9})
    assert config.steps == 100
    strengths = {step: config.strength(step) for step in (0, 5, 10, 20, 89, 90, 99)}
    assert strengths == {0: 0, 5: 0.25, 10: 0.5, 20: 1, 89: 1, 90: 0, 99: 0}


def test_a_copy_of_a_run_goes_on_by_itself(tmp_path, done, config_of):
    config = config_of(tmp_path)
    with pytest.raises(TrainingError):
        trained_by(Full, config)
    shutil.copytree(config.run, tmp_path / "copy")
    before = {path: path.stat().st_mtime_ns for path in config.run.rglob("*")}
    copy = config.model_copy(update={"run": tmp_path / "copy"})
    train_student(copy, "cpu")
    assert losses(copy.run) == pytest.approx(losses(done[0].run), rel=1e-6)
    assert {path: path.stat().st_mtime_ns for path in config.run.rglob("*")} == before
