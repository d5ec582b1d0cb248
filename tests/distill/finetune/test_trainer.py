"""Training on a toy world: what it writes, how it goes on after a kill, when it stops."""

import json
import math

import pytest
import torch
from halting import halting_before, kill_once_halted, wait_until_halted
from toys import settings, toy_dataset, training, write_settings

from distill.cli import main
from distill.errors import InputError, TrainingError, UsageError
from distill.finetune.config import read_config
from distill.finetune.finetune_folder import FinetuneFolder
from distill.finetune.metrics_log import read_metrics
from distill.finetune.results import table
from distill.finetune.snapshot import read_snapshot
from distill.finetune.trainer import finetune
from models.nets.checkpoint import read_checkpoint, save_safetensors
from models.nets.rtmdet_ins import RTMDetIns

pytestmark = pytest.mark.slow  # each trains
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
    process = training(path, head=halting_before("/snapshot.pt", 2))
    kill_once_halted(process)
    done = read_snapshot(folder / "snapshot.pt").step
    assert 0 < done < STEPS
    (torn,) = folder.glob(".snapshot*.partial*")
    with (folder / "metrics.jsonl").open("a") as file:
        file.write('{"step": 7, "lo')  # a line that the kill has torn

    assert finetune(read_config(path), "cpu")
    assert f"going on from step {done} of {STEPS}" in capsys.readouterr().out
    assert not torn.exists()
    resumed, whole = step_lines(folder), step_lines(whole_run.run)
    assert [line["step"] for line in resumed] == list(range(1, STEPS + 1))
    for mine, other in zip(resumed, whole, strict=True):
        assert {key: mine[key] for key in LOSSES} == pytest.approx(
            {key: other[key] for key in LOSSES}, abs=1e-6
        )


def test_a_second_run_on_the_same_folder_ends_with_one_line(own, val, tmp_path, capsys):
    """Until the first one is killed, even while what loads its images lives on for a moment."""
    path = write_settings(tmp_path / "config.yaml", settings(own, val, workers=1))
    config = read_config(path)
    process = training(path, head=halting_before("/snapshot.pt"))
    try:
        wait_until_halted(process)
        for words in ([], ["--dry-run"]):
            assert main(["finetune", str(path), "--device", "cpu", *words]) == 2
            said = capsys.readouterr().err.splitlines()
            assert f"another run is at work in {config.run}; wait" in said[-1]
    finally:
        process.kill()
        process.wait()
    FinetuneFolder(config.run).begin(config)
    process.communicate()


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
    said = process.communicate(timeout=600)[0]
    assert process.returncode == 0, said
    lines = step_lines(tmp_path / "run")
    assert [line["step"] for line in lines] == [1, 2, 3, 4]
    assert all(math.isfinite(line["loss"]) for line in lines)
    assert (tmp_path / "run" / "table.md").exists()


@pytest.mark.usefixtures("one_thread")
def test_what_a_run_wrote_before_its_first_snapshot_is_not_kept(own, val, tmp_path):
    """It may have had other settings, and then its evaluations are of another network."""
    stage = {"name": "all", "trains": "all", "steps": 2, "lr": 1e-3}
    config = read_config(write_settings(tmp_path / "run.yaml", settings(own, val, stages=[stage])))
    folder = FinetuneFolder(config.run)
    folder.begin(config)
    folder.metrics.write_text(
        '{"step": 0, "ends": "start", "evaluation": {"mask_map": 0.9}}\n', "utf-8"
    )
    del folder  # and with it the lock
    assert finetune(config, "cpu")
    lines = (config.run / "metrics.jsonl").read_text("utf-8").splitlines()
    starts = [line for line in map(json.loads, lines) if line.get("ends") == "start"]
    assert len(starts) == 1
    assert starts[0]["evaluation"]["mask_map"] != 0.9


@pytest.mark.usefixtures("one_thread")
def test_a_run_goes_on_without_the_weights_it_began_with(own, val, tmp_path):
    weights = tmp_path / "start.safetensors"
    save_safetensors(RTMDetIns("tiny", 1), weights, ["bottle"], source="a.pth", image_size=64)
    model = {"classes": ["bottle"], "image_size": 64, "weights": str(weights)}
    stage = {"name": "all", "trains": "all", "steps": 40, "lr": 1e-3}
    path = write_settings(tmp_path / "run.yaml", settings(own, val, model=model, stages=[stage]))
    config = read_config(path)
    process = training(path, head=halting_before("/snapshot.pt", 2))
    kill_once_halted(process)
    weights.unlink()
    assert finetune(config, "cpu")
    assert read_checkpoint(config.run / "last.safetensors").source == "a.pth"


def test_an_image_that_cant_be_read_does_not_end_a_run(own, tmp_path, capsys):
    val = toy_dataset(tmp_path / "val", 4, seed=9)
    (tmp_path / "val" / "images" / "1.png").write_text("no image")
    stage = {"name": "all", "trains": "all", "steps": 1, "lr": 1e-3}
    config = read_config(write_settings(tmp_path / "run.yaml", settings(own, val, stages=[stage])))
    assert finetune(config, "cpu")
    assert "1.png is no image" in "".join(capsys.readouterr())


def test_an_image_that_cant_be_read_is_said_once(val, tmp_path, capsys):
    """However often its turn comes: of half a folder's photos it would be half a million lines."""
    own = toy_dataset(tmp_path / "own", 2, seed=9)
    (tmp_path / "own" / "images" / "1.png").write_text("no image")
    stage = {"name": "all", "trains": "all", "steps": 3, "lr": 1e-3}
    config = read_config(write_settings(tmp_path / "run.yaml", settings(own, val, stages=[stage])))
    assert finetune(config, "cpu")
    assert "".join(capsys.readouterr()).count("1.png is no image") == 1


def test_nothing_to_measure_on_is_said_before_the_run(own, tmp_path):
    val = toy_dataset(tmp_path / "val", 2, seed=9)
    content = json.loads(val.read_text("utf-8"))
    for annotation in content["annotations"]:
        annotation["iscrowd"] = 1
    val.write_text(json.dumps(content), "utf-8")
    config = read_config(write_settings(tmp_path / "run.yaml", settings(own, val)))
    with pytest.raises(InputError, match="shows no bottle to measure on"):
        finetune(config, "cpu")


def test_of_equally_good_networks_the_last_is_the_best():
    """An untrained one scores 0 as well."""
    evaluation = dict.fromkeys(
        ("mask_map", "mask_map50", "mask_map75", "box_map", "box_map50", "f1"), 0.0
    )
    lines = [{"step": n, "ends": "", "evaluation": evaluation} for n in (0, 5)]
    assert table(lines).splitlines()[-1].startswith("| best | 5 |")
