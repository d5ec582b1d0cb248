"""The agent over MQTT as a stranger sees it: mosquitto_sub, mosquitto_pub, and nothing of ours."""

import json
import signal
import subprocess
import time

import pytest
from broker import Broker
from networks import PLACE, network
from running_agent import RunningAgent, configured, segments
from worlds import bright_clip, write_world_bundle

pytestmark = pytest.mark.slow

ROOT = "sfumato/v1/gate"
LIMIT_S = 60


@pytest.fixture
def bundle(tmp_path):
    return write_world_bundle(tmp_path / "world.sfm", network())


@pytest.fixture
def clip(tmp_path):
    return bright_clip(tmp_path / "clip.mp4", PLACE, frames=150)


@pytest.fixture
def broker(tmp_path):
    (tmp_path / "broker").mkdir()
    with Broker(tmp_path / "broker") as broker:
        yield broker


def heard(port, topic):
    """What is retained at a topic, or comes next."""
    words = ["mosquitto_sub", "-p", str(port), "-C", "1", "-W", str(LIMIT_S), "-t", topic]
    said = subprocess.run(words, check=False, capture_output=True, text=True, timeout=2 * LIMIT_S)
    assert said.returncode == 0, f"nothing at {topic}"
    return json.loads(said.stdout)


def tell(port, topic, payload):
    words = ["mosquitto_pub", "-p", str(port), "-q", "1", "-t", f"{ROOT}/{topic}", "-s"]
    subprocess.run(words, input=payload, check=True, timeout=LIMIT_S)


def order(port, op, number, args=None, **more):
    """Send a command, and what it is answered."""
    body = {"v": 1, "id": number, "args": args or {}, "ttl_s": 60, **more}
    words = ["mosquitto_rr", "-p", str(port), "-V", "5", "-q", "1", "-W", str(LIMIT_S)]
    said = subprocess.run(
        [*words, "-t", f"{ROOT}/cmd/{op}", "-e", f"{ROOT}/res/{number}", "-m", json.dumps(body)],
        check=False,
        capture_output=True,
        text=True,
        timeout=2 * LIMIT_S,
    )
    assert said.returncode == 0, said.stderr
    return json.loads(said.stdout)


def settings(bundle, clip, port):
    source = {"url": str(clip), "realtime": True, "loop": True}
    streams = {"door": {"source": source}, "yard": {"source": source}}
    record = {"dir": str(bundle.parent / "video"), "segment_s": 2, "keep": {"free": None}}
    mqtt = {"host": "127.0.0.1", "port": port}
    return configured(bundle, streams, record=record, mqtt=mqtt)


def state_of(port, stream):
    return heard(port, f"{ROOT}/streams")["streams"][stream]["state"]


def test_a_stranger_sees_the_device_pauses_a_stream_and_finds_it_paused_after_a_kill(
    tmp_path, bundle, clip, broker
):
    port = broker.port
    config = settings(bundle, clip, port)
    with RunningAgent(tmp_path, config) as agent:
        agent.ready()
        agent.until(lambda: f"MQTT: connected to 127.0.0.1:{port}" in agent.said())
        for topic in ("conn", "info", "streams", "config/reported"):
            assert heard(port, f"{ROOT}/{topic}")["v"] == 1, topic
        agent.until(lambda: segments(tmp_path, "door"))
        agent.until(lambda: state_of(port, "door") == "running")

        paused = order(port, "pause", "first", {"stream": "door"})
        assert (paused["state"], paused["id"], paused["op"]) == ("done", "first", "pause")
        agent.until(lambda: state_of(port, "door") == "paused")
        agent.until(lambda: not [*(tmp_path / "video" / "door").glob(".*")])
        assert state_of(port, "yard") == "running"
        agent.until(lambda: heard(port, f"{ROOT}/config/reported")["overrides"])
        assert heard(port, f"{ROOT}/config/reported")["overrides"][0]["stream"] == "door"
        written = segments(tmp_path, "door")
        before = agent.stream("yard", "output_frames_total")
        agent.until(lambda: agent.stream("yard", "output_frames_total") > before + 40)
        assert segments(tmp_path, "door") == written
        assert order(port, "pause", "first", {"stream": "door"}) == paused

        agent.process.send_signal(signal.SIGKILL)
        agent.process.wait()
    with RunningAgent(tmp_path, config) as agent:
        agent.ready()
        agent.until(lambda: state_of(port, "yard") == "running")
        assert agent.state("door") == "paused"
        assert order(port, "pause", "first", {"stream": "door"}) == paused
        tell(port, "cmd/ping", b'{"v":1')
        tell(port, "cmd/ping", b"[" * (1 << 20))
        assert order(port, "ping", "still")["state"] == "done"
        assert order(port, "resume", "second", {"stream": "door"})["state"] == "done"
        agent.until(lambda: state_of(port, "door") == "running")
        agent.until(lambda: len(segments(tmp_path, "door")) > len(written))
        picture = order(port, "snapshot", "third", {"stream": "door"})
        assert picture["result"]["age_s"] < 10
        broker.term()
        agent.until(lambda: "WARNING MQTT: " in agent.said())
        broker.start()
        agent.until(lambda: agent.said().count("MQTT: connected") == 2)
        assert agent.stop() == 0
    assert heard(port, f"{ROOT}/conn")["reason"] == "clean"
    assert "Traceback" not in agent.said()


def test_commands_of_before_a_start_are_answered_or_expire(tmp_path, bundle, clip, broker):
    """The broker keeps them; one whose time to live is over is told as an event."""
    port = broker.port
    config = settings(bundle, clip, port)
    with RunningAgent(tmp_path, config) as agent:
        agent.ready()
        assert heard(port, f"{ROOT}/conn")["online"]
        assert agent.stop() == 0
    old = {"v": 1, "id": "late", "args": {}, "ttl_s": 1, "ts": time.time() - 10}
    tell(port, "cmd/ping", json.dumps(old).encode())
    tell(port, "cmd/ping", json.dumps({"v": 1, "id": "kept", "args": {}, "ttl_s": 600}).encode())
    words = ["mosquitto_sub", "-p", str(port), "-v", "-C", "3", "-W", str(LIMIT_S)]
    topics = ["-t", f"{ROOT}/res/+", "-t", f"{ROOT}/evt/command_expired"]
    with subprocess.Popen([*words, *topics], stdout=subprocess.PIPE, text=True) as ear:
        with RunningAgent(tmp_path, config) as agent:
            agent.ready()
            lines = ear.stdout.read().splitlines()
        assert ear.wait(LIMIT_S) == 0
    told = {topic: json.loads(payload) for topic, payload in (line.split(" ", 1) for line in lines)}
    assert told[f"{ROOT}/res/kept"]["state"] == "done"
    assert told[f"{ROOT}/res/late"]["error"]["code"] == "expired"
    assert told[f"{ROOT}/evt/command_expired"]["data"]["id"] == "late"
