"""The service at a broker: why it is away, by which key it comes, and what a power cut leaves."""

import json
import secrets
import time
from collections import Counter

import numpy as np
import pytest
from authority import Authority

from tests.systemd.conftest import CAMERA, INSTALL, ROOT, write_camera
from tests.systemd.service import until

pytestmark = pytest.mark.slow

CUTS = 5
TOPICS = "sfumato/v1/gate-7"
PEOPLE = ("operator", "viewer", "release")
"""Who tells, who hears the answers, and who hears the events."""


def reached():
    """Two streams, at a broker beside the machine's own."""
    head, _, record = CAMERA.partition("record:")
    yard = "  yard: {source: {url: clip.mp4, realtime: true, loop: true}}\n"
    mqtt = 'host: broker.example, ca: ca.crt, cert: device.crt, key: "${credential:device.key}"'
    return f"{head}{yard}record:{record}device: gate-7\nmqtt: {{{mqtt}, jitter_s: 0}}\n"


class Office:
    """A broker on a device's own machine, by configs/mosquitto, and people who talk to it."""

    def __init__(self, service, folder):
        self.service, self.machine = service, service.machine
        self._authority = Authority(folder)
        if self.machine.exec("test", "-x", "/usr/sbin/mosquitto", check=False).returncode:
            pytest.skip("needs mosquitto")
        self._settle()

    def _settle(self):
        disk, machine = self.machine.disk, self.machine
        machine.exec("useradd", "--system", "--user-group", "mosquitto")  # as its package does
        machine.exec("install", "-d", "-o", "mosquitto", "/var/lib/mosquitto")
        with (disk / "etc/hosts").open("w") as hosts:
            hosts.write("127.0.0.1 localhost broker.example\n")
        conf, own = disk / "etc/mosquitto", disk / "etc/mosquitto/sfumato"
        own.mkdir(parents=True)
        for name in ("mosquitto.conf", "acl"):
            folder = conf if name.endswith("conf") else own
            (folder / name).write_bytes((ROOT / "configs/mosquitto" / name).read_bytes())
        self._hand_out(own, "broker", self._authority.issue("broker.example", host=True))
        self._hand_out(self.service.config.parent, "device", self._authority.issue("gate-7"))
        for person in PEOPLE:
            self._hand_out(disk / "root", person, self._authority.issue(person))
        machine.exec("chown", "-R", "mosquitto", "/etc/mosquitto")

    def _hand_out(self, folder, stem, tls):
        (folder / "ca.crt").write_bytes(tls.ca.read_bytes())
        (folder / f"{stem}.crt").write_bytes(tls.cert.read_bytes())
        (folder / f"{stem}.key").write_bytes(tls.key.read_bytes())

    def open(self):
        """Be there, and at each boot from now on."""
        self.machine.exec("systemctl", "enable", "--now", "mosquitto")

    def knows(self, device):
        return f"u'{device}'" in self.machine.journal("mosquitto")

    def reaches(self, since_s):
        """Whether the device has said that it is there, and so hears, since a Unix time."""
        words = ("-t", f"{TOPICS}/conn", "-C", "1", "-W", "10")
        said = self.run("mosquitto_sub", "viewer", *words, check=False)
        return bool(said) and json.loads(said)["ts"] > since_s

    def run(self, program, person, *words, check=True):
        """One of mosquitto's programs, as somebody; what it said."""
        tls = (
            "--cafile",
            "/root/ca.crt",
            "--cert",
            f"/root/{person}.crt",
            "--key",
            f"/root/{person}.key",
        )
        at = ("-h", "broker.example", "-p", "8883", *tls, "-q", "1")
        return self.machine.exec(program, *at, *words, check=check).stdout

    def order(self, op, number, args, answers=1):
        """Send a command as the operator; all its answers, which the viewer hears."""
        hear = ("-c", "-i", "viewer", "-t", f"{TOPICS}/res/{number}")
        self.run("mosquitto_sub", "viewer", *hear, "-E")
        body = json.dumps({"v": 1, "id": number, "args": args, "ttl_s": 60})
        self.run("mosquitto_pub", "operator", "-t", f"{TOPICS}/cmd/{op}", "-m", body)
        said = self.run("mosquitto_sub", "viewer", *hear, "-C", str(answers), "-W", "60")
        return [json.loads(line) for line in said.splitlines()]


