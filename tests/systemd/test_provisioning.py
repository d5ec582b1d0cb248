"""docs/provisioning.md, command by command, on a machine that is office, broker and device at once."""

import re
import shlex

import pytest

from agent.config.loading import load
from tests.systemd.conftest import CAMERA, ROOT, as_the_readme_says, write_camera
from tests.systemd.service import until

PAGE = (ROOT / "docs" / "provisioning.md").read_text("utf-8")
FOLDER = "/var/lib/sfumato/identity"


def blocks(kind):
    return re.findall(rf"^```{kind}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def shown():
    """The lines of each block of commands."""
    return [block.replace("\\\n", " ").splitlines() for block in blocks("sh")]


def test_the_settings_that_are_shown_are_settings(tmp_path):
    device, _, *elsewhere = blocks("yaml")
    for line in (device, *elsewhere[0].splitlines()):
        path = tmp_path / "agent.yaml"
        path.write_text(f"{CAMERA}{line}\ncontrol: {{operators: [ops.pub]}}\n")
        assert load(path, None).config.mqtt is not None


def test_nothing_but_these_programs_is_shown():
    lines = [line for block in shown() for line in block]
    assert {shlex.split(line)[0] for line in lines} == {"sudo", "sfumato", "sed"}


@pytest.mark.slow
def test_the_commands_shown_make_a_device_that_its_broker_knows(boot):
    authority, broker, device, keys, orders, withdrawal = shown()
    settings, profile, _ = blocks("yaml")
    service = boot()
    machine = service.machine
    if machine.exec("test", "-x", "/usr/sbin/mosquitto", check=False).returncode:
        pytest.skip("needs mosquitto")
    machine.exec("useradd", "--system", "--user-group", "mosquitto")  # as its package does
    machine.exec("install", "-d", "-o", "mosquitto", "/var/lib/mosquitto", "/etc/mosquitto")
    (machine.disk / "etc/hosts").write_text("127.0.0.1 localhost broker.example\n")
    (machine.disk / "root/clone/configs").symlink_to("/repo/configs")

    for line in (*authority, *broker, *device):
        said = as_the_readme_says(machine, line)
    assert "gate-7 has connected to broker.example:8883" in said
    for line in keys:
        as_the_readme_says(machine, line)
    assert "u'gate-7'" in machine.journal("mosquitto")

    more = "control: {operators: [ops.pub]}\n"
    (machine.disk / "etc/sfumato/agent.yaml").write_text(f"{CAMERA}{settings}{more}")
    write_camera(machine.disk / "etc/sfumato")
    machine.exec("systemctl", "start", "sfumato-agent")
    owners = machine.exec("find", FOLDER, "-printf", "%u %P\\n").stdout.split("\n")[:-1]
    assert len(owners) >= 7
    assert {line.split()[0] for line in owners} == {"sfumato"}
    as_service = ("setpriv", "--reuid=sfumato", "--regid=sfumato", "--clear-groups")
    machine.exec(*as_service, "cat", f"{FOLDER}/current/device.key")

    (machine.disk / "root/clone/office.yaml").write_text(profile)
    until(lambda: "MQTT: connected to broker.example:8883" in service.said)
    listed, paused = (as_the_readme_says(machine, line) for line in orders)
    assert listed.split("\n")[1].split()[:2] == ["gate-7", "online"]
    assert 'streams: {"door": "paused"}' in paused

    for line in withdrawal:
        as_the_readme_says(machine, line)
    again = machine.exec("sfumato", "provision", "install", "/root/clone/gate-7.json", check=False)
    assert again.returncode == 3
    for line in device:
        said = as_the_readme_says(machine, re.sub(r"(--out \S+)", r"\1 --overwrite", line))
    assert "gate-7 has connected to broker.example:8883" in said
    assert machine.exec("stat", "--format=%U", f"{FOLDER}/slot-b/device.key").stdout == "sfumato\n"
