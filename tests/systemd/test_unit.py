"""The unit as it is shipped: whole, tight, and waiting for nobody."""

import subprocess

import pytest

from tests.systemd.conftest import ROOT

UNIT = ROOT / "systemd" / "sfumato-agent.service"

EXPOSURE = 20
"""Of 100, from systemd-analyze; 18 here. mosquitto's and telegraf's units have 92."""

pytestmark = pytest.mark.slow


def exposure_is_below(limit, unit):
    words = ["systemd-analyze", "security", "--offline=true", f"--threshold={limit}", unit]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


def test_it_is_exposed_to_little(tmp_path):
    assert exposure_is_below(EXPOSURE, UNIT)
    looser = tmp_path / UNIT.name
    looser.write_text(UNIT.read_text().replace("ProtectSystem=strict", "").replace("NoNew", "#"))
    assert not exposure_is_below(EXPOSURE, looser)


def test_systemd_finds_nothing_to_say_about_it_as_it_is_installed(boot):
    service = boot()
    found = service.machine.exec("systemd-analyze", "verify", "sfumato-agent.service")
    assert found.stdout + found.stderr == ""
    assert "10-devices.conf" in service.shown("DropInPaths")


def test_it_waits_for_neither_network_nor_clock(boot):
    service = boot()
    units = " ".join(map(service.shown, ("After", "Wants", "Requires", "Requisite", "BindsTo")))
    assert "basic.target" in units
    assert "network" not in units
    assert "time" not in units