@pytest.fixture
def office(boot, tmp_path):
    """Whose device has a certificate, and its key where only root reads."""
    service = boot()
    office = Office(service, tmp_path / "authority")
    write_camera(service.config.parent)
    service.config.write_text(reached())
    key = service.config.with_name("device.key")
    credential = service.config.parent / "credentials" / "device.key"
    credential.touch(0o600)
    credential.write_bytes(key.read_bytes())
    key.unlink()
    service.machine.exec(INSTALL)
    return office


def test_it_waits_for_no_broker_and_comes_with_the_key_that_systemd_hands_it(office):
    service = office.service
    service.systemctl("start")
    assert service.state == "active (running)"
    until(lambda: "MQTT: nobody listens at broker.example:8883" in service.shown("StatusText"))
    assert "MQTT: nobody listens at broker.example:8883" in service.said
    office.open()
    until(lambda: office.knows("gate-7"))
    until(lambda: "MQTT" not in service.shown("StatusText"))
    assert (service.machine.disk / "var/lib/sfumato/control.db").exists()

    pid = service.pid
    accepted, done = office.order("restart", "anew", {}, answers=2)
    assert (accepted["state"], done["state"]) == ("accepted", "done")
    assert service.pid == pid
    until(lambda: service.state == "active (running)")
    assert service.shown("NRestarts") == "0"
    assert "BEGIN" not in service.said + service.systemctl("show").stdout  # of a key


def test_after_power_cuts_no_event_is_missing_and_what_was_paused_is(office):
    seed = secrets.randbits(32)
    print(f"seed {seed}")  # noqa: T201 pytest shows it where the test fails
    moments = np.random.default_rng(seed)
    service, machine = office.service, office.machine
    office.open()
    began_s = time.time()
    service.systemctl("enable", "--now")
    until(lambda: office.reaches(began_s))
    (paused,) = office.order("pause", "first", {"stream": "yard"})
    assert paused["state"] == "done"
    for cut in range(CUTS):
        cut_s = time.monotonic() + moments.uniform(0, 4)
        while time.monotonic() < cut_s:
            service.systemctl("kill", "--signal=HUP")  # to read its configuration: an event each
            time.sleep(0.1)
        machine.power_cut()
        began_s = time.time()
        machine.boot()
        assert service.state == "active (running)", (cut, service.said)
        assert service.shown("NRestarts") == "0", (cut, service.said)
        until(lambda: "yard paused" in service.shown("StatusText"))
    until(lambda: office.reaches(began_s))
    assert office.order("pause", "first", {"stream": "yard"}) == [paused]
    events = all_events(office)
    assert sorted(events) == list(range(1, len(events) + 1))
    kinds = Counter(kind for kind, _ in events.values())
    assert kinds["boot"] >= 2  # of those of which power was left to tell
    assert kinds["drop"] == 0


def all_events(office):
    """Every one that the device ever wrote down, by number, with its kind; asked for once more."""
    hear = ("-c", "-i", "release", "-t", f"{TOPICS}/evt/+")
    office.run("mosquitto_sub", "release", *hear, "-E")
    office.service.systemctl("reload")  # one more, which tells the epoch and the newest number
    events = {}

    def listen():
        said = office.run("mosquitto_sub", "release", *hear, "-v", "-W", "3", check=False)
        for line in said.splitlines():
            topic, _, payload = line.partition(" ")
            event = json.loads(payload)
            events[event["seq"]] = topic.rpartition("/")[2], event
        return events

    until(listen)
    newest = max(events)
    wanted = {"epoch": events[newest][1]["epoch"], "from_seq": 1, "to_seq": newest}
    (answer,) = office.order("replay", "all", wanted)
    assert answer["state"] == "done", answer
    until(lambda: len(listen()) >= max(events))
    return events
