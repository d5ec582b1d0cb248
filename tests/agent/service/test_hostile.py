"""A whole agent, and whoever holds its broker: what he may not have, and may not have it do."""

import json
import time

import pytest
from broker import Broker
from mqtt_client import Client
from networks import PLACE, network
from running_agent import RunningAgent, configured
from worlds import bright_clip, write_world_bundle

from agent.control.signed import sign
from models.signing import PrivateKey

pytestmark = pytest.mark.slow

ROOT = "sfumato/v1/gate"
PHRASE = "hunter2-of-the-yard"
KEY = PrivateKey.generate()


@pytest.fixture
def broker(tmp_path):
    (tmp_path / "broker").mkdir()
    with Broker(tmp_path / "broker") as broker:
        yield broker


@pytest.fixture
def config(tmp_path, broker):
    """One camera that runs, one whose password leads nowhere, and one that is switched off."""
    bundle = write_world_bundle(tmp_path / "world.sfm", network())
    clip = bright_clip(tmp_path / "clip.mp4", PLACE, frames=150)
    (tmp_path / "ops.pub").write_text(KEY.public.to_line())
    streams = {
        "door": {"source": {"url": str(clip), "realtime": True, "loop": True}, "effect": "solid"},
        "yard": {"source": "rtsp://viewer:${env:YARD}@127.0.0.1:9/stream"},
        "bath": {"source": "rtsp://127.0.0.1:9/bath", "paused": True},
    }
    return configured(
        bundle,
        streams,
        mqtt={"host": "127.0.0.1", "port": broker.port, "jitter_s": 0},
        control={
            "operators": ["ops.pub"],
            "ops": ["ping", "snapshot", "logs", "pause", "restart", "resume"],
        },
        floor={"effect": "auto"},
    )


@pytest.fixture
def agent(tmp_path, config):
    with RunningAgent(tmp_path, config, environment={"YARD": PHRASE}) as agent:
        agent.ready()
        yield agent


class Thief:
    """Says what he likes to one device, and hears all of it."""

    def __init__(self, client):
        self.client, self._number = client, 0

    def ask(self, op, args=None, *, key=None, device="gate", of=None, **more):
        """A command under a new id; what it was answered."""
        self._number += 1
        body = {"v": 1, "id": f"t{self._number}", "args": args or {}, "ttl_s": 60, **more}
        if key:
            body |= {"ts": time.time(), "auth": {"device": device, "op": of or op}}
        said = json.dumps(body)
        payload = sign(said, key).model_dump_json() if key else said
        return self.say(op, body["id"], payload)

    def say(self, op, number, payload):
        before = len(self.client.payloads(f"{ROOT}/res/{number}"))
        self.client.publish(f"{ROOT}/cmd/{op}", payload.encode())
        self.client.wait(lambda: len(self.client.payloads(f"{ROOT}/res/{number}")) > before)
        return json.loads(self.client.payloads(f"{ROOT}/res/{number}")[-1])

    def configure(self, rev, streams):
        body = json.dumps({"v": 1, "device": "gate", "rev": rev, "streams": streams})
        self.client.publish(
            f"{ROOT}/config/desired", sign(body, KEY).model_dump_json().encode(), retain=True
        )
        self.client.wait(lambda: self.reported()["rev"] >= rev)
        return self.reported()

    def streams(self):
        return json.loads(self.client.payloads(f"{ROOT}/streams")[-1])["streams"]

    def reported(self):
        return json.loads(self.client.payloads(f"{ROOT}/config/reported")[-1])


@pytest.fixture
def thief_of(broker):
    return lambda: Client(broker.address(), "thief", "#")


@pytest.fixture
def thief(thief_of):
    with thief_of() as client:
        client.wait_for(f"{ROOT}/config/reported")
        yield Thief(client)


def test_a_broker_alone_gives_no_order(agent, thief):
    agent.until(lambda: agent.state("door") == "running")
    for op, args in (("pause", {}), ("restart", {}), ("resume", {}), ("logs", {})):
        assert thief.ask(op, args)["error"]["code"] == "unauthorised", op
        for more in (
            {"key": PrivateKey.generate()},
            {"key": KEY, "device": "other"},
            {"key": KEY, "of": "ping"},
        ):
            assert thief.ask(op, args, **more)["error"]["code"] == "unauthorised", (op, more)
    assert thief.ask("self_test", key=KEY)["error"]["code"] == "unauthorised"
    assert agent.state("door") == "running"
    assert thief.ask("ping")["state"] == "done"


