"""`sfumato-distill finetune` as a person runs it."""

import pytest
import yaml
from toys import settings, toy_dataset, write_settings

from distill.cli import main


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("world")
    own = toy_dataset(folder / "own", 4, seed=0)
    val = toy_dataset(folder / "val", 2, seed=1)
    stages = [{"name": "all", "trains": "all", "steps": 2, "lr": 1e-3}]
    return write_settings(folder / "config.yaml", settings(own, val, stages=stages))


def test_a_dry_run_counts_and_draws_and_trains_nothing(world, tmp_path, capsys):
    assert main(["finetune", str(world), "--out", str(tmp_path / "dry"), "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "own: 4 images, 4 objects" in said
    assert "stage all: trains all, 2 steps, 4 own and 0 public images" in said
    drawn = {path.name for path in (tmp_path / "dry").iterdir()}
    assert drawn == {".lock", "config.yaml", "batch-all.png"}


def test_settings_may_change_after_a_dry_run(world, tmp_path):
    content = yaml.safe_load(world.read_text())
    for number in (1, 2):
        changed = {**content, "seed": number, "run": str(tmp_path / "dry")}
        path = write_settings(world.with_name("changed.yaml"), changed)
        assert main(["finetune", str(path), "--dry-run"]) == 0
    assert "seed: 2" in (tmp_path / "dry" / "config.yaml").read_text()


@pytest.mark.slow
def test_a_run_ends_with_its_table_and_is_not_repeated(world, tmp_path, capsys):
    command = ["finetune", str(world), "--out", str(tmp_path / "run"), "--device", "cpu"]
    assert main(command) == 0
    assert "| best |" in capsys.readouterr().out
    assert main(command) == 0
    assert "is done" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        ({"seed": -1}, 2, "seed: -1"),
        ({"data": {"own": ["none.json"], "val": "none.json"}}, 3, "none.json"),
        ({"precision": "fp16"}, 2, "fp16 needs a GPU"),
        ({"model": {"classes": ["bottle"], "weights": "none.pth"}}, 5, "none.pth"),
    ],
)
def test_what_is_off_ends_with_its_code_and_a_line(world, tmp_path, capsys, change, code, said):
    content = {**yaml.safe_load(world.read_text()), **change, "run": str(tmp_path / "run")}
    path = write_settings(tmp_path / "config.yaml", content)
    assert main(["finetune", str(path), "--device", "cpu"]) == code
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not (tmp_path / "run").exists()
