"""Examples are right, and the full one has every setting as the models have it."""

import re

from agent.config.example import MINIMAL, TYPICAL, full
from agent.config.loading import load
from agent.config.mqtt import MqttConfig
from agent.config.tree import AgentConfig, leaves


def test_four_lines_are_four_lines():
    assert len([line for line in MINIMAL.splitlines() if not line.startswith("#")]) == 4


def test_the_typical_one_is_right(write, tmp_path):
    config = load(write(TYPICAL), None).config
    assert set(config.streams) == {"door", "yard", "test"}
    assert config.mqtt == MqttConfig(
        host="broker.example",
        ca=tmp_path / "ca.crt",
        cert=tmp_path / "device.crt",
        key="${credential:device.key}",
    )


def test_the_full_one_says_everything_and_means_the_defaults(write, monkeypatch):
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    path = write(full())
    loaded = load(path, None)
    folder = path.parent
    model = {"bundle": folder / "person.sfm", "trust": (folder / "office.pub",), "workers": 2}
    mqtt = {"host": "broker.example", "ca": folder / "ca.crt", "cert": folder / "device.crt"}
    assert loaded.config == AgentConfig.model_validate(
        {
            "device": "gate-7",
            "groups": ("site-north", "canary"),
            "model": model,
            "mqtt": {**mqtt, "key": "${credential:device.key}"},
            "control": {"operators": (folder / "ops.pub",)},
            "live": {},
            "update": {"repository": "https://models.example/", "root": folder / "root.json"},
            "streams": {"door": {"source": {"url": "rtsp://10.0.0.5/stream1"}}},
        }
    )
    assert {origin.kind for origin in loaded.origins.values()} == {"file"}


def test_every_setting_is_described():
    text = full()
    lines = text.splitlines()
    settings = [number for number, line in enumerate(lines) if re.match(r" *[a-z_]+:", line)]
    names = [lines[number].partition(":")[0].strip() for number in settings]
    assert {path[-1] for path, _ in leaves(AgentConfig.model_validate(
        {"model": {"bundle": "x"}, "streams": {"a": {"source": {"url": "/dev/video0"}}}}
    ))} <= set(names)  # fmt: skip
    for number, name in zip(settings, names, strict=True):
        assert name == "door" or lines[number - 1].lstrip().startswith("# "), name
    assert max(map(len, lines)) <= 100


def test_it_does_not_depend_on_the_machine(monkeypatch):
    before = full()
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/elsewhere")
    assert full() == before
