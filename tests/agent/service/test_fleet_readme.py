"""The README's commands for a fleet, in their order, with a broker and an agent on this machine."""

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager
from urllib.request import urlopen

import pytest
import yaml
from broker import Broker
from networks import PLACE, network
from ports import free_port
from readme import fleet_commands, fleet_settings
from running_agent import ROOT, RunningAgent, configured
from worlds import bright_clip, write_world_bundle

from agent.cli import main

TIMEOUT_S = 60


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    (tmp_path / "broker").mkdir()
    return tmp_path


def here(words, port):
    """What is shown, with the port of a test."""
    words = [f"127.0.0.1:{port}" if word == "127.0.0.1" else word for word in words]
    return [words[0], "-p", str(port), *words[1:]] if words[0].startswith("mosquitto") else words


@contextmanager
def lasting(words):
    """A command that runs until it is stopped."""
    if words[0] == "sfumato":
        words = [sys.executable, "-m", "agent", *words[1:]]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdout=pipe, stderr=subprocess.STDOUT, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def says(process, *parts):
    """Wait until its output has held each of these, in whatever order."""
    lines, left = [], set(parts)
    while left:
        lines.append(process.stdout.readline())
        assert lines[-1], "".join(lines)
        left = {part for part in left if part not in lines[-1]}


def interrupted(process):
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=TIMEOUT_S)
    return process.returncode


def text_of(address):
    with urlopen(address, timeout=TIMEOUT_S) as answer:  # noqa: S310 an address of ours
        return answer.read().decode()


def has_boot(path):
    with closing(sqlite3.connect(path)) as events:
        if not events.execute("SELECT 1 FROM sqlite_master WHERE name = 'events'").fetchall():
            return False
        return events.execute("SELECT 1 FROM events WHERE kind = 'boot'").fetchall() != []


@pytest.mark.slow
def test_a_device_is_seen_and_steered_as_shown(folder, capsys):
    device, night = map(yaml.safe_load, fleet_settings())
    source = {"url": str(bright_clip(folder / "clip.mp4", PLACE, frames=50))}
    source |= {"realtime": True, "loop": True}
    assert night["streams"]["door"].keys() == {"source", "effect"}
    night["streams"]["door"]["source"] = source
    (folder / "night.yaml").write_text(yaml.safe_dump(night))
    bundle = write_world_bundle(folder / "world.sfm", network())
    with Broker(folder / "broker") as broker:
        device["mqtt"]["port"] = broker.port
        config = configured(bundle, {"door": {"source": source}}, **device)
        with RunningAgent(folder, config) as agent:
            agent.ready()
            agent.until(lambda: agent.state("door") == "running")
            listen, pause, devices, resume, watch, snapshot, put, collect, export, console = (
                here(words, broker.port) for words in fleet_commands()
            )
            with lasting(listen) as ear:
                says(ear, "/conn ", "/info ", "/streams ", "/config/reported ")
                subprocess.run(pause, check=True, timeout=TIMEOUT_S)
                says(ear, '/res/pause-1 {"v":1,"id":"pause-1","op":"pause","state":"done"')
                agent.until(lambda: agent.state("door") == "paused")
                assert interrupted(ear) in {0, -signal.SIGINT}

            assert main(devices[1:]) == 0
            assert capsys.readouterr().out.split("\n")[1].split()[:2] == ["gate-7", "online"]
            assert main(resume[1:]) == 0
            with lasting(watch) as told:
                says(told, "stream door: running", "event ")
                assert interrupted(told) == 130
            assert main(snapshot[1:]) == 0, capsys.readouterr().err
            assert (folder / "door.jpg").read_bytes().startswith(b"\xff\xd8")
            assert main(put[1:]) == 0
            assert capsys.readouterr().out.endswith("gate-7 runs by rev 1\n")
            with lasting(collect) as collector:
                agent.until((folder / "events.db").exists)
                agent.until(lambda: has_boot(folder / "events.db"))
                assert interrupted(collector) == 130
            with lasting([*export, "--listen", f"127.0.0.1:{free_port()}"]) as metrics:
                assert "gate-7" in text_of(metrics.stdout.readline().split()[-1])
                assert interrupted(metrics) == 130
            with lasting([*console, "--port", "0"]) as page:
                assert "<title>Devices · Sfumato</title>" in text_of(page.stdout.readline().strip())
                assert interrupted(page) == 130
            assert agent.stop() == 0
