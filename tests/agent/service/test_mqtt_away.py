"""No connection to the broker: the log says why, once, and the video runs on."""

import socketserver
import subprocess
import threading

import pytest
from authority import Authority
from broker import Broker
from networks import PLACE, network
from ports import free_port
from running_agent import RunningAgent, configured
from worlds import bright_clip, write_world_bundle

pytestmark = pytest.mark.slow

PASSWORD = "sesame-open-now"  # noqa: S105 of nobody
SYSTEMD_S = 20
"""So long systemd waits for the end."""
TRIES = 3
"""Two of them are repetitions; between them pass 1 and 2 s at most."""


@pytest.fixture
def settings(tmp_path):
    """A configuration of one looping stream, with a broker to be named."""
    bundle = write_world_bundle(tmp_path / "world.sfm", network())
    clip = bright_clip(tmp_path / "clip.mp4", PLACE, frames=50)
    streams = {"door": {"source": {"url": str(clip), "realtime": True, "loop": True}}}

    def configuration(port, host="127.0.0.1", **more):
        mqtt = {"host": host, "port": port, "jitter_s": 0, **more}
        return configured(bundle, streams, mqtt=mqtt)

    return configuration


@pytest.fixture
def agent(tmp_path, settings):
    """It runs, and nobody listens where its broker should be."""
    config = settings(free_port())
    with RunningAgent(tmp_path, config, environment={"PASSWORD": PASSWORD}) as agent:
        yield agent.ready()


@pytest.fixture
def known(tmp_path):
    """A broker that lets `gate` in by a password, and lets nobody write."""
    folder = tmp_path / "known"
    folder.mkdir()
    words = ["mosquitto_passwd", "-c", "-b", folder / "passwords", "gate", PASSWORD]
    subprocess.run(words, check=True)
    (folder / "passwords").chmod(0o644)
    (folder / "acl").write_text("topic read #\n")
    settings = [f"password_file {folder / 'passwords'}", f"acl_file {folder / 'acl'}"]
    with Broker(folder, settings=settings) as broker:
        yield broker


@pytest.fixture
def encrypted(tmp_path):
    """A broker that shows a certificate of a CA in `folder`."""
    folder = tmp_path / "encrypted"
    with Broker(folder, authority=Authority(folder / "authority")) as broker:
        yield broker


def lines(agent, words):
    return [line for line in agent.said().splitlines() if words in line]


def test_each_reason_is_a_line_and_a_status_and_frames_are_redacted(
    tmp_path, agent, settings, known, encrypted
):
    other = Authority(tmp_path / "other")
    here = "localhost"
    ours = {"username": "gate", "password": "${env:PASSWORD}"}
    missing = {"ca": str(other.ca), "cert": str(tmp_path / "no.crt"), "key": str(tmp_path / "k")}
    reasons = {
        "nobody listens at": None,
        "Not authorized; check that it knows": settings(known.port, **ours | {"username": "yard"}),
        "check its ACL": settings(known.port, **ours),
        "can't read certificates": settings(encrypted.port, here, ca=str(tmp_path / "no.crt")),
        "can't use": settings(encrypted.port, here, **missing),
        "not of a CA that is known here": settings(encrypted.port, here, ca=str(other.ca)),
        "has no address": settings(8883, f"{'a' * 70}.example"),
    }
    before = agent.stream("door", "output_frames_total")
    for words, config in reasons.items():
        if config is not None:
            agent.configure(config)
            agent.reload()
        agent.until(lambda w=words: any(w in each for each in agent.told))
        agent.until(lambda w=words: lines(agent, w))
        (status,) = {each for each in agent.told if words in each and "READY" not in each}
        assert "MQTT: " in status
        agent.until(lambda: agent.metrics()[("sfumato_control_connected",)] == 0)
    agent.until(lambda: agent.stream("door", "output_frames_total") > before + 25)
    assert agent.stop() == 0
    assert len(lines(agent, "MQTT: ")) == len(reasons)  # none of which is that it runs again
    assert "Traceback" not in agent.said()
    assert PASSWORD not in agent.said() + "".join(agent.told)


class _Doorman(socketserver.BaseRequestHandler):
    """Lets nobody in."""

    def handle(self):
        self.server.tries.release()


class _Door(socketserver.TCPServer):
    """Leaves its port to whoever comes after it, though connections of it are still being closed."""

    allow_reuse_address = True


def test_a_reason_that_stays_is_said_once_and_so_is_its_end(tmp_path, agent, settings):
    with _Door(("127.0.0.1", free_port()), _Doorman) as door:
        agent.until(lambda: lines(agent, "nobody listens"))
        door.tries = threading.Semaphore(0)
        threading.Thread(target=door.serve_forever, daemon=True).start()
        agent.configure(settings(door.server_address[1]))
        agent.reload()
        for _ in range(TRIES):
            assert door.tries.acquire(timeout=60)
        door.shutdown()
    broker = Broker(tmp_path / "late")
    broker.port = door.server_address[1]
    with broker:
        agent.until(lambda: lines(agent, "MQTT: connected to"))
        assert agent.stop() == 0
    _, broke, *nobody, again = lines(agent, "MQTT: ")
    assert "the connection broke" in broke
    assert len(nobody) <= 1, nobody  # between the two
    assert "MQTT: connected to" in again


def test_a_frozen_broker_does_not_hold_up_the_end(tmp_path, agent, settings):
    (tmp_path / "frozen").mkdir()
    with Broker(tmp_path / "frozen") as broker:
        agent.configure(settings(broker.port))
        agent.reload()
        agent.until(lambda: agent.metrics()[("sfumato_control_connected",)])
        broker.freeze()
        assert agent.stop(timeout_s=SYSTEMD_S) == 0
    assert "Traceback" not in agent.said()
