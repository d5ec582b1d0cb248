"""What Prometheus is told of a fleet."""

import re
import signal
import subprocess
import sys
import time
import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest
from broker import Broker
from ports import free_port
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from told_fleet import ToldFleet

from agent.control.messages import Streams
from agent.fleet.export.fleet_collector import FleetCollector
from agent.fleet.live import Fleet
from tests.agent.fleet.fleets import COUNTS, FLEET, STREAM, TELE, device

ROOT = Path(__file__).resolve().parents[3]
TIMEOUT_S = 60


def text_of(fleet):
    registry = CollectorRegistry(auto_describe=False)
    registry.register(FleetCollector(lambda: fleet))
    return generate_latest(registry).decode()


def samples(text):
    return {
        (sample.name.removeprefix("sfumato_fleet_"), *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def of(name, **labels):
    return (name, *sorted(labels.items()))


def test_devices_that_are_there_and_that_are_not():
    found = samples(text_of(FLEET))
    assert found[of("devices", presence="online")] == 2
    assert found[of("devices", presence="lost")] == 1
    assert found[of("devices", presence="unknown")] == 1
    assert found[of("device_presence", device="gate-2", presence="lost")] == 1
    assert found[of("device_presence", device="gate-2", presence="online")] == 0
    assert found[of("device_last_seen_timestamp_seconds", device="gate-2")] == 1500
    assert found[of("device_config_drift", device="gate-3")] == 1
    assert found[of("device_config_drift", device="gate-1")] == 0
    assert found[of("device_unread_documents", device="gate-4")] == 1
    labels = {"version": "0.2", "hardware": "box", "model": "person", "model_version": "5"}
    assert found[of("device_info", device="gate-1", **labels)] == 1
    assert not any(key[0] == "device_info" and ("device", "gate-4") in key for key in found)


def test_a_change_of_model_at_each_device_and_in_its_group():
    found = samples(text_of(FLEET))
    assert found[of("device_update_state", device="gate-2", state="fetching")] == 1
    assert found[of("device_update_state", device="gate-2", state="committed")] == 0
    assert found[of("device_update_progress_ratio", device="gate-2")] == 0.5
    assert found[of("device_refused_models", device="gate-2")] == 1
    assert found[of("rollout_share_ratio", group="north")] == 0.25
    assert found[of("rollout_info", group="north", model="person", model_version="5")] == 1
    assert found[of("rollout_devices", group="north", state="committed")] == 1  # not gate-3's other
    assert found[of("rollout_devices", group="north", state="fetching")] == 1
    assert found[of("rollout_devices", group="north", state="failed")] == 0


def test_streams_of_a_device_that_is_away_are_not_told():
    found = samples(text_of(FLEET))
    assert found[of("stream_state", device="gate-1", stream="door", state="running")] == 1
    assert not [
        key for key in found if key[0].startswith("stream_") and ("device", "gate-2") in key
    ]


def test_numbers_once_a_minute():
    found = samples(text_of(FLEET))
    door = {"device": "gate-1", "stream": "door"}
    for name, value in (
        ("input_frames", 1010), ("output_frames", 1000), ("dropped_frames", 7),
        ("skipped_frames", 3), ("detections", 200), ("objects", 12), ("reconnections", 4),
    ):  # fmt: skip
        assert found[of(f"stream_{name}_total", **door)] == value
    assert found[of("stream_covered_whole_frames_total", **door, reason="no keyframe")] == 40
    assert found[of("stream_last_frame_age_seconds", **door)] == 0.125
    assert found[of("device_temperature_celsius", device="gate-1", zone="cpu")] == 51.5
    assert found[of("device_power_watts", device="gate-1", rail="VDD_IN")] == 7.25
    assert found[of("device_throttled", device="gate-1", by="heat")] == 1
    assert found[of("control_dropped_events_total", device="gate-1")] == 1
    assert found[of("recordings_free_bytes", device="gate-1")] == 9


def test_a_stream_s_reason_is_no_label():
    """It holds a camera's words."""
    assert "secret" not in text_of(FLEET)


def test_without_a_broker_nothing_is_claimed_of_any_device():
    assert samples(text_of(replace(FLEET, away="it is gone"))) == {of("control_connected"): 0}
    assert samples(text_of(FLEET))[of("control_connected")] == 1
    assert samples(text_of(Fleet()))[of("devices", presence="online")] == 0


def test_a_device_can_make_up_only_so_many_series():
    """Whatever a hostile one says, Prometheus lives."""
    names = [f"{'x' * 400}{number}" for number in range(5000)]
    tele = TELE.model_copy(update={
        "streams": dict.fromkeys(names, COUNTS.model_copy(update={"whole": dict.fromkeys(names, 1)})),
        "celsius": dict.fromkeys(names, 1.0), "watts": {'a\n"': 1.0}, "throttled": {"": True},
    })  # fmt: skip
    hostile = device("gate-1", streams=Streams(streams=dict.fromkeys(names, STREAM)))
    text = text_of(Fleet(devices={"gate-1": hostile}, tele={"gate-1": tele}))
    assert len(samples(text)) < 500
    assert max(map(len, text.splitlines())) < 500
    distinct = [f"{number}{'x' * 400}" for number in range(5000)]
    tele = TELE.model_copy(update={"streams": dict.fromkeys(distinct, COUNTS)})
    found = samples(text_of(Fleet(devices={"gate-1": device("gate-1")}, tele={"gate-1": tele})))
    assert sum(key[0] == "stream_objects_total" for key in found) == 64


@pytest.mark.slow
def test_five_hundred_devices_are_told_in_a_scrape_s_time():
    devices = {f"gate-{number}": device(f"gate-{number}") for number in range(500)}
    fleet = Fleet(devices=devices, tele=dict.fromkeys(devices, TELE))
    text = text_of(fleet)
    assert text.count("sfumato_fleet_stream_output_frames_total{") == 500
    assert len(text) < 4_000_000  # 10 MB is a usual limit of a scrape


@pytest.mark.slow
def test_it_is_scraped_over_real_http_of_a_real_broker(tmp_path):
    port = free_port()
    address = f"127.0.0.1:{port}"
    with Broker(tmp_path / "broker") as broker, ToldFleet(broker.port) as fleet:
        fleet.device("gate-1")
        process = subprocess.Popen(
            [sys.executable, "-m", "agent", "ctl", "export", "--listen", address,
             "--broker", f"127.0.0.1:{broker.port}"],
            cwd=ROOT, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            assert process.stderr.readline() == f"sfumato: http://{address}/metrics\n"

            def until(key, value):
                deadline_s = time.monotonic() + TIMEOUT_S
                while True:
                    with urllib.request.urlopen(f"http://{address}/metrics", timeout=30) as page:
                        found = samples(page.read().decode())
                    if found.get(key) == value:
                        return found
                    assert time.monotonic() < deadline_s, found
                    time.sleep(0.05)

            until(of("devices", presence="online"), 1)
            fleet.tele("gate-1")
            until(of("device_uptime_seconds", device="gate-1"), 7200)
            fleet.offer(25)
            until(of("rollout_devices", group="site-north", state="committed"), 1)
            fleet.device("gate-1", reason="lost")
            found = until(of("devices", presence="lost"), 1)
            assert of("device_uptime_seconds", device="gate-1") not in found
            broker.term()
            until(of("control_connected"), 0)
            again = "sfumato: connected again\n"
            assert process.stderr.readline() not in {again, ""}  # why it is away
            broker.start()
            until(of("devices", presence="lost"), 1)
            while (said := process.stderr.readline()) != again:
                assert said  # another reason by now
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(TIMEOUT_S) == 130
            process.stderr.close()


def test_names_are_in_base_units_and_counters_end_as_they_should():
    for line in text_of(FLEET).splitlines():
        if found := re.match(r"# TYPE (\S+) (\w+)", line):
            name, kind = found.groups()
            assert name.startswith("sfumato_fleet_")
            assert name.endswith("_total") == (kind == "counter")
            assert not re.search(r"_(ms|milliseconds|minutes|percent|megabytes|mb)\b", name)
