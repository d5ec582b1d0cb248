"""A run that gets no better ends early, at the same step whatever stops it in between."""

import pytest
import torch
from safetensors.torch import load_file
from self_labelled import self_labelled
from toys import write_settings

from distill.cli import main
from distill.finetune.config import read_config
from distill.finetune.metrics_log import read_metrics
from distill.finetune.snapshot import read_snapshot
from distill.finetune.trainer import finetune
from distill.predict.open import load_teacher
from tests.distill.conftest import picture

pytestmark = pytest.mark.slow  # each trains


@pytest.fixture(scope="module")
def settings_of(seeing_weights, tmp_path_factory):
    """A run that begins with a network that is right about everything, and can only lose."""
    folder = tmp_path_factory.mktemp("self")
    network = load_teacher(seeing_weights, image_size=64, device="cpu")
    own, val = (self_labelled(folder / name, network, picture) for name in ("own", "val"))

    def write(place, **changes):
        return write_settings(
            place / "config.yaml",
            {
                "run": "run",
                "model": {
                    "weights": str(seeing_weights),
                    "classes": list(network.classes),
                    "image_size": 64,
                },
                "data": {"own": str(own), "val": str(val)},
                "stages": [
                    {"name": "head", "trains": "head", "steps": 2, "lr": 0.01},
                    {"name": "all", "trains": "all", "steps": 20, "lr": 0.01},
                ],
                "schedule": {"warmup_steps": 0},
                "batch_size": 2,
                "evaluate_every": 2,
                "checkpoint_every": 1,
                "patience": 2,
                **changes,
            },
        )

    return write


class Stop:
    """A person who presses Ctrl-C at some step, and adds nothing to learn from."""

    def __init__(self, at):
        self.module, self._at = torch.nn.Module(), at

    def losses(self, _raw, _batch, step):
        if step == self._at:
            raise KeyboardInterrupt
        return {}


@pytest.fixture(scope="module")
def whole(settings_of, tmp_path_factory):
    config = read_config(settings_of(tmp_path_factory.mktemp("whole")))
    assert finetune(config, "cpu")
    return config


def evaluated(run):
    return [
        (line["step"], line["evaluation"]["mask_map"])
        for line in read_metrics(run / "metrics.jsonl")
        if "evaluation" in line
    ]


def test_only_the_last_stage_ends_early(whole):
    steps, values = zip(*evaluated(whole.run), strict=True)
    assert values[0] == pytest.approx(1)  # the truth is what it said
    assert max(values[1:]) < 0.9
    assert steps == (0, 2, 4, 6)  # that of step 2 ends the stage before
    snapshot = read_snapshot(whole.run / "snapshot.pt")
    assert (snapshot.step, snapshot.stale) == (6, 2)
    assert (whole.run / "table.md").read_text().splitlines()[-1].split("|")[2].strip() == "0"


def test_it_is_left_alone_from_then_on(whole, capsys):
    before = (whole.run / "metrics.jsonl").read_bytes()
    assert not finetune(whole, "cpu")
    assert (whole.run / "metrics.jsonl").read_bytes() == before
    assert main(["finetune", str(whole.run.parent / "config.yaml"), "--device", "cpu"]) == 0
    assert "is done; give another --out" in capsys.readouterr().out


def test_stopped_and_gone_on_with_it_is_the_same_run(whole, settings_of, tmp_path):
    at = 5  # one evaluation was no better
    config = read_config(settings_of(tmp_path))
    with pytest.raises(KeyboardInterrupt):
        finetune(config, "cpu", lambda *_: Stop(at))
    assert read_snapshot(config.run / "snapshot.pt").step == at
    assert finetune(config, "cpu", lambda *_: Stop(-1))
    assert evaluated(config.run) == evaluated(whole.run)
    for name in ("best", "last"):
        one, other = (run / f"{name}.safetensors" for run in (config.run, whole.run))
        ours, theirs = load_file(one), load_file(other)
        assert all(torch.equal(ours[key], theirs[key]) for key in theirs)


def test_the_command_takes_both_and_ends_the_run_where_it_says_so(settings_of, tmp_path, capsys):
    stages = [{"name": "all", "trains": "all", "steps": 6, "lr": 0.01}]
    path = settings_of(tmp_path, stages=stages, patience=0)
    words = ["finetune", str(path), "--device", "cpu", "--patience", "1", "--balance"]
    assert main(words) == 0
    assert "no better in 1 evaluations; that is the end of the run" in capsys.readouterr().out
    assert [step for step, _ in evaluated(tmp_path / "run")] == [0, 2]
    config = read_config(tmp_path / "run" / "config.yaml")
    assert (config.patience, config.data.balance) == (1, 0.1)
