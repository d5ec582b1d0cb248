"""A device whose clock is wrong at a broker, and what it says of when things happened."""

import json
import time

import false_clock
import pytest
from authority import Authority
from broker import Broker
from false_clock import FalseClock
from mqtt_client import Client
from networks import PLACE, network
from running_agent import RunningAgent, configured
from worlds import bright_clip, write_world_bundle

pytestmark = [pytest.mark.slow, false_clock.NEEDED]

ROOT = "sfumato/v1/gate"
IN_1970 = 86400
YEAR_S, HOUR_S = 365 * 86400, 3600
CONNECTED_S = 60
"""After the clock was set; it is tried every 20 s at least, and not only every 300."""


@pytest.fixture
def clock(tmp_path):
    return FalseClock(tmp_path / "offset")


@pytest.fixture
def running(tmp_path, clock):
    """What makes an agent that goes by the false clock, and reports to a broker."""
    bundle = write_world_bundle(tmp_path / "world.sfm", network())
    clip = bright_clip(tmp_path / "clip.mp4", PLACE, frames=50)
    streams = {"door": {"source": {"url": str(clip), "realtime": True, "loop": True}}}

    def of(broker, **more):
        mqtt = {"host": broker.host, "port": broker.port, "jitter_s": 0, **more}
        config = configured(bundle, streams, mqtt=mqtt)
        return RunningAgent(tmp_path, config, environment=clock.environment), config

    return of


def events(ear):
    """All that happened, in the order in which it came."""
    return [json.loads(m.payload) for m in ear.heard if m.topic.startswith(f"{ROOT}/evt/")]


def begun(ear):
    """What was told of the start: the boot, and each state of the stream."""
    return {
        json.loads(each)["data"].get("state", kind): json.loads(each)
        for kind in ("boot", "stream")
        for each in ear.payloads(f"{ROOT}/evt/{kind}")
    }


def wrong_by_s(event):
    """How far from the truth an event's time is, by the clock that nobody lies about."""
    since_s = time.clock_gettime(time.CLOCK_BOOTTIME) - event["mono_ms"] / 1000
    return event["ts"] - (time.time() - since_s)


def happens(ear, agent, config):
    """Have the configuration changed; what is told of it.

    No command does here: libfaketime 0.9.10 has time.sleep fail once an offset has changed.
    """
    config["telemetry"] = {"interval_s": 61 + len(events(ear))}
    config["telemetry"]["prometheus"] = f"127.0.0.1:{agent.port}"
    before = len(configured_so_far(ear))
    agent.configure(config)
    agent.reload()
    ear.wait(lambda: len(configured_so_far(ear)) > before)
    return configured_so_far(ear)[-1]


def configured_so_far(ear):
    return [json.loads(each) for each in ear.payloads(f"{ROOT}/evt/config")]


def test_it_is_off_with_the_reason_and_once_set_tells_when_things_happened(
    tmp_path, clock, running
):
    authority = Authority(tmp_path / "authority")
    with Broker(tmp_path / "broker", authority=authority) as broker:
        address = broker.address(tls=authority.issue("operator"))
        own = authority.issue("gate")
        files = {"ca": str(own.ca), "cert": str(own.cert), "key": str(own.key)}
        clock.say(IN_1970)
        agent, config = running(broker, **files)
        with Client(address, "operator", f"{ROOT}/evt/+") as ear, agent:
            agent.ready()
            agent.until(lambda: agent.stream("door", "output_frames_total") > 25)
            off = "1 of 1 streams running; MQTT: clock: "  # said after the event of it was noted
            agent.until(lambda: any(off in each for each in agent.told))
            assert "MQTT: clock: " in agent.said()
            assert agent.metrics()[("sfumato_control_connected",)] == 0
            clock.be_wrong_by(0)
            set_s = time.clock_gettime(time.CLOCK_BOOTTIME)
            ear.wait(lambda: {"boot", "running"} <= begun(ear).keys())
            assert time.clock_gettime(time.CLOCK_BOOTTIME) - set_s < CONNECTED_S
            for event in (begun(ear)["boot"], begun(ear)["running"]):
                assert event["mono_ms"] / 1000 < set_s
                assert abs(wrong_by_s(event)) < 1
            for offset_s in (YEAR_S, -HOUR_S, 0):
                clock.be_wrong_by(offset_s)
                assert abs(wrong_by_s(happens(ear, agent, config)) - offset_s) < 1
            assert agent.metrics()[("sfumato_control_reconnections_total",)] == 0
            assert agent.stop() == 0
    seqs = [each["seq"] for each in events(ear)]
    assert seqs == list(range(1, len(seqs) + 1))


def test_without_certificates_it_is_on_in_1970_and_says_that_nobody_knows_when(
    tmp_path, clock, running
):
    with Broker(tmp_path / "broker") as broker:
        clock.say(IN_1970)
        agent, config = running(broker)
        with Client(broker.address(), "ear", f"{ROOT}/#") as ear, agent:
            agent.ready()
            ear.wait_for(f"{ROOT}/conn")
            early = happens(ear, agent, config)
            assert [each["ts"] for each in events(ear)] == [None] * len(events(ear))
            clock.be_wrong_by(0)
            late = happens(ear, agent, config)
            assert abs(wrong_by_s(late)) < 1
            assert early["mono_ms"] < late["mono_ms"]
            assert agent.stop() == 0
    assert json.loads(ear.payloads(f"{ROOT}/conn")[0])["ts"] is None
