"""`ctl collect` as a process, between a real broker and simulated devices: nothing is lost."""

import json
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from broker import Broker
from simulated_device import SimulatedDevice

ROOT = Path(__file__).resolve().parents[3]
TIMEOUT_S = 180
SAY_S = 2
"""A real device says `conn` again every minute."""
pytestmark = pytest.mark.slow


class Collecting:
    """A collector of its own process; a context, killed at its end."""

    def __init__(self, port, out, *words, name="test"):
        self._command = [
            *(sys.executable, "-m", "agent", "ctl", "collect", "--broker", f"127.0.0.1:{port}"),
            *("--out", str(out), "--name", name, "--json", *words),
        ]
        self.out = out
        self.log = out.with_name(f"{name}.log")

    def __enter__(self):
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self._command, stdout=log, stderr=log, cwd=ROOT)
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def said(self, happened):
        """What it told of this kind."""
        lines = [line for line in self.log.read_text().splitlines() if line.startswith("{")]
        return [line for line in map(json.loads, lines) if line["happened"] == happened]

    def connected(self, times=1):
        self.until(lambda: len(self.said("connected")) >= times)
        return self

    def until(self, reached):
        deadline_s = time.monotonic() + TIMEOUT_S
        while not reached():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline_s, self.log.read_text()
            time.sleep(0.05)

    def has_all_of(self, *devices, but=(), says_conn=False):
        """Wait until every number of these devices' events stands in the file; then, each once."""
        wanted = {(device.name, device.epoch): device.count for device in devices}
        keys = [(*key, seq) for key, count in wanted.items() for seq in range(1, count + 1)]
        keys = sorted(key for key in keys if key[-1] not in but)
        said_s = time.monotonic()

        def has_all():
            nonlocal said_s
            if (
                says_conn and time.monotonic() > said_s + SAY_S
            ):  # what came last may have been heard by nobody
                said_s = time.monotonic()
                for device in devices:
                    device.say_conn()
            return sorted(keys_of(self.out, wanted)) == keys

        self.until(has_all)


def keys_of(path, wanted):
    """(device, epoch, seq) of the events in a file."""
    if path.suffix == ".jsonl":
        lines = [
            json.loads(line)
            for line in path.read_text().splitlines(keepends=True)
            if line[-1] == "\n"
        ]
        found = [(line["device"], line["epoch"], line["seq"]) for line in lines if "seq" in line]
    else:
        sqlite = sqlite3.connect(path)
        found = sqlite.execute("SELECT device, epoch, seq FROM events").fetchall()
        sqlite.close()
    return [key for key in found if key[:2] in wanted]


@pytest.fixture
def world():
    with ExitStack() as stack:
        yield stack.enter_context


@pytest.fixture
def broker(world, tmp_path):
    return world(Broker(tmp_path / "broker"))  # which a kill makes forget all, as Debian's does


@pytest.fixture(params=["events.db", "events.jsonl"])
def out(request, tmp_path):
    return tmp_path / request.param


def test_nothing_is_missing_after_the_broker_was_killed_five_times(world, broker, out):
    collecting = world(Collecting(broker.port, out)).connected()
    devices = [world(SimulatedDevice(broker.port, f"gate-{n}")) for n in range(3)]
    for _ in range(5):
        for device in devices:
            device.happen(15)
        broker.kill()
        for device in devices:
            device.happen(5)
        broker.start()
        for device in devices:
            device.session.retry_now()  # else it waits for ever longer
            device.happen(5)
    collecting.has_all_of(*devices, says_conn=True)


def test_what_a_killed_broker_had_taken_is_sent_again(world, broker, out):
    """Acknowledged, queued for a collector that was away, and forgotten: not even a gap shows."""
    device = world(SimulatedDevice(broker.port))
    with Collecting(broker.port, out) as collecting:
        collecting.connected()
        device.happen(3)
        collecting.has_all_of(device)
    device.happen(40)
    device.until(lambda: device.unheard == 0)
    broker.kill()
    broker.start()
    collecting = world(Collecting(broker.port, out)).connected(2)
    collecting.has_all_of(device)


def test_of_a_device_that_was_never_heard_everything_is_asked_for(world, broker, out):
    """The broker acknowledged each event, and threw it away: nobody had subscribed."""
    device = world(SimulatedDevice(broker.port))
    device.happen(40)
    device.until(lambda: device.unheard == 0)
    device.say_conn()
    collecting = world(Collecting(broker.port, out)).connected()
    collecting.has_all_of(device)
    device.happen(5, sent=False)  # and what no number that comes after tells of
    device.say_conn()
    collecting.has_all_of(device)