def test_a_recorded_order_is_carried_out_once(agent, thief):
    agent.until(lambda: agent.state("door") == "running")
    body = {"v": 1, "id": "rec", "args": {"stream": "door"}, "ts": time.time(), "ttl_s": 600}
    recorded = sign(json.dumps(body | {"auth": {"device": "gate", "op": "pause"}}), KEY)
    first = thief.say("pause", "rec", recorded.model_dump_json())
    assert first["state"] == "done"
    assert thief.ask("snapshot", {"stream": "door"})["error"]["code"] == "stale"
    assert thief.ask("resume", {"stream": "door"}, key=KEY)["state"] == "done"
    agent.until(lambda: agent.state("door") == "running")
    assert thief.say("pause", "rec", recorded.model_dump_json()) == first
    assert agent.state("door") == "running"
    late = json.dumps(
        body | {"id": "late", "ts": time.time() - 601, "auth": {"device": "gate", "op": "pause"}}
    )
    assert (
        thief.say("pause", "late", sign(late, KEY).model_dump_json())["error"]["code"] == "expired"
    )


def test_an_operator_has_it_hide_no_less_and_look_nowhere_else(agent, thief, tmp_path):
    door = {"source": {"url": str(tmp_path / "clip.mp4"), "realtime": True, "loop": True}}
    hostile = {
        "door": {**door, "effect": "blur"},
        "read": "/etc/passwd",
        "write": {**door, "file": str(tmp_path / "out.mp4")},
        "yard": "rtsp://viewer:${env:YARD}@192.0.2.1/stream",
        "home": "rtsp://${env:HOME}/",
        "bathroom": "rtsp://127.0.0.1:9/bath?x",
    }
    reported = thief.configure(1, hostile)
    assert not reported["applied"]
    assert {key.split(".")[1] for key in reported["errors"]} == {*hostile}
    many = thief.configure(2, {f"s{n}": f"rtsp://127.0.1.{n % 250}:9/{n}" for n in range(1000)})
    assert not many["applied"]
    assert agent.state("door") in ("starting", "running")
    assert {*thief.streams()} == {"door", "yard", "bath"}
    assert thief.configure(3, {"door": door})["applied"]


def test_no_password_leaves_it(agent, thief):
    """Not by a stream's reason, an error, an event, a count, the log or what systemd is told."""
    agent.until(lambda: agent.state("yard") == "reconnecting")
    yard = {"source": "rtsp://viewer:${env:YARD}@127.0.0.1:9/stream", "conf": PHRASE}
    assert thief.configure(1, {"yard": yard})["errors"]
    thief.ask("restart", {"stream": "yard"}, key=KEY)
    lines = thief.ask("logs", {"lines": 500}, key=KEY)
    assert lines["result"]["lines"]
    agent.metrics()
    assert agent.stop() == 0
    heard = b"".join(each.payload for each in thief.client.heard if "desired" not in each.topic)
    for said in (heard.decode(), agent.said(), *agent.told):
        assert PHRASE not in said


def test_what_can_not_be_done_whole_changes_nothing(tmp_path, config, thief_of):
    """A password that is gone by then: half of a configuration is one that nobody wrote."""
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "yard").write_text(PHRASE)
    yard = "rtsp://viewer:${credential:yard}@127.0.0.1:9/stream"
    config["streams"]["yard"] = {"source": yard}
    environment = {"CREDENTIALS_DIRECTORY": str(credentials)}
    with RunningAgent(tmp_path, config, environment=environment) as agent, thief_of() as client:
        agent.ready()
        thief = Thief(client)
        thief.client.wait_for(f"{ROOT}/config/reported")
        (credentials / "yard").unlink()
        reported = thief.configure(1, {"yard": {"source": yard, "stall_s": 3}})
        assert not reported["applied"]
        assert "credential:yard" in reported["errors"]["streams"]
        before = agent.stream("door", "output_frames_total")
        agent.until(lambda: agent.stream("door", "output_frames_total") > before)
