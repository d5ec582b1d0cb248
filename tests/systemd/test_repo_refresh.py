"""The timer by which a repository of models stays believed, on a machine that booted."""

import json

import pytest

from tests.systemd.conftest import ROOT
from tests.systemd.test_unit import exposure_is_below

NAME = "sfumato-repo-refresh"
REPO, KEYS = "/srv/sfumato-models", "/etc/sfumato/repo"

pytestmark = pytest.mark.slow


def test_it_is_exposed_to_next_to_nothing():
    assert exposure_is_below(15, ROOT / "systemd" / f"{NAME}.service")


def test_each_week_it_is_refreshed_by_a_key_that_only_the_timer_has(boot):
    machine = boot().machine
    sfumato = "/opt/sfumato/bin/sfumato"
    online, release = f"{KEYS}/online", "/root/release"
    machine.exec("mkdir", "-p", KEYS)
    for key in (online, release):
        machine.exec(sfumato, "model", "keygen", key)
    roles = [
        f"--root-key={release}.key",
        f"--release-key={release}.key",
        f"--online-key={online}.key",
    ]
    machine.exec(sfumato, "ctl", "repo", "init", REPO, *roles)
    units = [f"/repo/systemd/{NAME}.{kind}" for kind in ("service", "timer")]
    machine.exec("install", "-m", "644", "-t", "/etc/systemd/system", *units)
    machine.exec("systemctl", "daemon-reload")
    found = machine.exec("systemd-analyze", "verify", f"{NAME}.timer", f"{NAME}.service")
    assert found.stdout + found.stderr == ""
    machine.exec("systemctl", "enable", "--now", f"{NAME}.timer")
    assert NAME in machine.exec("systemctl", "list-timers").stdout
    machine.exec("systemctl", "start", NAME)
    files = machine.exec("ls", "-l", f"{REPO}/metadata").stdout
    assert "2.snapshot.json" in files
    assert "2.targets.json" not in files  # for that the key isn't there
    assert files.count("-rw-r--r--") == len(files.splitlines()) - 1
    said = json.loads(machine.exec(sfumato, "ctl", "repo", "list", REPO, "--json").stdout)
    assert said["offers"] == []
    assert f"{REPO}: believed until 20" in machine.journal(NAME)
