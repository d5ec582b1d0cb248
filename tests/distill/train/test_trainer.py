"""Training on a toy world: what it writes, how it goes on after a kill, when it stops."""

import json
import math
import time

import pytest
import torch
from toys import settings, toy_dataset, training, write_settings

from distill.errors import TrainingError, UsageError
from distill.train.config import read_config
from distill.train.metrics_log import read_metrics
from distill.train.snapshot import read_snapshot
from distill.train.trainer import finetune
from models.nets.checkpoint import read_checkpoint, save_safetensors
from models.nets.rtmdet_ins import RTMDetIns

STEPS = 12
LOSSES = ("loss", "loss_cls", "loss_box", "loss_mask")


def step_lines(folder):
    return [line for line in read_metrics(folder / "metrics.jsonl") if "loss" in line]


def test_a_run_leaves_everything_in_its_folder(whole_run):
    folder = whole_run.run
    assert [line["step"] for line in step_lines(folder)] == list(range(1, STEPS + 1))
    evaluations = [
        (line["step"], line["ends"])
        for line in read_metrics(folder / "metrics.jsonl")
        if "evaluation" in line
    ]
    assert evaluations == [(0, "start"), (4, "head"), (6, ""), (12, "all")]
    for name in ("best", "last"):
        checkpoint = read_checkpoint(folder / f"{name}.safetensors")
        assert (checkpoint.size, checkpoint.classes) == ("tiny", ("bottle",))
        assert checkpoint.image_size == 64
    assert (folder / "batch-head.png").exists()
    assert (folder / "batch-all.png").exists()
    assert list((folder / "tensorboard").iterdir())
    table = (folder / "table.md").read_text().splitlines()
    assert [row.split("|")[1].strip() for row in table] == [
        "network", "---", "start", "head", "all", "best",
    ]  # fmt: skip
    assert read_config(folder / "config.yaml") == whole_run


def test_a_finished_run_is_left_alone(whole_run):
    before = (whole_run.run / "metrics.jsonl").read_bytes()
    assert not finetune(whole_run, "cpu")
    assert (whole_run.run / "metrics.jsonl").read_bytes() == before


@pytest.mark.usefixtures("one_thread")
def test_the_head_stage_leaves_backbone_neck_and_their_norms_alone(own, val, tmp_path):
    content = settings(own, val)
    content["stages"] = content["stages"][:1]
    config = read_config(write_settings(tmp_path / "config.yaml", content))
    torch.manual_seed(config.seed)
    fresh = RTMDetIns("tiny", 1).state_dict()
    finetune(config, "cpu")
    trained = read_snapshot(config.run / "snapshot.pt").net
    for key, value in trained.items():
        if not key.startswith("bbox_head"):
            assert torch.equal(value, fresh[key]), key
    assert not torch.equal(
        trained["bbox_head.rtm_cls.0.weight"], fresh["bbox_head.rtm_cls.0.weight"]
    )


@pytest.mark.usefixtures("one_thread")
def test_after_a_kill_every_step_stands_once_with_the_same_losses(
    whole_run, own, val, tmp_path, capsys
):
    """The process is killed, not asked to stop; its last snapshot is of the frozen stage."""
    path, folder = write_settings(tmp_path / "config.yaml", settings(own, val)), tmp_path / "run"
    process = training(path)
    deadline = time.monotonic() + 120
    while len(step_lines(folder)) < 4:
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.kill()
    process.communicate()
    done = read_snapshot(folder / "snapshot.pt").step
    assert 0 < done < STEPS
    with (folder / "metrics.jsonl").open("a") as file:
        file.write('{"step": 7, "lo')  # a line that the kill has torn

    assert finetune(read_config(path), "cpu")
    assert f"going on from step {done} of {STEPS}" in capsys.readouterr().out
    resumed, whole = step_lines(folder), step_lines(whole_run.run)
    assert [line["step"] for line in resumed] == list(range(1, STEPS + 1))
    for mine, other in zip(resumed, whole, strict=True):
        assert {key: mine[key] for key in LOSSES} == pytest.approx(
            {key: other[key] for key in LOSSES}, abs=1e-6
        )


