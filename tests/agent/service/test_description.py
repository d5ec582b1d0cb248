"""What an agent tells of itself."""

from dataclasses import replace

from agent.control.messages import ControlTele
from agent.service.description import device_info, model_info, stream_states, telemetry
from agent.telemetry.hardware import Hardware
from agent.telemetry.sensors import Readings
from tests.agent.telemetry.statuses import DOOR, MODEL, READINGS, STATUS, YARD

CONTROL = ControlTele(
    queued=3, queued_bytes=900, dropped=0, unheard=1, refused={"invalid": 2}, reconnections=4
)


def told(status=STATUS, readings=READINGS, **more):
    about = {"boot_id": "b1", "ts": 5.0, "uptime_s": 12.34, "resident_bytes": 1 << 20} | more
    return telemetry(status, readings, CONTROL, **about)


def hide(text):
    return text.replace("secret", "***")


def test_every_stream_has_its_state_and_its_size():
    streams = stream_states(STATUS, hide).streams
    door, yard = streams["door"], streams["yard"]
    assert (door.state, door.size, door.rate) == ("running", (1920, 1080), 25.0)
    assert (door.since, door.model, door.covered) == (None, "person v3", False)
    assert yard.reason == "rtsp://viewer:***@10.0.0.5 refuses"
    assert (yard.state, yard.size, yard.rate) == ("starting", None, None)


def test_a_rate_is_as_a_person_would_write_it():
    status = replace(STATUS, streams={"door": replace(DOOR, rate=30000 / 1001, covered=True)})
    assert stream_states(status, hide).streams["door"].rate == 29.97
    assert stream_states(status, hide).streams["door"].covered


def test_the_document_stays_the_same_while_frames_pass():
    """It is retained: it would else be published with every look."""
    later = replace(DOOR, frames_in=2000, frames_out=1990, last_frame_age_s=0.1, detections=400)
    assert stream_states(STATUS, hide) == stream_states(
        replace(STATUS, streams={"door": later, "yard": YARD}), hide
    )


def test_telemetry_has_every_streams_numbers_and_the_age_of_its_last_frame():
    tele = told()
    door, yard = tele.streams["door"], tele.streams["yard"]
    assert (door.frames_in, door.frames_out, door.objects, door.reconnections) == (
        1010,
        1000,
        12,
        4,
    )
    assert door.last_frame_age_s == 0.125
    assert yard.last_frame_age_s is None
    assert door.whole["no keyframe"] == 40
    assert (tele.recordings_bytes, tele.free_bytes) == (5 << 30, 2 << 30)
    assert (tele.uptime_s, tele.resident_bytes, tele.control) == (12.3, 1 << 20, CONTROL)


def test_telemetry_has_temperatures_throttling_and_the_power_mode():
    tele = told()
    assert tele.celsius == {"cpu-thermal": 51.25}
    assert tele.throttled == {"cpufreq-cpu0": False, "gpu-throttle-alert": True}
    assert tele.power_mode == "MAXN"


def test_what_nobody_knows_is_null():
    tele = told(replace(STATUS, recordings=None), Readings(), ts=None, resident_bytes=0)
    assert (tele.ts, tele.recordings_bytes, tele.free_bytes) == (None, None, None)
    assert (tele.resident_bytes, tele.power_mode, tele.celsius) == (None, None, {})


def test_a_device_says_what_it_is_and_what_it_takes(tmp_path):
    (tmp_path / "release").write_text("# R36 (release), REVISION: 4.3, GCID: 1, BOARD: generic")
    (tmp_path / "model").write_text("NVIDIA Jetson Orin Nano\0")
    info = device_info(
        STATUS,
        Hardware(tmp_path / "model", tmp_path / "cpuinfo", tmp_path / "release"),
        schema_digest="ab" * 32,
        ops={"ping": "cd" * 32},
        signed=True,
        certificate=(5.0, "renew it"),
        groups=["site-north"],
    )
    assert (info.agent, info.hardware, info.l4t) == ("1.2.3", "NVIDIA Jetson Orin Nano", "36.4.3")
    assert (info.certificate_end, info.certificate_warning) == (5.0, "renew it")
    assert info.model == model_info(MODEL)
    fast, refused = (f"{role} on onnxruntime-cpu" for role in ("int8", "uint8"))
    assert info.candidates.keys() == {"tensorrt", fast, refused}
    assert info.candidates["tensorrt"] == "TensorRT is not installed"
    assert info.candidates[fast] == "passes, 1.52x"
    assert info.candidates[refused] == "refused: golden frame 2: 'person' is not"
    assert (info.ops, info.groups, info.signed) == ({"ping": "cd" * 32}, ("site-north",), True)


def test_a_model_is_named_by_its_files_digest():
    assert model_info(MODEL).digest == MODEL.sha256
    assert (model_info(MODEL).name, model_info(MODEL).version) == ("person", 3)
