"""docs/provisioning.md, command by command, on a machine that is office, broker and device at once."""

import re
import shlex

import pytest

from tests.systemd.conftest import CAMERA, ROOT, as_the_readme_says, write_camera

PAGE = (ROOT / "docs" / "provisioning.md").read_text("utf-8")
FOLDER = "/var/lib/sfumato/identity"


def shown():
    """The lines of each block of commands."""
    blocks = re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    return [block.replace("\\\n", " ").splitlines() for block in blocks]


def test_nothing_but_these_programs_is_shown():
    lines = [line for block in shown() for line in block]
    assert {shlex.split(line)[0] for line in lines} == {"sudo", "sfumato", "sed"}


@pytest.mark.slow
def test_the_commands_shown_make_a_device_that_its_broker_knows(boot):
    authority, broker, device, withdrawal = shown()
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
    assert "u'gate-7'" in machine.journal("mosquitto")

    (machine.disk / "etc/sfumato/agent.yaml").write_text(CAMERA)
    write_camera(machine.disk / "etc/sfumato")
    machine.exec("systemctl", "start", "sfumato-agent")
    owners = machine.exec("find", FOLDER, "-printf", "%u %P\\n").stdout.split("\n")[:-1]
    assert len(owners) >= 7
    assert {line.split()[0] for line in owners} == {"sfumato"}
    as_service = ("setpriv", "--reuid=sfumato", "--regid=sfumato", "--clear-groups")
    machine.exec(*as_service, "cat", f"{FOLDER}/current/device.key")

    for line in withdrawal:
        as_the_readme_says(machine, line)
    again = machine.exec("sfumato", "provision", "install", "/root/clone/gate-7.json", check=False)
    assert again.returncode == 3
    for line in device:
        said = as_the_readme_says(machine, re.sub(r"(--out \S+)", r"\1 --overwrite", line))
    assert "gate-7 has connected to broker.example:8883" in said
    assert machine.exec("stat", "--format=%U", f"{FOLDER}/slot-b/device.key").stdout == "sfumato\n"
