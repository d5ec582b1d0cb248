"""Alerts on a fleet: each is raised when it should be, and by nothing that is well."""

from pathlib import Path

import pytest

from tests.agent.telemetry.alerts import alerts_of, objections
from tests.agent.telemetry.exported import exported_by_fleet, mistakes

RULES = Path(__file__).resolve().parents[3] / "configs" / "prometheus" / "fleet-rules.yml"
CONNECTED = "sfumato_fleet_control_connected"


def of(name, **labels):
    said = ", ".join(f'{key}="{value}"' for key, value in {"device": "gate-7", **labels}.items())
    return f"sfumato_fleet_{name}{{{said}}}"


def presence(value):
    return of("device_presence", presence=value)


def stream(state):
    return of("stream_state", stream="door", state=state)


def update(state):
    return of("device_update_state", state=state)


OUT = of("stream_output_frames_total", stream="door")
WHOLE = of("stream_covered_whole_frames_total", stream="door", reason="no keyframe")
FREE = of("recordings_free_bytes")
DRIFT = of("device_config_drift")
END = of("device_certificate_end_timestamp_seconds")

WELL = {
    CONNECTED: "1x60",
    presence("online"): "1x60",
    presence("lost"): "0x60",
    presence("twin"): "0x60",
    stream("running"): "1x60",
    stream("reconnecting"): "0x60",
    update("committed"): "1x60",
    update("failed"): "0x60",
    update("rolled_back"): "0x60",
    OUT: "0+900x60",
    WHOLE: "0+30x60",
    FREE: f"{3 << 30}x60",
    DRIFT: "0x60",
    END: f"{90 * 86400}x60",
}
"""An hour, minute by minute."""

NOT_WELL = {
    "SfumatoFleetUnseen": {CONNECTED: "1x20 stale"},
    "SfumatoFleetBrokerAway": {CONNECTED: "1x20 0x40"},
    "SfumatoFleetDeviceLost": {presence("online"): "0x60", presence("lost"): "1x60"},
    "SfumatoFleetTwin": {presence("online"): "0x60", presence("twin"): "1x60"},
    "SfumatoFleetStreamDown": {stream("running"): "0x60", stream("reconnecting"): "1x60"},
    "SfumatoFleetFramesCoveredWhole": {WHOLE: "0+90x60"},
    "SfumatoFleetDiskFull": {FREE: "1000000x60"},
    "SfumatoFleetDrift": {DRIFT: "1x60"},
    "SfumatoFleetCertificateEnds": {END: f"{13 * 86400}x61"},
    "SfumatoFleetUpdateFailed": {update("committed"): "0x60", update("rolled_back"): "1x60"},
}

WELL_TOO = {
    "a device that was ended on purpose": {
        presence("online"): "0x60",
        presence("clean"): "1x60",
        DRIFT: "1x60",
    },
    "a device that comes back within minutes": {presence("lost"): "0x30 1x5 0x30"},
    "a configuration that takes a while": {DRIFT: "0x30 1x10 0x30"},
    "a broker that is started anew": {CONNECTED: "1x30 0x3 1x30"},
}


@pytest.fixture
def raised(tmp_path):
    """What Prometheus has against the claim that it raises these alerts within an hour."""
    return lambda series, expected: objections(RULES, series, expected, tmp_path)


def test_rules_ask_for_what_is_exported():
    known = exported_by_fleet()
    assert {name: mistakes(rule["expr"], known) for name, rule in alerts_of(RULES).items()} == {
        name: [] for name in NOT_WELL
    }


def test_a_fleet_that_is_well_raises_nothing(raised):
    assert raised(WELL, []) == ""
    assert raised(WELL, ["SfumatoFleetTwin"]) != ""  # else it would pass on anything


@pytest.mark.parametrize("name", NOT_WELL)
def test_what_is_not_well_raises_its_own_alert(name, raised):
    assert raised(WELL | NOT_WELL[name], [name]) == ""


@pytest.mark.parametrize("case", WELL_TOO)
def test_what_mends_itself_or_was_wanted_raises_nothing(case, raised):
    assert raised(WELL | WELL_TOO[case], []) == ""
