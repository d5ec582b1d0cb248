"""RTMDet-Ins as a student: the same losses, the same run without them, gone on with after a kill."""

import copy
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from halting import halting_before, kill_once_halted
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from distill.errors import TrainingError, UsageError
from distill.finetune.batch import normalised
from distill.finetune.metrics_log import read_metrics
from distill.finetune.snapshot import read_snapshot
from distill.finetune.sources import read_sources
from distill.predict.hooks import tap
from distill.predict.open import load_teacher
from distill.predict.rtmdet import dense_of, features_of
from distill.student.rtmdet.finetune_config import finetune_config_of
from distill.student.rtmdet.training import DistillationHook
from distill.student.run import train_student
from models.nets.checkpoint import read_checkpoint, save_safetensors
from models.nets.head import RawOutputs
from models.nets.rtmdet_ins import RTMDetIns
from tests.distill.yolos import build

pytestmark = pytest.mark.slow  # each trains
ROOT = Path(__file__).resolve().parents[4]
KD_TERMS = {"feature", "class_maps", "boxes", "masks"}
LABEL_TERMS = {"loss_cls", "loss_box", "loss_mask"}
STUDENT = {"model": "rtmdet-ins-tiny", "classes": ["bottle"], "image_size": 64}
SCHEDULE = {
    "epochs": 3,
    "images_per_epoch": 4,
    "batch_size": 2,
    "warmup_epochs": 1,
    "close_mosaic": 1,
}
PROGRAM = """
import sys
from pathlib import Path
import torch
from distill.student.config import read_config
from distill.student.run import train_student
torch.set_num_threads(1)
train_student(read_config(Path(sys.argv[1])), "cpu")
"""


def steps(run):
    return read_metrics(run / "losses.jsonl")


def totals(run):
    return [line["loss"] for line in steps(run)]


@pytest.fixture
def small(config_of):
    """A run of six steps."""
    return lambda folder, **changes: config_of(
        folder, **{"student": STUDENT, "schedule": SCHEDULE} | changes
    )


@pytest.fixture(scope="session")
def whole_run(tmp_path_factory):
    """The folder of a run that nothing disturbed; shared, because each takes seconds."""
    return tmp_path_factory.mktemp("rtmdet")


@pytest.fixture
def done(whole_run, small):
    config = small(whole_run)
    return config, train_student(config, "cpu")


def test_a_student_of_ours_comes_out_and_nothing_else(done):
    config, weights = done
    assert weights == config.run / "student.safetensors"
    checkpoint = read_checkpoint(weights)
    assert (checkpoint.size, checkpoint.classes, checkpoint.image_size) == ("tiny", ("bottle",), 64)
    plain = config.run / "plain.safetensors"
    save_safetensors(RTMDetIns("tiny", 1), plain, ("bottle",), image_size=64)
    assert load_file(weights).keys() == load_file(plain).keys()


def test_the_terms_are_in_the_log_while_the_teacher_has_a_say(done):
    lines = steps(done[0].run)
    assert [line["step"] for line in lines] == list(range(1, done[0].steps + 1))
    assert all(line["seconds"] > 0 for line in lines)
    assert set(lines[0]["terms"]) == LABEL_TERMS, "weights rise from 0"
    assert set(lines[2]["terms"]) == LABEL_TERMS | KD_TERMS
    assert set(lines[-1]["terms"]) == LABEL_TERMS, "the last part is without the teacher"
    assert lines[2]["terms"]["feature"] > 0
    assert lines[2]["loss"] == pytest.approx(sum(lines[2]["terms"].values()))


def test_projectors_learn_and_are_kept_to_go_on_with(done):
    config, _ = done
    snapshot = read_snapshot(config.run / "training/snapshot.pt")
    moments = [state["exp_avg"] for state in snapshot.optimizer["state"].values()]
    for weight in snapshot.auxiliary.values():
        assert any(moment.shape == weight.shape and moment.any() for moment in moments)
    torch.manual_seed(config.seed)
    fresh = hook(config, config.teacher.weights, RTMDetIns("tiny", 1)).module.state_dict()
    assert len(fresh) == 3
    assert fresh.keys() == snapshot.auxiliary.keys()
    assert not any(torch.equal(fresh[name], snapshot.auxiliary[name]) for name in fresh)


def test_a_teacher_without_weight_leaves_the_control_run_to_the_last_digit(small, tmp_path):
    """With all weights 0 it is a plain fine-tuning: there is no teacher at all."""
    short = SCHEDULE | {"epochs": 1}
    silent = small(tmp_path / "silent", schedule=short, distill={"warmup": 0.0, "stop": 0.0})
    control = small(tmp_path / "control", schedule=short).control()
    control = control.model_copy(
        update={"teacher": control.teacher.model_copy(update={"weights": tmp_path / "none.pt"})}
    )
    ours, wanted = (load_file(train_student(config, "cpu")) for config in (silent, control))
    assert totals(silent.run) == totals(control.run)
    assert all(torch.equal(ours[name], value) for name, value in wanted.items())


