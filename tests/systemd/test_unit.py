"""The unit as it is shipped: whole, tight, and waiting for nobody."""

import subprocess

import pytest

from tests.systemd.conftest import INSTALL, ROOT, WITHOUT_NETWORK
from tests.systemd.stand_in import write_wheel

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


def test_systemd_finds_nothing_to_say_about_it(bare, tmp_path):
    write_wheel(tmp_path, "1.0")
    bare.exec("mknod", "/dev/video0", "c", "81", "0")
    bare.exec(INSTALL, "--wheel", "/wheels/sfumato-1.0-py3-none-any.whl", **WITHOUT_NETWORK)
    found = bare.exec("systemd-analyze", "verify", "sfumato-agent.service")
    assert found.stdout + found.stderr == ""
    waited_for = ("--value", "--property=After,Wants,Requires,Requisite,BindsTo")
    units = bare.exec("systemctl", "show", "sfumato-agent", *waited_for).stdout.split()
    assert "basic.target" in units
    assert not {unit for unit in units if "network" in unit or "time" in unit}
