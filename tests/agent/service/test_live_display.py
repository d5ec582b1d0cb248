"""`sfumato run` with a page, as its own process: who watches sees the streams, and stops none."""

import socket
import urllib.error
import urllib.request

import pytest
from live_process import Client
from networks import PLACE, network
from ports import free_port
from running_agent import RunningAgent, configured, segments
from worlds import bright_clip, leaks, lumas, write_world_bundle

pytestmark = pytest.mark.slow

AWAY = free_port()
REFUSED = "this stream is the device's: who watches it can't stop it"


@pytest.fixture
def folder(tmp_path):
    """With a bundle and six seconds in which something bright stands where it sees a person."""
    write_world_bundle(tmp_path / "world.sfm", network())
    bright_clip(tmp_path / "clip.mp4", PLACE, frames=150)
    return tmp_path


def config(folder, names, live):
    door = {
        "source": {"url": str(folder / "clip.mp4"), "realtime": True, "loop": True},
        "effect": "solid",
    }
    record = {"dir": str(folder / "video"), "segment_s": 2, "keep": {"free": None}}
    streams = dict.fromkeys(names, door)
    streams["away"] = {"source": f"rtsp://viewer:${{env:PW}}@127.0.0.1:{AWAY}/hunter2"}
    return configured(folder / "world.sfm", streams, record=record, live=live)


def ailment(address):
    """What the page's server says is wrong; None while nothing is, or not yet."""
    try:
        urllib.request.urlopen(f"http://{address}/healthz", timeout=60).close()
    except urllib.error.HTTPError as error:
        said = error.read().decode()
        return said if "reconnecting" in said else None


def test_who_watches_a_service_sees_its_streams_and_stops_none(folder):
    address = f"127.0.0.1:{free_port()}"
    live = {"listen": address}
    running = config(folder, ["door", "yard"], live)
    with RunningAgent(folder, running, environment={"PW": "hunter2"}) as agent:
        agent.ready()
        with Client(address) as door, Client(address, stream="yard") as yard:
            assert door.told_of("welcome")["streams"] == ["door", "yard", "away"]
            assert door.told_of("welcome")["stream"] == "door"
            assert door.told_of("started")["codec"].startswith("avc1.")
            door.until(lambda: [e for e in door.told if e["type"] == "objects" and e["objects"]])
            for what in ("pause", "resume", "step"):
                assert door.answer(door.order(what)) == REFUSED
            assert door.answer(door.order("seek", 1.0)) == REFUSED
            shown = len(door.pictures)
            door.until(lambda: len(door.pictures) > shown + 30)
            assert door.state(state="live")["seekable"] is False
            metrics = agent.metrics()
            assert metrics["sfumato_stream_reconnections_total", ("stream", "door")] == 0
            assert metrics["sfumato_live_clients", ("as", "watch")] == 2
            assert metrics["sfumato_live_frames_total",] > 30
            assert metrics["sfumato_live_state", ("state", "live"), ("stream", "door")] == 1
            assert metrics["sfumato_hold_back_frames", ("stream", "door")] >= 0
            yard.until(lambda: len(yard.pictures) > 5)
            said = agent.until(lambda: ailment(address))
            assert said.startswith("away: reconnecting, ")
            assert "hunter2" not in said

            agent.configure(config(folder, ["door"], live))
            agent.reload()
            assert yard.told_of("refused")["text"] == "the stream is no more"
            shown = len(door.pictures)
            door.until(lambda: len(door.pictures) > shown + 5)

            agent.configure(config(folder, ["door"], None))
            assert any("restart the agent to change live" in each for each in agent.reload())
            door.until(lambda: len(door.pictures) > shown + 10)
        assert agent.stop() == 0
    for name in ("door", "yard"):
        recorded = segments(folder, name)
        assert recorded
        assert not leaks([luma for path in recorded for luma in lumas(path)])
    assert not list((folder / "video").glob("*/.*"))
    for word in ("Traceback", "a fault"):
        assert word not in agent.said()


def test_a_page_that_can_not_be_served_says_so_in_a_line(folder):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        begun = RunningAgent(
            folder, config(folder, ["door"], {"listen": listen}), environment={"PW": "hunter2"}
        )
        with begun as agent:
            assert agent.process.wait(60) == 4
    assert "set live.listen to another address" in agent.said()
    assert "Traceback" not in agent.said()
