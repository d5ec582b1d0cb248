"""Every file that a user is told to copy can be read."""

import json
import re
from pathlib import Path

import pytest
import yaml

from agent.config.example import MINIMAL, TYPICAL, full
from agent.config.loading import load
from agent.config.schema import schema
from distill.finetune.config import read_config
from distill.student.config import read_config as read_distillation

FOLDER = Path(__file__).resolve().parents[1] / "configs"
FILES = sorted(FOLDER.glob("*.yaml"))


def test_there_are_configs():
    """The tests below would else pass on nothing."""
    assert FILES


READERS = {
    "agent": lambda path: load(path, None),
    "distill": read_distillation,
    "finetune": read_config,
}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_config_is_valid(path):
    READERS[path.stem.partition("-")[0]](path)


def test_every_other_file_is_read_by_a_test():
    """Prometheus' rules, say: what nobody reads goes stale."""
    others = {path for path in FOLDER.rglob("*") if path.is_file()} - {*FILES}
    tests = "".join(path.read_text("utf-8") for path in Path(__file__).parent.rglob("*.py"))
    assert len(others) >= 6
    assert [path for path in others if not re.search(rf"[\"'/]{path.name}[\"']", tests)] == []


@pytest.mark.parametrize(
    ("name", "command", "text"),
    [
        ("agent-minimal.yaml", None, MINIMAL),
        ("agent.yaml", "example", TYPICAL),
        ("agent-full.yaml", "example --full", full()),
        ("schema/agent.json", "schema", f"{json.dumps(schema(), indent=2)}\n"),
    ],
)
def test_the_agents_files_are_what_it_prints(name, command, text):
    made = f"`sfumato config {command} > configs/{name}` makes it anew" if command else "MINIMAL"
    assert (FOLDER / name).read_text("utf-8") == text, made


def test_the_distill_config_shows_every_setting_with_its_default():
    path = FOLDER / "distill-bottle.yaml"
    shown = yaml.safe_load(path.read_text("utf-8"))
    config = read_distillation(path)
    assert set(shown) == set(type(config).model_fields) - {"seed", "augmentation"}
    for part in ("schedule", "distill"):
        assert set(shown[part]) == set(type(getattr(config, part)).model_fields)
        assert getattr(config, part) == type(getattr(config, part))()


def test_the_finetune_config_shows_every_setting_with_its_default():
    path = FOLDER / "finetune-bottle.yaml"
    shown = yaml.safe_load(path.read_text("utf-8"))
    config = read_config(path)
    assert set(shown) == set(type(config).model_fields)
    for part in ("augmentation", "optimizer", "schedule"):
        assert set(shown[part]) == set(type(getattr(config, part)).model_fields)
        assert getattr(config, part) == type(getattr(config, part))()
    stage = type(config.stages[0])
    assert set().union(*map(set, shown["stages"])) == set(stage.model_fields)
    for name in ("batch_size", "ema_momentum", "precision", "seed", "workers"):
        assert getattr(config, name) == type(config).model_fields[name].default
