"""Power is cut at random while models are changed, and every start after it runs a good one.

Nothing is repaired by hand: the same machine, with what its disk holds, boots again and goes on.
"""

import json
import re
import secrets
import shutil
import time

import numpy as np
import pytest
from moods import write_moody_bundle
from worlds import leaks, lumas

from agent.cli import main
from models.bundle import Bundle, sign_bundle
from models.signing import PrivateKey
from tests.systemd.conftest import CAMERA
from tests.systemd.service import until

DEVICES, CUTS = 5, 6
VERSIONS = range(2, CUTS + 3)
"""Of bundles that follow on the first one: one for each cut, and one more."""
STATES = ("", "fetching", "testing", "active", "committed")
"""That a change goes through. Power is cut at a random moment after one of them began, each in turn,
so that a fast machine and a slow one are cut off in the middle as often."""
MOMENT_S = 0.7

CONFIG = CAMERA.replace(
    "model: {bundle: world.sfm, allow_unsigned: true}",
    """\
device: gate-7
model: {bundle: world.sfm, allow_unsigned: true, trust: [office.pub]}
mqtt: {host: 127.0.0.1, port: 1883}
update: {repository: 'http://127.0.0.1:8000/', root: root.json, probation_s: 1}""",
)
WEB = """\
[Unit]
Description=Serves the repository
[Service]
ExecStart=/usr/bin/python3 -m http.server 8000 --bind 127.0.0.1 --directory /srv/models
[Install]
WantedBy=multi-user.target
"""
BROKER = """\
[Unit]
Description=The broker
[Service]
ExecStart=/usr/sbin/mosquitto -c /etc/mosquitto.conf
[Install]
WantedBy=multi-user.target
"""
MOSQUITTO = """\
listener 1883 127.0.0.1
allow_anonymous true
user root
"""
TOPIC = "sfumato/v1/gate-7/model/desired"


class Office:
    """A repository of as many versions as there are cuts, beside the device on its own machine."""

    def __init__(self, folder, disk):
        self.folder, self.disk, self.key = folder, disk, folder / "office.key"
        key = PrivateKey.generate()
        key.write(self.key)
        (disk / "etc/sfumato/office.pub").write_text(key.public.to_line())
        paths = {version: self._bundle(key, version) for version in VERSIONS}
        self._digests = {
            version: Bundle.open(path, [key.public]).digest for version, path in paths.items()
        }
        repo = disk / "srv/models"
        repo.mkdir(parents=True)
        roles = [f"--{role}-key={self.key}" for role in ("root", "release", "online")]
        assert main(["ctl", "repo", "init", str(repo), *roles]) == 0
        trust = ["--trust", str(disk / "etc/sfumato/office.pub"), "--key", str(self.key)]
        assert main(["ctl", "repo", "add", str(repo), *map(str, paths.values()), *trust]) == 0
        shutil.copy(repo / "metadata/1.root.json", disk / "etc/sfumato/root.json")

    def _bundle(self, key, version):
        """Good ones, whose golden frame proves it; equal but for their version."""
        path = self.folder / f"world-{version}.sfm"
        write_moody_bundle(path, "fine", version=version)
        sign_bundle(path, path, key)
        return path

    def want(self, machine, version):
        """Tell the device to run a version, as soon as its broker is there."""
        what = {"v": 1, "rev": version, "name": "world", "version": version}
        message = json.dumps({**what, "digest": self._digests[version]})
        words = ["mosquitto_pub", "-h", "127.0.0.1", "-q", "1", "-r", "-t", TOPIC, "-m", message]
        until(lambda: machine.exec(*words, check=False).returncode == 0)


def furnish(machine):
    """Have repository and broker start now, and at each boot."""
    for name, text in (("web", WEB), ("broker", BROKER)):
        (machine.disk / f"etc/systemd/system/{name}.service").write_text(text)
    (machine.disk / "etc/mosquitto.conf").write_text(MOSQUITTO)
    machine.exec("systemctl", "daemon-reload")
    machine.exec("systemctl", "enable", "--now", "web", "broker")


@pytest.mark.slow
@pytest.mark.parametrize("device", range(DEVICES))
def test_every_start_after_a_power_cut_runs_a_good_model(boot, tmp_path, device):
    seed = secrets.randbits(32)
    print(f"device {device}, seed {seed}")  # noqa: T201 pytest shows it where the test fails
    moments = np.random.default_rng(seed)
    service, cut_off = boot(CONFIG), []
    machine = service.machine
    office = Office(tmp_path, machine.disk)
    furnish(machine)
    service.systemctl("restart")  # which it could not before its keys were there
    *versions, last = VERSIONS
    for cut, version in enumerate(versions):
        office.want(machine, version)
        if cut < len(STATES):
            until(lambda state=(version, cut): position(machine.disk) >= state or state[1] == 0)
        else:  # in stopping and starting, too
            service.systemctl("restart", "--no-block")
        time.sleep(moments.uniform(0, MOMENT_S))
        machine.power_cut()
        cut_off.append(position(machine.disk))
        machine.boot()
        assert service.state == "active (running)", (cut_off, service.said)
        assert service.shown("NRestarts") == "0", (cut_off, service.said)
        assert re.search(r"world v\d+ runs", service.said), cut_off
    print(cut_off)  # noqa: T201
    assert {STATES[state] for _, state in cut_off} & {"fetching", "testing", "active"}
    office.want(machine, last)
    until(lambda: position(machine.disk) == (last, STATES.index("committed")))
    until(lambda: len(service.recordings()) >= 2)
    service.systemctl("stop")
    for path in service.recordings():
        pictures = lumas(path)
        assert pictures, path
        assert leaks(pictures) == {}, path


def position(disk):
    """Which version a device is changing to, and how far it is."""
    path = disk / "var/lib/sfumato/models/record.json"
    change = json.loads(path.read_bytes())["state"]["change"] if path.exists() else None
    if change is None:
        return 0, 0
    state = {"staged": "testing"}.get(change["state"], change["state"])
    assert state in STATES, change
    return change["held"]["version"], STATES.index(state)