def test_another_setting_needs_another_folder(whole_run):
    stage = whole_run.stages[0].model_copy(update={"lr": 0.002})
    changed = whole_run.model_copy(update={"stages": (stage, *whole_run.stages[1:])})
    with pytest.raises(UsageError, match=r"begun with stages\.0\.lr: 0\.001, now it is 0\.002"):
        finetune(changed, "cpu")


def test_more_workers_are_no_other_run(whole_run):
    assert not finetune(whole_run.model_copy(update={"workers": 1}), "cpu")


@pytest.mark.usefixtures("one_thread")
def test_other_data_under_the_same_name_is_not_gone_on_with(val, tmp_path):
    own = toy_dataset(tmp_path / "own", 2, seed=5)
    content = settings(own, val, stages=[{"name": "all", "trains": "all", "steps": 1, "lr": 1e-4}])
    config = read_config(write_settings(tmp_path / "config.yaml", content))
    finetune(config, "cpu")
    state = torch.load(config.run / "snapshot.pt", weights_only=True)
    torch.save(state | {"step": 0}, config.run / "snapshot.pt")
    own.write_text(own.read_text() + " ")
    with pytest.raises(UsageError, match="data has changed"):
        finetune(config, "cpu")


def test_a_foreign_folder_is_not_written_into(whole_run, tmp_path):
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(UsageError, match="no run of ours"):
        finetune(whole_run.model_copy(update={"run": tmp_path}), "cpu")
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_a_damaged_snapshot_says_what_to_do(tmp_path):
    (tmp_path / "snapshot.pt").write_bytes(b"not a snapshot")
    with pytest.raises(TrainingError, match="delete it"):
        read_snapshot(tmp_path / "snapshot.pt")


@pytest.mark.usefixtures("one_thread")
def test_a_loss_that_is_not_finite_stops_and_names_the_images(own, val, tmp_path):
    """Weights that are finite, but whose masks are not."""
    net = RTMDetIns("tiny", 1)
    for level in range(3):
        net.bbox_head.rtm_kernel[level].bias.data.fill_(1e30)
        net.bbox_head.rtm_cls[level].bias.data.fill_(-20)  # nothing is seen, so nothing drawn
    save_safetensors(net, tmp_path / "wild.safetensors", ("bottle",), image_size=64)
    content = settings(own, val)
    content["model"]["weights"] = "wild.safetensors"
    config = read_config(write_settings(tmp_path / "config.yaml", content))
    with pytest.raises(TrainingError, match=r"loss_mask is not finite at step 1; the images"):
        finetune(config, "cpu")
    said = json.loads((config.run / "failed-batch.json").read_text())
    assert said["step"] == 1
    assert len(said["images"]) == config.batch_size
    assert str(own.parent / "images") in said["images"][0][0]
    assert step_lines(config.run) == []


def test_two_processes_share_a_batch(own, public, val, tmp_path):
    """Under torchrun, with gloo, from a frozen backbone to one that learns."""
    content = settings(own, val)
    content["data"]["public"] = [{"annotations": str(public), "names": {"bottle": "flask"}}]
    content["stages"] = [
        {"name": "head", "trains": "head", "steps": 2, "lr": 1e-3, "own_share": 0.5},
        {"name": "all", "trains": "all", "steps": 2, "lr": 1e-3, "own_share": 1.0},
    ]
    path = write_settings(tmp_path / "config.yaml", content)
    process = training(path, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    said = process.communicate(timeout=180)[0]
    assert process.returncode == 0, said
    lines = step_lines(tmp_path / "run")
    assert [line["step"] for line in lines] == [1, 2, 3, 4]
    assert all(math.isfinite(line["loss"]) for line in lines)
    assert (tmp_path / "run" / "table.md").exists()
