"""A device that is given no model, and gets one over the air: repository, broker and agent are real."""

import json

import pytest
from broker import Broker
from lying_server import LyingServer
from model_repository import ModelRepository
from moods import write_moody_bundle
from mqtt_client import Client
from networks import PLACE
from running_agent import RunningAgent, configured
from worlds import BLACK, Thing, World, covered_whole, leaks, lumas

pytestmark = pytest.mark.slow

ROOT = "sfumato/v1/gate"
GROUP = "sfumato/v1/groups/north/model/desired"


class Operator:
    """Whoever offers bundles in a repository and tells a group which of them to run."""

    def __init__(self, folder, client):
        self._folder, self._client = folder, client
        self.repository = ModelRepository(folder / "repository")
        self._rev = 0

    def offer(self, mood, version):
        path = self._folder / f"{mood}-{version}.sfm"
        digest = write_moody_bundle(path, mood, version=version)
        self.repository.add(path)
        return digest

    def want(self, digest, version, percent=100):
        """Tell all of the group to run a bundle; which rev that is."""
        self._rev += 1
        desired = {
            "v": 1,
            "rev": self._rev,
            "name": "world",
            "version": version,
            "digest": digest,
            "percent": percent,
            "salt": "s",
        }
        self._client.publish(GROUP, json.dumps(desired).encode(), retain=True)
        return self._rev

    def reported(self):
        """What the device says of its model, the last of it."""
        said = self.all("model/reported")
        return said[-1] if said else {}

    def all(self, topic):
        return [
            json.loads(each.payload)
            for each in self._client.heard
            if each.topic == f"{ROOT}/{topic}"
        ]


@pytest.fixture
def broker(tmp_path):
    (tmp_path / "broker").mkdir()
    with Broker(tmp_path / "broker") as broker:
        yield broker


@pytest.fixture
def operator(tmp_path, broker):
    with Client(broker.address(), "operator", f"{ROOT}/#") as client:
        yield Operator(tmp_path, client)


@pytest.mark.usefixtures("all_cores")
def test_the_first_model_fails_the_second_comes_and_the_third_never_again(
    tmp_path, broker, operator
):
    """Row 5: "no model, all covered", reachable; and a digest that was refused is never run again."""
    thing = Thing(lambda _: (PLACE[0] + 2, PLACE[1] + 2), size=(28, 28))
    clip = World(thing, frames=250, cuts=[0]).write(tmp_path / "clip.mp4")
    out = tmp_path / "door.mp4"
    source = {"url": str(clip), "realtime": True, "loop": True}
    door = {"source": source, "effect": "solid", "every": 1, "sink": {"file": str(out)}}
    with LyingServer(operator.repository.folder) as server:
        config = configured(
            None,
            {"door": door},
            groups=["north"],
            mqtt={"host": broker.host, "port": broker.port},
            update={
                "repository": server.url,
                "root": str(operator.repository.root),
                "probation_s": 3,
            },
        )
        config["model"] = {"allow_unsigned": True, "workers": 2}
        with RunningAgent(tmp_path, config) as agent:
            agent.ready()

            def until(**reported):
                agent.until(lambda: reported.items() <= operator.reported().items())
                return operator.reported()

            until(state="idle", active=None)
            assert operator.all("info")[-1]["model"] is None
            agent.until(lambda: agent.stream("door", "output_frames_total") > 25)
            agent.until(lambda: operator.all("streams")[-1]["streams"]["door"]["covered"])

            failing = operator.offer("nan", 3)
            rev = operator.want(failing, 3)
            said = until(rev=rev, state="rolled_back", active=None)
            assert "had to be covered whole" in said["reason"]
            assert (said["refused"], said["group"]) == ([failing], "north")

            operator.want(failing, 3, percent=0)
            good = operator.offer("fine", 2)
            rev = operator.want(good, 2)
            said = until(rev=rev, state="committed")
            assert (said["active"]["bundle"], said["digest"], said["version"]) == (good, good, 2)
            before = agent.stream("door", "output_frames_total")

            rev = operator.want(failing, 3)
            said = until(rev=rev, state="failed")
            assert "refused" in said["reason"] or "had to be covered" in said["reason"]
            assert said["active"]["bundle"] == good
            agent.until(lambda: agent.stream("door", "output_frames_total") > before + 50)
            assert agent.stop() == 0
        with RunningAgent(tmp_path, config) as agent:
            agent.ready()
            assert "world v2 runs: it was installed" in agent.said()
            assert agent.stop() == 0
    pictures = lumas(out)
    assert leaks(pictures) == {}
    whole = covered_whole(pictures)
    assert whole == list(range(len(whole)))
    assert pictures[-1].max() >= BLACK
    events = {event["id"]: event for event in operator.all("evt/model")}  # QoS 1: once at least
    kinds = [event["data"].get("state") for event in events.values()]
    assert [kind for kind in kinds if kind in ("rolled_back", "committed", "failed")] == [
        "rolled_back",
        "committed",
        "failed",
    ]
