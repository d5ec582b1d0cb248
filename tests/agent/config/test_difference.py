"""What a reload touches."""

from pathlib import Path

import pytest

from agent.config.difference import LIVE_IN_STREAM, Difference, difference
from agent.config.live import LiveConfig
from agent.config.mqtt import ControlConfig, MqttConfig
from agent.config.tree import (
    AgentConfig,
    FloorConfig,
    KeepConfig,
    LimitsConfig,
    ModelConfig,
    RecordConfig,
    SinkConfig,
    SourceConfig,
    StreamConfig,
    TelemetryConfig,
    UpdateConfig,
    leaves,
)
from agent.settings import Hiding, Looking


def stream(url="rtsp://h/1", paused=False, source=(), sink=(), hide=(), look=()):
    return StreamConfig(
        source=SourceConfig(url=url, **dict(source)),
        sink=SinkConfig(**dict(sink)),
        hide=Hiding(**dict(hide)),
        look=Looking(**dict(look)),
        paused=paused,
    )


def config(streams=None, **more):
    fixed = {
        "device": "gate-7",
        "model": ModelConfig(bundle="/m.sfm", trust=("/k.pub",), workers=2),
        "record": RecordConfig(dir="/video"),
        "streams": streams or {"a": stream()},
    }
    return AgentConfig(**(fixed | more))


def test_nothing_differs_from_itself():
    assert not difference(config(), config())
    assert difference(config(), config()) == Difference()


def test_streams_that_come_and_go_are_named():
    before = config({"a": stream(), "b": stream("/dev/video0"), "c": stream("/dev/video1")})
    now = config({"d": stream("/dev/video2"), "b": stream("/dev/video0"), "a": stream()})
    assert difference(before, now) == Difference(added=("d",), removed=("c",))


OTHER = {
    ("source", "url"): "rtsp://h/2",
    ("source", "open_timeout_s"): 3.0,
    ("source", "stall_s"): 3.0,
    ("source", "transport"): None,  # there is one only
    ("source", "decoder"): "pyav",
    ("source", "realtime"): True,
    ("source", "loop"): True,
    ("sink", "codec"): "hevc",
    ("sink", "crf"): 30,
    ("sink", "preset"): "fast",
    ("sink", "encoder"): "pyav",
    ("sink", "record"): False,
    ("sink", "file"): Path("/x.mp4"),
    ("sink", "gop_s"): 1.0,
    ("hide", "classes"): ("car",),
    ("hide", "conf"): 0.3,
    ("hide", "effect"): "solid",
    ("hide", "shape"): "box",
    ("hide", "margin"): 0.1,
    ("look", "every"): "auto",
    ("look", "max_every"): 4,
    ("look", "max_gap_s"): 0.3,
    ("look", "latency"): "low",
    ("paused",): True,
}
"""Another value for each setting of a stream."""

LIVE = {"classes", "conf", "effect", "margin", "every"}


def test_every_setting_of_a_stream_is_known_here():
    assert set(OTHER) == {path for path, _ in leaves(stream())}
    assert {path[-1] for path in LIVE_IN_STREAM} == LIVE


@pytest.mark.parametrize("path", [path for path, value in OTHER.items() if value is not None])
def test_a_stream_goes_on_or_begins_anew(path):
    *section, name = path
    value = OTHER[path]
    if section == ["source"] and name == "url":
        changed = stream(value)
    elif section:
        changed = stream(**{section[0]: {name: value}})
    else:
        changed = stream(**{name: value})
    found = difference(
        config({"a": stream(), "b": stream()}), config({"a": changed, "b": stream()})
    )
    assert found == (Difference(live=("a",)) if name in LIVE else Difference(restarted=("a",)))


def test_what_begins_anew_is_not_live_as_well():
    changed = stream(paused=True, hide={"effect": "solid"})
    assert difference(config(), config({"a": changed})) == Difference(restarted=("a",))


@pytest.mark.parametrize(
    ("changed", "settings", "needs_restart"),
    [
        ({"floor": FloorConfig(effect="auto")}, ("floor",), ()),
        ({"telemetry": TelemetryConfig(prometheus=None)}, ("telemetry.prometheus",), ()),
        ({"telemetry": TelemetryConfig(interval_s=10)}, ("telemetry.interval_s",), ()),
        ({"telemetry": TelemetryConfig(home_assistant=True)}, ("telemetry.home_assistant",), ()),
        ({"groups": ("north",)}, ("groups",), ()),
        ({"mqtt": MqttConfig(host="b")}, ("mqtt",), ()),
        ({"control": ControlConfig(ops=("ping",))}, ("control.ops",), ()),
        ({"control": ControlConfig(remote=())}, ("control.remote",), ()),
        ({"control": ControlConfig(operators=("/o.pub",))}, (), ("control.operators",)),
        ({"limits": LimitsConfig(outbox=1 << 20)}, (), ("limits",)),
        ({"record": RecordConfig(dir="/video", segment_s=30)}, ("record.segment_s",), ()),
        ({"record": RecordConfig(dir="/video", keep=KeepConfig(days=1))}, ("record.keep",), ()),
        ({"record": RecordConfig(dir="/other")}, (), ("record.dir",)),
        ({"device": "gate-8"}, (), ("device",)),
        ({"live": LiveConfig()}, (), ("live",)),
        ({"model": ModelConfig(bundle="/n.sfm", trust=("/k.pub",), workers=2)}, (), ("model",)),
        ({"model": ModelConfig(bundle="/m.sfm", trust=("/k.pub",), workers=3)}, (), ("model",)),
        ({"limits": LimitsConfig(memory=1 << 30)}, (), ("limits",)),
        (
            {"record": RecordConfig(dir="/other", segment_s=30), "device": "x"},
            ("record.segment_s",),
            ("device", "record.dir"),
        ),
    ],
)
def test_the_rest_changes_now_or_with_the_next_start(changed, settings, needs_restart):
    found = difference(config(), config(**changed))
    assert found == Difference(settings=settings, needs_restart=needs_restart)


UPDATE = {"repository": "https://models.example/", "root": "/root.json"}


@pytest.mark.parametrize(
    ("changed", "settings", "needs_restart"),
    [
        ({"probation_s": 60.0}, ("update.probation_s",), ()),
        ({"window": "01:00-03:00"}, ("update.window",), ()),
        ({"repository": "https://other.example/"}, (), ("update.repository",)),
        ({"root": "/other.json"}, (), ("update.root",)),
    ],
)
def test_models_come_from_elsewhere_with_the_next_start(changed, settings, needs_restart):
    before = config(update=UpdateConfig(**UPDATE))
    found = difference(before, config(update=UpdateConfig(**{**UPDATE, **changed})))
    assert found == Difference(settings=settings, needs_restart=needs_restart)
    for one, other in ((before, config()), (config(), before)):
        assert difference(one, other).needs_restart == ("update.repository", "update.root")


def test_another_broker_or_none_is_a_change_of_mqtt():
    one, other = config(mqtt=MqttConfig(host="a")), config(mqtt=MqttConfig(host="a", port=1883))
    for before, now in ((one, other), (one, config()), (config(), one)):
        assert difference(before, now) == Difference(settings=("mqtt",))
    assert not difference(one, one)


def test_no_setting_is_forgotten():
    """Each but the streams' changes now or with the next start."""
    from agent.config import difference as module

    parts = module._LIVE + module._RESTART
    for path, _ in leaves(
        config(mqtt=MqttConfig(host="a"), update=UpdateConfig(**UPDATE), live=LiveConfig())
    ):
        held = [part for part in parts if path[: len(part)] == part]
        assert len(held) == (path[0] != "streams"), path
