"""`sfumato run` that begins anew: the same process, and whoever manages it sees no end."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from networks import PLACE, network
from running_agent import RunningAgent
from worlds import Thing, World, leaks, lumas, write_world_bundle

from agent.service.override_file import OverrideFile
from agent.service.overrides import Overrides

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
RESTARTABLE = ROOT / "tests" / "world" / "restartable.py"


@pytest.fixture
def config(tmp_path):
    bundle = write_world_bundle(tmp_path / "world.sfm", network())
    thing = Thing(lambda _: (PLACE[0] + 2, PLACE[1] + 2), size=(28, 28))
    clip = World(thing, frames=100).write(tmp_path / "clip.mp4")
    source = {"url": str(clip), "realtime": True, "loop": True}
    return {
        "model": {"bundle": str(bundle), "allow_unsigned": True, "workers": 1},
        "streams": {"door": {"source": source, "effect": "solid"}},
    }


def restartable(tmp_path, config):
    state = tmp_path / "state"
    state.mkdir(exist_ok=True)
    environment = {"STATE_DIRECTORY": str(state)}
    return RunningAgent(tmp_path, config, environment=environment, command=(str(RESTARTABLE),))


def restart(agent):
    """Have it begin anew; what it told until it was ready."""
    before = len(agent.told)
    agent.process.send_signal(signal.SIGUSR1)
    agent.until(lambda: any("READY=1" in each for each in agent.told[before:]))
    return agent.told[before:]


def test_it_stays_the_same_process_and_loses_no_recording(tmp_path, config):
    door = tmp_path / "video" / "door"
    with restartable(tmp_path, config) as agent:
        agent.ready()
        for turn in (1, 2):
            agent.until(lambda: agent.stream("door", "output_frames_total") > 20)
            began = agent.metrics()["process_start_time_seconds",]
            told = restart(agent)
            assert agent.metrics()["process_start_time_seconds",] == began
            assert any("RELOADING=1" in each and "MONOTONIC_USEC=" in each for each in told)
            assert any("EXTEND_TIMEOUT_USEC" in each and "WATCHDOG=1" in each for each in told)
            recorded = sorted(door.glob("[!.]*.mp4"))
            assert len(recorded) == turn
            assert len(lumas(recorded[-1])) > 20
        assert not any("STOPPING=1" in each for each in agent.told)
        agent.until(lambda: agent.state("door") == "running")
        assert agent.stop() == 0
    assert any("STOPPING=1" in each for each in agent.told)
    assert agent.said().count("ready:") == 3
    assert "recovered" not in agent.said()
    assert "Traceback" not in agent.said()
    assert not leaks([luma for path in door.glob("*.mp4") for luma in lumas(path)])


@pytest.mark.parametrize("after_s", [0, 0.05, 0.3, 1, 2])
def test_told_to_stop_meanwhile_it_does(tmp_path, config, after_s):
    """Whenever that comes: before the end, between end and begin, while it loads."""
    with restartable(tmp_path, config) as agent:
        agent.ready()
        agent.process.send_signal(signal.SIGUSR1)
        time.sleep(after_s)
        agent.process.send_signal(signal.SIGTERM)
        assert agent.process.wait(60) in (0, 130, -signal.SIGTERM)
    assert "Traceback" not in agent.said()


def test_what_is_reloaded_meanwhile_is_read_anew(tmp_path, config):
    with restartable(tmp_path, config) as agent:
        agent.ready()
        streams = {"yard": config["streams"]["door"]}
        agent.configure({**config, "streams": streams})
        agent.process.send_signal(signal.SIGUSR1)
        for _ in range(20):
            agent.process.send_signal(signal.SIGHUP)
            time.sleep(0.1)
        agent.until(lambda: agent.said().count("ready:") == 2)
        agent.until(lambda: agent.state("yard") == "running")
        assert agent.stop() == 0


def test_a_pause_holds_afterwards(tmp_path, config):
    """And after a kill."""
    saved = Overrides().pause(["door"], None)
    with restartable(tmp_path, config) as agent:
        OverrideFile(tmp_path / "state").save(saved)
        agent.ready()
        restart(agent)
        assert agent.state("door") == "paused"
        agent.process.send_signal(signal.SIGKILL)
        agent.process.wait()
    with RunningAgent(
        tmp_path, config, environment={"STATE_DIRECTORY": str(tmp_path / "state")}
    ) as agent:
        agent.ready()
        assert agent.state("door") == "paused"
        assert tmp_path / "clip.mp4" not in agent.open_files()
        assert agent.stop() == 0


def test_a_program_that_is_gone_ends_with_a_line(tmp_path):
    """Whoever manages it starts it anew."""
    program = (
        "import sys; from agent.cli.process import begin_anew;"
        "sys.executable = sys.argv[1]; sys.exit(begin_anew(lambda: False))"
    )
    gone = str(tmp_path / "gone")
    done = subprocess.run(
        [sys.executable, "-c", program, gone],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == "sfumato: can't begin anew (No such file or directory)\n"


def test_it_holds_no_file_that_it_did_not_open_itself():
    """A library may hold a camera, and have it handed on: what begins anew must find it free."""
    program = """
import os, sys
from agent.cli.process import begin_anew
if os.environ.get("AGAIN"):
    print([int(n) for n in os.listdir("/dev/fd") if int(n) > 2])
else:
    os.environ["AGAIN"] = "yes"
    os.set_inheritable(os.open("/dev/null", os.O_RDONLY), True)
    begin_anew(lambda: False)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[3]\n"  # of the listing itself