def test_kill_and_go_on(done, small, settings_of, tmp_path):
    settings = settings_of(tmp_path, student=STUDENT, schedule=SCHEDULE)
    training = tmp_path / "run/training"
    process = subprocess.Popen(
        [sys.executable, "-c", halting_before("/snapshot.pt", 2) + PROGRAM, str(settings)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    kill_once_halted(process)
    assert 0 < read_snapshot(training / "snapshot.pt").step < done[0].steps
    assert train_student(small(tmp_path), "cpu").exists()
    for name in ("loss", "terms"):
        ours, whole = (
            [line[name] for line in steps(run)] for run in (tmp_path / "run", done[0].run)
        )
        assert ours == whole
    first, second = (
        read_snapshot(run / "training/snapshot.pt").auxiliary
        for run in (tmp_path / "run", done[0].run)
    )
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_done_is_done_and_other_weights_need_another_folder(done, whole_run, small):
    config, weights = done
    before = weights.stat().st_mtime_ns
    assert train_student(config, "cpu") == weights
    assert weights.stat().st_mtime_ns == before
    with pytest.raises(UsageError, match=r"was begun with distill\.masks: 2\.0, now it is 1\.0"):
        train_student(small(whole_run, distill={"warmup": 0.2, "stop": 0.8, "masks": 1.0}), "cpu")


def hook(config, weights, net):
    return DistillationHook(config, load_teacher(weights), net, torch.device("cpu"))


def noise():
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8, generator=generator)


class Seen:
    """A batch, as far as a hook looks at it."""

    def __init__(self, rgb):
        self.rgb = rgb


@pytest.mark.parametrize("family", ["rtmdet-ins-s", "yolo11n-seg"])
def test_a_teacher_of_another_width_or_family_teaches(family, small, tmp_path):
    if family.startswith("yolo"):
        path, width = tmp_path / "teacher.pt", None
        torch.save({"model": build(family, ("cup", "bottle")), "ema": None}, path)
    else:
        path, width = tmp_path / "teacher.safetensors", 128
        net = RTMDetIns("s", 2)
        save_safetensors(net, path, ("cup", "bottle"), image_size=64)
    config = small(tmp_path, distill={"warmup": 0.0, "stop": 1.0})
    net = RTMDetIns("tiny", 1)
    taught = hook(config, path, net)
    shapes = {tuple(weight.shape[:2]) for weight in taught.module.parameters()}
    assert len(shapes) == (3 if width is None else 1)
    assert width is None or shapes == {(width, 96)}
    rgb = noise()
    terms = taught.losses(net(normalised(rgb)), Seen(rgb), 0)
    assert set(terms) == KD_TERMS
    sum(terms.values()).backward()
    assert net.backbone.stem[0].conv.weight.grad.abs().sum() > 0
    assert all(weight.grad.abs().sum() > 0 for weight in taught.module.parameters())


def test_a_student_that_is_its_teacher_has_nothing_to_learn(
    seeing_net, seeing_weights, small, tmp_path
):
    """Which it only is if both see the same colours, in the same order and range.

    Masks are left out, which several cells learn from one of the teacher's.
    """
    classes = STUDENT | {"classes": ["bottle", "can", "cup"]}
    distill = {"warmup": 0.0, "stop": 1.0, "masks": 0.0}
    net = copy.deepcopy(seeing_net)
    taught = hook(small(tmp_path, student=classes, distill=distill), seeing_weights, net)
    for projector in taught.module.feature.projectors:
        nn.init.dirac_(projector.weight)
    rgb = noise()

    def terms(shown):
        with torch.no_grad():
            return taught.losses(net(normalised(shown)), Seen(rgb), 0)

    assert terms(rgb).keys() == KD_TERMS - {"masks"}
    assert all(term < 1e-3 for term in terms(rgb).values())
    assert all(term > 1e-2 for term in terms(rgb.flip(1)).values()), "red is not blue"


def test_a_student_is_seen_as_a_teacher_is_and_keeps_its_gradients(seeing_net, seeing_weights):
    rgb, cells = noise(), torch.tensor([3, 70, 83])  # one of each level
    with tap(features_of(seeing_net)) as features:
        raw = seeing_net(normalised(rgb))
    ours = dense_of([*features.values()], raw)
    theirs = load_teacher(seeing_weights).dense(rgb / 255)
    for name in ("features", "class_logits", "boxes"):
        for mine, other in zip(getattr(ours, name), getattr(theirs, name), strict=True):
            torch.testing.assert_close(mine, other, rtol=1e-3, atol=1e-3)
            assert mine.requires_grad
            assert not other.requires_grad
    drawn, wanted = (dense.mask_logits(1, cells) for dense in (ours, theirs))
    assert (drawn - wanted).abs().max() < 1e-4 * wanted.abs().max()
    assert drawn.requires_grad
    assert not wanted.requires_grad


def test_half_precision_does_not_move_boxes():
    """At 640 px a corner could else stand on every fourth pixel only."""
    levels = [(80, 80), (40, 40), (20, 20)]

    def maps(channels):
        return tuple(torch.ones(1, channels, *size, dtype=torch.bfloat16) for size in levels)

    raw = RawOutputs(maps(1), maps(4), maps(169), maps(8)[0])
    assert dense_of(maps(5), raw).boxes[0][0, :, 79, 79].tolist() == [631.0, 631.0, 633.0, 633.0]


def test_pseudo_labels_hold_images_in_which_nothing_is(few, clips, held_out, small, tmp_path):
    """A labelled data set of one's own counts them, too; a public one does not know them."""
    empty = tmp_path / "pseudo.json"
    content = json.loads(clips.read_text("utf-8"))
    content["annotations"] = [a for a in content["annotations"] if a["image_id"] != 1]
    empty.write_text(json.dumps(content), "utf-8")
    source = {"annotations": str(empty), "images": str(clips.parent)}
    config = small(tmp_path, data={"labelled": str(few), "pseudo": source, "val": str(held_out)})
    settings = finetune_config_of(config)
    sources = read_sources(settings)
    assert len(sources.public) == 6
    assert not sources.public[0].annotations
    assert settings.stages[0].own_share == 0.25
    data = settings.data.model_copy(update={"public_empty": False})
    assert len(read_sources(settings.model_copy(update={"data": data})).public) == 5


def test_what_is_said_of_the_run_in_our_words(small, few, held_out, seeing_weights, tmp_path):
    student = STUDENT | {"weights": str(seeing_weights)}
    augmentation = {"mosaic": 1.0, "scale": 0.5, "fliplr": 0.0, "hsv_h": 0.1}
    data = {"labelled": str(few), "val": str(held_out)}
    settings = finetune_config_of(
        small(tmp_path, student=student, data=data, augmentation=augmentation)
    )
    assert settings.model.head == "fresh", "the weights know can and cup, too"
    (stage,) = settings.stages
    assert (stage.steps, stage.own_share, settings.schedule.warmup_steps) == (6, 1.0, 2)
    assert stage.strong_share == pytest.approx(2 / 3)
    varied = settings.augmentation
    assert (varied.mosaic, varied.scale_min, varied.scale_max) == (1.0, 0.5, 1.5)
    assert (varied.flip, varied.hue) == (0.0, 0.1)


def test_what_rtmdet_does_not_have_is_said(small, tmp_path):
    with pytest.raises(UsageError, match=r"augmentation\.degrees is not for RTMDet-Ins.*scale"):
        finetune_config_of(small(tmp_path, augmentation={"degrees": 10.0}))
    with pytest.raises(UsageError, match=r"can't be trained so: augmentation\.scale_min: 0"):
        finetune_config_of(small(tmp_path, augmentation={"scale": 1.0}))


def test_a_loss_that_is_not_finite_stops_and_says_which(small, seeing_weights, tmp_path):
    state = load_file(seeing_weights)
    name = "bbox_head.rtm_reg.0.weight"
    with safe_open(seeing_weights, "pt") as file:
        metadata = file.metadata()
    damaged = tmp_path / "damaged.safetensors"
    save_file({**state, name: torch.full_like(state[name], 3e38)}, damaged, metadata)
    config = small(
        tmp_path, teacher={"weights": str(damaged)}, distill={"warmup": 0.0, "stop": 1.0}
    )
    with pytest.raises(TrainingError, match=r"^(boxes|masks) is not finite at step 1"):
        train_student(config, "cpu")
    said = json.loads((config.run / "training/failed-batch.json").read_bytes())
    assert said["not_finite"] in {"boxes", "masks"}
    assert not (config.run / "student.safetensors").exists()


def test_only_a_run_with_patience_is_measured_on_the_way(small, tmp_path):
    whole = finetune_config_of(small(tmp_path))
    assert (whole.evaluate_every, whole.patience) == (whole.steps, 0)
    schedule = SCHEDULE | {"patience": 2}
    patient = finetune_config_of(small(tmp_path, schedule=schedule))
    assert (patient.evaluate_every, patient.patience) == (whole.steps // schedule["epochs"], 2)
    assert not patient.data.balance
    data = small(tmp_path).data.model_copy(update={"balance": 0.2})
    balanced = small(tmp_path).model_copy(update={"data": data, "logger": "mlflow"})
    assert finetune_config_of(balanced).data.balance == 0.2
    assert finetune_config_of(balanced).logger == "mlflow"
