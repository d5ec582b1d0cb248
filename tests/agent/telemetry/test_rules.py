"""Alerts: each is raised when it should be, and by nothing that is well."""

from pathlib import Path

import pytest

from tests.agent.telemetry.alerts import alerts_of, objections
from tests.agent.telemetry.exported import exported, mistakes

RULES = Path(__file__).resolve().parents[3] / "configs" / "prometheus" / "rules.yml"

BUILD = 'sfumato_build_info{device="gate-7", version="1"}'
FREE = 'sfumato_recordings_free_bytes{device="gate-7"}'
HUNG = 'sfumato_hung_detections{device="gate-7"}'
BROKER = 'sfumato_control_connected{device="gate-7"}'
AGE = 'sfumato_stream_last_frame_age_seconds{device="gate-7", stream="door"}'
OUT = 'sfumato_stream_output_frames_total{device="gate-7", stream="door"}'
WHOLE = 'sfumato_stream_covered_whole_frames_total{device="gate-7", stream="door", reason="no keyframe"}'


def state(name):
    return f'sfumato_stream_state{{device="gate-7", stream="door", state="{name}"}}'


WELL = {
    BUILD: "1x60",
    FREE: f"{3 << 30}x60",
    HUNG: "0x60",
    BROKER: "1x60",
    AGE: "0.1x60",
    OUT: "0+900x60",  # 15 frames a second
    WHOLE: "0+30x60",  # 3 % of them
    state("running"): "1x60",
    state("reconnecting"): "0x60",
    state("paused"): "0x60",
}
"""An hour, minute by minute."""

NOT_WELL = {
    "SfumatoAgentAbsent": {BUILD: "1x20 stale"},
    "SfumatoStreamDown": {state("running"): "0x60", state("reconnecting"): "1x60"},
    "SfumatoFramesLate": {AGE: "0+60x60"},
    "SfumatoFramesCoveredWhole": {WHOLE: "0+90x60"},
    "SfumatoDiskFull": {FREE: "1000000x60"},
    "SfumatoDetectionsHang": {HUNG: "1x60"},
    "SfumatoBrokerAway": {BROKER: "1x30 0x30"},
}

WELL_TOO = {
    "a camera that comes back within minutes": {
        state("running"): "1x30 0x3 1x30",
        state("reconnecting"): "0x30 1x3 0x30",
    },
    "a broker that is started anew": {BROKER: "1x30 0x8 1x30"},
    "a device that is reached by no broker": {BROKER: "_x60"},
    "a stream that is paused": {
        state("running"): "0x60",
        state("paused"): "1x60",
        AGE: "0+60x60",
        OUT: "1000x60",
        WHOLE: "0x60",
    },
}


@pytest.fixture
def raised(tmp_path):
    """What Prometheus has against the claim that it raises these alerts within an hour."""
    return lambda series, expected: objections(RULES, series, expected, tmp_path)


def test_rules_ask_for_what_is_exported():
    known = exported()
    assert {name: mistakes(rule["expr"], known) for name, rule in alerts_of(RULES).items()} == {
        name: [] for name in NOT_WELL
    }


def test_a_device_that_is_well_raises_nothing(raised):
    assert raised(WELL, []) == ""
    assert raised(WELL, ["SfumatoStreamDown"]) != ""  # else it would pass on anything


@pytest.mark.parametrize("name", NOT_WELL)
def test_what_is_not_well_raises_its_own_alert(name, raised):
    assert raised(WELL | NOT_WELL[name], [name]) == ""


@pytest.mark.parametrize("case", WELL_TOO)
def test_what_mends_itself_or_was_wanted_raises_nothing(case, raised):
    assert raised(WELL | WELL_TOO[case], []) == ""