def test_a_killed_collector_goes_on_and_has_everything_once(world, broker, out):
    """No device helps: what was not written was not acknowledged, and the broker has it still."""
    device = world(SimulatedDevice(broker.port))
    for round_number in range(1, 5):
        with Collecting(broker.port, out) as collecting:
            collecting.connected(round_number)
            device.happen(200, kept=False)
            collecting.until(lambda: collecting.said("wrote"))
    device.happen(50, kept=False)
    device.until(lambda: device.unheard == 0)
    collecting = world(Collecting(broker.port, out)).connected(5)
    collecting.has_all_of(device)


def test_what_no_device_has_any_more_is_told_as_lost_once(world, broker, out):
    device = world(SimulatedDevice(broker.port))
    with Collecting(broker.port, out) as collecting:
        collecting.connected()
        device.happen(2)
        device.happen(3, sent=False, kept=False)
        device.happen(2, sent=False)
        device.happen(1)
        collecting.until(lambda: collecting.said("lost"))
        collecting.has_all_of(device, but=(3, 4, 5))
        (lost,) = collecting.said("lost")
        assert (lost["from_seq"], lost["to_seq"], lost["before"]) == (3, 5, False)
    device.commands.clear()
    with Collecting(broker.port, out) as collecting:
        collecting.connected(2)
        device.happen(1, sent=False)
        device.say_conn()
        collecting.has_all_of(device, but=(3, 4, 5))
    assert [command.args["from_seq"] for _, command in device.commands] == [9]
    assert len(collecting.said("lost")) == 1


def test_what_was_before_its_time_is_no_loss(world, broker, out):
    device = world(SimulatedDevice(broker.port))
    device.happen(5, kept=False)
    device.happen(5)
    device.until(lambda: device.unheard == 0)
    collecting = world(Collecting(broker.port, out)).connected()
    device.happen(1)
    collecting.until(lambda: collecting.said("lost"))
    collecting.has_all_of(device, but=range(1, 6))
    (lost,) = collecting.said("lost")
    assert (lost["from_seq"], lost["to_seq"], lost["before"]) == (1, 5, True)


def test_two_that_share_the_work_write_everything_once(world, broker, tmp_path):
    out = tmp_path / "events.db"
    one = world(Collecting(broker.port, out, "--shared", "office", name="one")).connected()
    two = world(Collecting(broker.port, out, "--shared", "office", name="two")).connected()
    device = world(SimulatedDevice(broker.port))
    device.happen(100)
    device.happen(3, sent=False)
    device.happen(100)
    one.has_all_of(device)
    assert one.said("wrote")
    assert two.said("wrote")
    asked = sum(
        command.args["to_seq"] - command.args["from_seq"] + 1 for _, command in device.commands
    )
    assert asked < 400  # each misses what the other has, and looks before it asks
    broker.kill()
    broker.start()
    device.happen(100)
    one.has_all_of(device)


def test_what_two_that_share_the_work_write_apart_is_everything_together(world, broker, tmp_path):
    files = [tmp_path / "one.jsonl", tmp_path / "two.jsonl"]
    for path in files:
        world(Collecting(broker.port, path, "--shared", "office", name=path.stem)).connected()
    device = world(SimulatedDevice(broker.port))
    device.happen(100)
    wanted = {(device.name, device.epoch): 0}

    def seqs():
        return {seq for path in files for *_, seq in keys_of(path, wanted)}

    device.until(lambda: seqs() == set(range(1, 101)))


def test_only_devices_that_were_named_are_collected(world, broker, out):
    collecting = world(Collecting(broker.port, out, "gate-1")).connected()
    others = world(SimulatedDevice(broker.port, "gate-2"))
    device = world(SimulatedDevice(broker.port, "gate-1"))
    others.happen(5)
    others.until(lambda: others.unheard == 0)
    device.happen(5)
    collecting.has_all_of(device)
    assert keys_of(out, {("gate-2", others.epoch): 0}) == []


def test_it_waits_for_a_broker_that_is_not_there_yet(world, broker, out):
    broker.kill()
    collecting = world(Collecting(broker.port, out))
    collecting.until(lambda: collecting.said("disconnected"))
    broker.start()
    collecting.connected()
    device = world(SimulatedDevice(broker.port))
    device.happen(1)
    collecting.has_all_of(device)


def test_ctrl_c_ends_it_with_130(world, broker, out):
    collecting = world(Collecting(broker.port, out)).connected()
    collecting.process.send_signal(signal.SIGINT)
    assert collecting.process.wait(TIMEOUT_S) == 130
    assert "Traceback" not in collecting.log.read_text()
