"""Which series a status becomes."""

import shutil
import subprocess
from dataclasses import replace
from typing import final, get_args

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.registry import Collector

from agent.telemetry.metrics import metrics_of
from agent.telemetry.sensors import Readings
from agent.telemetry.status import ControlStatus, State
from tests.agent.telemetry.statuses import COUNTS, DOOR, READINGS, STATUS, YARD


def series(status=STATUS, readings=READINGS):
    """Values by name and labels, without the device, which all have."""
    found = {}
    for family in metrics_of(status, readings):
        for sample in family.samples:
            labels = dict(sample.labels)
            assert labels.pop("device") == status.device
            key = (sample.name, *sorted(labels.items()))
            assert key not in found
            found[key] = sample.value
    return found


def of_stream(name, found):
    """A stream's values by name and other labels."""
    label = ("stream", name)
    return {
        (key[0], *(part for part in key[1:] if part != label)): value
        for key, value in found.items()
        if label in key
    }


def test_a_streams_counts_are_told():
    door = of_stream("door", series())
    assert {key[0]: value for key, value in door.items() if len(key) == 1} == {
        "sfumato_stream_input_frames_total": 1010,
        "sfumato_stream_output_frames_total": 1000,
        "sfumato_stream_skipped_frames_total": 3,
        "sfumato_stream_dropped_frames_total": 7,
        "sfumato_stream_detections_total": 200,
        "sfumato_stream_late_detections_total": 5,
        "sfumato_hold_back_frames": 12,
        "sfumato_stream_objects_total": 12,
        "sfumato_stream_reconnections_total": 4,
        "sfumato_stream_last_frame_age_seconds": 0.125,
        "sfumato_stream_state_since_timestamp_seconds": 1_700_000_000.5,
    }


def test_covers_stages_and_queues_are_told_apart():
    door = of_stream("door", series())
    covered, seconds = (
        "sfumato_stream_covered_whole_frames_total",
        "sfumato_stream_stage_seconds_total",
    )
    assert door[covered, ("reason", "no keyframe")] == 40
    assert door[covered, ("reason", 'detector "failed"\n')] == 2
    assert door[seconds, ("kind", "busy"), ("stage", "decode")] == 1.5
    assert door[seconds, ("kind", "wait_in"), ("stage", "decode")] == 8
    assert door[seconds, ("kind", "wait_out"), ("stage", "encode")] == 0.25
    assert door["sfumato_stream_queue_depth", ("stage", "analyse")] == 2
    assert door["sfumato_stream_queue_depth", ("stage", "encode")] == 0


@pytest.mark.parametrize("state", get_args(State))
def test_of_all_states_one_is_set(state):
    status = replace(STATUS, streams={"door": replace(DOOR, state=state)})
    name = "sfumato_stream_state"
    found = {key[1][1]: value for key, value in series(status).items() if key[0] == name}
    assert found == {each: each == state for each in get_args(State)}


def test_a_stream_that_gave_nothing_yet_counts_from_zero_and_has_no_age():
    yard = of_stream("yard", series())
    assert yard["sfumato_stream_output_frames_total",] == 0
    assert ("sfumato_stream_last_frame_age_seconds",) not in yard


def test_the_agent_tells_its_version_its_model_and_what_hangs():
    found = series()
    assert found["sfumato_build_info", ("version", "1.2.3")] == 1
    model = next(dict(key[1:]) for key in found if key[0] == "sfumato_model_info")
    assert model == {
        "name": "person",
        "version": "3",
        "precision": "int8",
        "runtime": "onnxruntime-cpu",
        "sha256": "ab" * 32,
    }
    assert found["sfumato_hung_detections",] == 1


def test_what_became_of_each_file_is_told_in_words_of_ours_alone():
    """Why, which holds numbers and names of a bundle, is no label: there would be no end to them."""
    name = "sfumato_model_candidate"
    found = {key[1:]: value for key, value in series().items() if key[0] == name}
    assert found == {
        (("outcome", "absent"), ("precision", ""), ("runtime", "tensorrt")): 1,
        (("outcome", "chosen"), ("precision", "int8"), ("runtime", "onnxruntime-cpu")): 1,
        (("outcome", "refused"), ("precision", "uint8"), ("runtime", "onnxruntime-cpu")): 1,
    }


def test_recordings_are_told_where_there_are_any():
    found = series()
    assert found["sfumato_recordings_bytes",] == 5 << 30
    assert found["sfumato_recordings_free_bytes",] == 2 << 30
    assert found["sfumato_recordings_deleted_total",] == 9
    found = series(replace(STATUS, recordings=None))
    assert not [key for key in found if key[0].startswith("sfumato_recordings")]


def of_broker(status):
    return {
        key: value for key, value in series(status).items() if key[0][8:].startswith("control_")
    }


def test_the_broker_is_told_where_there_is_one():
    name = "sfumato_control_refused_messages_total"
    connected = of_broker(STATUS)
    assert connected == {
        ("sfumato_control_connected",): 1,
        ("sfumato_control_queued_events",): 12,
        ("sfumato_control_dropped_events_total",): 2,
        ("sfumato_control_unheard_messages_total",): 5,
        ("sfumato_control_reconnections_total",): 3,
        (name, ("reason", "invalid")): 1,
        (name, ("reason", "too_large")): 6,
    }
    away = of_broker(replace(STATUS, control=ControlStatus("no route", COUNTS)))
    assert away == connected | {("sfumato_control_connected",): 0}
    begins = of_broker(replace(STATUS, control=ControlStatus("not tried yet", None)))
    assert begins == {("sfumato_control_connected",): 0}
    assert of_broker(replace(STATUS, control=None)) == {}


def test_the_device_is_told_where_it_has_sensors():
    found = series()
    assert found["sfumato_device_temperature_celsius", ("zone", "cpu-thermal")] == 51.25
    assert found["sfumato_device_power_watts", ("rail", "VDD_IN")] == 5.04
    assert found["sfumato_device_throttled", ("by", "cpufreq-cpu0")] == 0
    assert found["sfumato_device_throttled", ("by", "gpu-throttle-alert")] == 1
    assert found["sfumato_device_throttle_events_total", ("cause", "oc3")] == 37
    assert found["sfumato_device_power_mode_info", ("mode", "MAXN")] == 1
    found = series(readings=Readings())
    assert not [key for key in found if key[0].startswith("sfumato_device")]


def test_why_a_stream_is_in_its_state_is_no_label():
    """It holds a camera's words: series without end, and secrets."""
    assert YARD.reason
    assert "secret" not in str(list(metrics_of(STATUS, READINGS)))


def test_families_without_a_value_are_not_mentioned():
    families = metrics_of(replace(STATUS, streams={}), Readings())
    assert all(family.samples for family in families)


@final
class Collected(Collector):
    def collect(self):
        return metrics_of(STATUS, READINGS)


def test_promtool_finds_nothing_to_object_to():
    if shutil.which("promtool") is None:
        pytest.skip("needs promtool, of Debian's package prometheus")
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Collected())
    checked = subprocess.run(
        ["promtool", "check", "metrics"],
        input=generate_latest(registry),
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")
