"""`sfumato provision` and `sfumato ctl provision`, as typed, with a real broker in between."""

import os
import shutil
import stat
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path

import false_clock
import pytest
import trustme
from broker import Broker
from mqtt_client import Client
from worlds import until

from agent.cli import main
from agent.control.identity import Identity
from agent.control.slots import Slots
from agent.control.topics import COMMANDS
from models.signing import PrivateKey

ROOT = Path(__file__).resolve().parents[3]


class Site:
    """A CA in a folder, by the commands, and a mosquitto that trusts it.

    Args:
        run: a command; its exit code.
        knows_revoked: whether the broker looks at the CA's list of what was revoked.
    """

    def __init__(self, folder, *, run=main, knows_revoked=True):
        self.ca, self._run = folder / "office-ca", run
        assert run(["ctl", "provision", "ca", str(self.ca)]) == 0
        assert self.ctl("broker-cert", "localhost", "127.0.0.1") == 0
        self.broker = Broker(
            folder,
            settings=(
                f"cafile {self.ca / 'ca.crt'}",
                f"certfile {self.ca / 'broker.crt'}",
                f"keyfile {self.ca / 'broker.key'}",
                *([f"crlfile {self.ca / 'crl.pem'}"] if knows_revoked else []),
                "tls_version tlsv1.3",
                "require_certificate true",
                "use_identity_as_username true",
                "use_username_as_clientid true",
                "log_type all",
            ),
        )

    @property
    def address(self):
        return f"localhost:{self.broker.port}"

    def ctl(self, *words):
        return self._run(["ctl", "provision", *words, "--ca", str(self.ca)])

    @property
    def refused(self):
        """How many certificates the broker did not accept."""
        return self.broker.log.read_text().count("certificate verify failed")

    def sign(self, request, *options):
        """Answer a request; the path of the answer."""
        answer = request.with_suffix(".json")
        words = ["--broker", self.address, "--out", str(answer), "--overwrite", *options]
        assert self.ctl("sign", str(request), *words) == 0
        return answer


class Device:
    """One whose identity lies in a folder."""

    def __init__(self, folder, name, run=main):
        self._run = run
        self.folder, self.name = folder / f"{name}-identity", name
        self._out = folder / f"{name}.csr"

    def request(self):
        words = ["--identity", str(self.folder), "--out", str(self._out), "--overwrite"]
        assert self._run(["provision", "request", "--device", self.name, *words]) == 0
        return self._out

    def install(self, answer):
        return self._run(["provision", "install", str(answer), "--identity", str(self.folder)])

    @property
    def identity(self):
        return Identity.read(self.folder)

    @property
    def broker(self):
        """As its agent connects to it, but at once."""
        return replace(self.identity.broker, jitter_s=0)


@pytest.fixture
def site(tmp_path):
    site = Site(tmp_path)
    with site.broker:
        yield site


@pytest.fixture
def device(tmp_path):
    return Device(tmp_path, "gate-7")


def refused(said, capsys):
    """What the last command complained of, if it was one line."""
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "warning" not in line]
    assert said in line
    return True


def test_three_commands_connect_a_fresh_device(site, device, capsys):
    answer = site.sign(device.request(), "--groups", "site-north,canary", "--root", "mine/v1")
    assert device.install(answer) == 0
    told = capsys.readouterr().out
    assert f"gate-7 has connected to {site.address}; its certificate ends on 20" in told
    assert told.count("SHA-256") == 2
    identity = device.identity
    assert (identity.groups, identity.root) == (("site-north", "canary"), "mine/v1")
    until(lambda: "mine/v1/gate-7/config/desired (QoS 1)" in site.broker.log.read_text())
    assert "u'gate-7'" in site.broker.log.read_text()
    with Client(device.broker, "gate-7"):
        pass


def test_the_root_of_a_repository_travels_along_and_a_renewal_leaves_it(
    site, device, tmp_path, capsys
):
    key, repo = tmp_path / "k.key", tmp_path / "models"
    PrivateKey.generate().write(key)
    roles = [word for role in ("root", "release", "online") for word in (f"--{role}-key", str(key))]
    assert main(["ctl", "repo", "init", str(repo), *roles]) == 0
    root, kept = repo / "metadata" / "1.root.json", device.folder / "root.json"
    answer = site.sign(device.request(), "--update-root", str(root))
    site.broker.term()
    assert device.install(answer) == 3
    assert not kept.exists()
    site.broker.start()
    assert device.install(answer) == 0
    assert kept.read_bytes() == root.read_bytes()
    assert kept.stat().st_mode & 0o777 == 0o600
    assert device.install(site.sign(device.request())) == 0
    assert kept.read_bytes() == root.read_bytes()
    other = root.with_name("timestamp.json")
    words = ["--broker", site.address, "--out", str(tmp_path / "never.json")]
    capsys.readouterr()
    assert site.ctl("sign", str(device.request()), *words, "--update-root", str(other)) == 3
    assert refused("timestamp.json: no root of a repository", capsys)


def test_a_stolen_answer_is_worthless_without_the_devices_key(site, device, tmp_path, capsys):
    answer = site.sign(device.request())
    thief = Device(tmp_path / "elsewhere", "gate-7")
    (tmp_path / "elsewhere").mkdir()
    assert thief.install(answer) == 3
    assert refused("no request waits for an answer", capsys)
    thief.request()
    assert thief.install(answer) == 3
    assert refused("is for another key than that of the request which waits", capsys)
    assert "u'gate-7'" not in site.broker.log.read_text()


def test_another_devices_answer_is_refused(site, device, tmp_path, capsys):
    device.request()
    other = site.sign(Device(tmp_path, "gate-8").request())
    assert device.install(other) == 3
    assert refused("is for another key than that of the request which waits", capsys)
    assert Slots(device.folder).current is None


def test_a_certificate_of_a_ca_that_the_broker_does_not_know_changes_nothing(
    site, device, tmp_path, capsys
):
    assert device.install(site.sign(device.request())) == 0
    old = device.identity
    other = Site(tmp_path / "other")
    request, answer = device.request(), tmp_path / "other.json"
    words = ["--broker", site.address, "--broker-ca", str(site.ca / "ca.crt")]
    assert other.ctl("sign", str(request), *words, "--out", str(answer)) == 0
    capsys.readouterr()
    assert device.install(answer) == 3
    assert refused("what is in use stays so", capsys)
    until(lambda: site.refused == 1)  # its log is written in its own time
    assert device.identity == old


def test_a_broker_of_a_ca_that_the_answer_does_not_name_is_not_trusted(
    site, device, tmp_path, capsys
):
    other = Site(tmp_path / "other")
    request, answer = device.request(), tmp_path / "other.json"
    words = ["--broker", site.address, "--out", str(answer)]
    assert other.ctl("sign", str(request), *words) == 0
    capsys.readouterr()
    assert device.install(answer) == 3
    assert refused("the broker's certificate is not of a CA", capsys)
    assert "u'gate-7'" not in site.broker.log.read_text()


@pytest.mark.slow
def test_revoked_it_is_refused_once_the_broker_has_read_the_list(site, device, tmp_path, capsys):
    answer = site.sign(device.request())
    assert device.install(answer) == 0
    assert site.ctl("revoke", "gate-7") == 0
    assert site.ctl("revoke", "gate-7") == 0
    told = capsys.readouterr().out
    assert "1 of 1 certificates of gate-7 newly revoked" in told
    assert "0 of 1 certificates of gate-7 newly revoked" in told
    site.broker.term()
    site.broker.start()
    assert device.install(answer) == 3
    assert refused("what is in use stays so", capsys)
    until(lambda: site.refused == 1)  # its log is written in its own time
    other = Device(tmp_path, "gate-8")
    assert other.install(site.sign(other.request())) == 0
    assert device.install(site.sign(device.request())) == 0  # asked anew, it is let in again


@pytest.mark.slow
def test_a_single_certificate_can_be_revoked_by_its_file(site, device, tmp_path, capsys):
    first = site.sign(device.request())
    assert device.install(first) == 0
    file = tmp_path / "first.crt"
    shutil.copy(device.identity.broker.tls.cert, file)
    assert device.install(site.sign(device.request())) == 0
    assert site.ctl("revoke", str(file)) == 0
    assert f"1 of 1 certificates of {file} newly revoked" in capsys.readouterr().out
    site.broker.term()
    site.broker.start()
    with Client(device.broker, "gate-7"):
        pass


@pytest.mark.slow
def test_a_renewal_leaves_the_running_agent_its_session(site, device):
    """It is cut off for a moment; nothing that was sent to it is taken away."""
    assert device.install(site.sign(device.request())) == 0
    old = device.identity
    topic = COMMANDS["ping"].of(old.root, "gate-7")
    assert site.ctl("person", "operator") == 0
    with Client(device.broker, "gate-7", topic) as agent:
        assert device.install(site.sign(device.request())) == 0
        agent.wait(lambda: agent.connections >= 2)
    new = device.identity
    assert new != old
    send(site, topic, b"while it was away")
    assert device.install(site.sign(device.request())) == 0  # which is handed the message first
    with Client(device.broker, "gate-7", topic) as agent:
        agent.wait(lambda: agent.heard)
    assert [message.payload for message in agent.heard] == [b"while it was away"]


def send(site, topic, payload):
    """By Debian's own client, with a person's certificate."""
    person, port = site.ca / "people" / "operator", str(site.broker.port)
    tls = ("--cafile", site.ca / "ca.crt", "--cert", f"{person}.crt", "--key", f"{person}.key")
    what = ("-t", topic, "-m", payload, "-q", "1")
    subprocess.run(
        ["mosquitto_pub", "-h", "localhost", "-p", port, *tls, *what], check=True, timeout=60
    )


def test_while_the_broker_is_down_what_is_in_use_stays_in_use(site, device, capsys):
    assert device.install(site.sign(device.request())) == 0
    old, answer = device.identity, site.sign(device.request())
    site.broker.term()
    assert device.install(answer) == 3
    assert refused(f"nobody listens at {site.address}", capsys)
    assert device.identity == old
    site.broker.start()
    assert device.install(answer) == 0
    assert device.identity != old


@pytest.mark.slow
@false_clock.NEEDED
def test_a_device_whose_clock_is_behind_does_not_get_by_with_an_expired_certificate(
    tmp_path, capfd
):
    """All was made 390 days ago, and would be valid; only the broker knows what day it is."""
    in_the_past = false_clock.days_ago(390)
    site, device = Site(tmp_path, run=in_the_past), Device(tmp_path, "gate-7", in_the_past)
    answer = site.sign(device.request(), "--days", "30")
    with site.broker:
        assert device.install(answer) == 3
        assert "what is in use stays so" in capfd.readouterr().err
        until(lambda: site.refused == 1)  # its log is written in its own time
        assert main(["provision", "install", str(answer), "--identity", str(device.folder)]) == 3
        assert "have the request signed again" in capfd.readouterr().err
        assert device.install(site.sign(device.request(), "--days", "3650")) == 0
    assert device.identity.device == "gate-7"


def test_another_ca_than_ones_own_will_do(tmp_path, device, capsys):
    """With one between it and the certificate, as with those that are sold."""
    site = Site(tmp_path, knows_revoked=False)
    root = trustme.CA()
    middle = root.create_child_ca()
    key, above, chain = (tmp_path / name for name in ("middle.key", "middle.crt", "chain.pem"))
    middle.private_key_pem.write_to_path(key)
    middle.cert_pem.write_to_path(above)
    request, answer, trusted = device.request(), tmp_path / "answer.json", tmp_path / "trusted.pem"
    openssl = ["openssl", "x509", "-req", "-in", request, "-days", "30", "-CA", above]
    done = subprocess.run(
        [*openssl, "-CAkey", key, "-set_serial", "1"], check=True, capture_output=True, timeout=60
    )
    chain.write_bytes(done.stdout + above.read_bytes())
    own = (site.ca / "ca.crt").read_bytes()
    words = ["ctl", "provision", "sign", str(request), "--cert", str(chain)]
    words += ["--broker", site.address, "--out", str(answer)]
    assert main([*words, "--broker-ca", str(site.ca / "ca.crt")]) == 3
    assert refused("was not issued by any CA that comes with it", capsys)
    trusted.write_bytes(root.cert_pem.bytes() + own)
    assert main([*words, "--broker-ca", str(trusted)]) == 0
    (site.ca / "ca.crt").write_bytes(own + root.cert_pem.bytes())  # that the broker trusts it, too
    with site.broker:
        assert device.install(answer) == 0


def test_what_is_typed_wrong_is_said_in_one_line(site, device, tmp_path, capsys):
    request = str(device.request())
    out = ["--out", str(tmp_path / "never.json")]
    sign = ["sign", request, *out]
    cases = [
        ([*sign, "--broker", "a b"], 2, "--broker 'a b' should be HOST or HOST:PORT"),
        ([*sign, "--broker", "a:99999"], 2, "--broker 'a:99999' should be HOST or HOST:PORT"),
        ([*sign, "--broker", "a", "--groups", "b,C"], 2, "--groups 'b,C' should be names of a-z"),
        ([*sign, "--broker", "a", "--root", "a/#"], 2, "--root 'a/#' should be words"),
        ([*sign, "--broker", "a", "--days", "0"], 2, "--days 0: should be 1 to 3650"),
        (["sign", str(tmp_path), "--broker", "a", *out], 3, "can't be read (Is a directory)"),
        (["sign", str(site.ca / "ca.crt"), "--broker", "a", *out], 3, "no certificate request"),
        (["person", "Operator"], 2, "'Operator' should be made of a-z"),
        (["person", "../ca"], 2, "'../ca' should be made of a-z"),
        (["broker-cert", "a b"], 2, "'a b' is neither a host's name nor an address"),
        (["broker-cert", "a" * 65], 2, "put one of at most 64 letters first"),
        (["revoke", "nobody"], 2, "no certificate was issued for it, and no such file"),
    ]
    many = tmp_path / "many.pem"
    many.write_bytes((site.ca / "ca.crt").read_bytes() * 200)
    cases.append(([*sign, "--broker", "a", "--broker-ca", str(many)], 3, "too many certificates"))
    for words, code, said in cases:
        capsys.readouterr()
        assert site.ctl(*words) == code, words
        assert refused(said, capsys), words
    for name in ("groups", "operator", "viewer", "Gate 7", "", "g" * 65):
        words = ["provision", "request", "--device", name, *out, "--identity", str(tmp_path / "id")]
        assert main(words) == 2
        assert refused("--device", capsys)
    assert not (tmp_path / "never.json").exists()
    assert not (tmp_path / "id").exists()


def test_a_name_belongs_to_one_kind_only(site, tmp_path, capsys):
    assert site.ctl("person", "alice") == 0
    request = Device(tmp_path, "alice").request()
    out = ["--out", str(tmp_path / "answer.json")]
    assert site.ctl("sign", str(request), "--broker", "a", *out) == 2
    assert refused("alice is taken, by a certificate of: person; choose another", capsys)
    site.sign(Device(tmp_path, "gate-7").request())
    assert site.ctl("person", "gate-7") == 2
    assert refused("gate-7 is taken, by a certificate of: device", capsys)
    made = {path.name for path in (site.ca / "people").iterdir()}
    assert made == {"alice.key", "alice.crt"}


def test_a_persons_certificate_is_renewed_under_its_key(site):
    assert site.ctl("person", "operator") == 0
    key, certificate = (site.ca / "people" / f"operator.{one}" for one in ("key", "crt"))
    before = key.read_bytes(), certificate.read_bytes()
    assert site.ctl("person", "operator") == 0
    assert key.read_bytes() == before[0]
    assert certificate.read_bytes() != before[1]
    assert stat.S_IMODE(key.stat().st_mode) == 0o600


def test_a_ca_is_never_made_over_another(site, capsys):
    before = (site.ca / "ca.key").read_bytes()
    assert main(["ctl", "provision", "ca", str(site.ca)]) == 2
    assert refused("isn't empty; a CA is made in a folder of its own", capsys)
    assert (site.ca / "ca.key").read_bytes() == before
    assert stat.S_IMODE((site.ca / "ca.key").stat().st_mode) == 0o600


@pytest.fixture
def state():
    """A folder of a service's user, with a way to it that is open to that user."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        state = Path(folder, "state")
        state.mkdir()
        os.chown(state, 12345, 12346)
        yield state


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to have a service's folder")
def test_what_root_does_belongs_to_the_service(site, device, state):
    import encodings.idna  # noqa: F401 a name is looked up by who may not read this interpreter

    device.folder = state / "identity"
    assert device.install(site.sign(device.request())) == 0
    made = [device.folder, *device.folder.rglob("*")]
    assert len(made) >= 7
    assert {(path.lstat().st_uid, path.lstat().st_gid) for path in made} == {(12345, 12346)}
    assert (os.geteuid(), os.getegid()) == (0, 0)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to have a service's folder")
@pytest.mark.parametrize("link", ["identity", "identity/slot-a"])
@pytest.mark.parametrize("somebody", [0, 54321])
def test_who_has_the_services_account_can_not_have_root_write_elsewhere(
    link, somebody, state, tmp_path, capsys
):
    """A link leads to where root could write, or somebody else, and the service can't."""
    target, planted = state.parent / "target", state / link
    target.mkdir(mode=0o755)
    os.chown(target, somebody, somebody)
    planted.parent.mkdir(exist_ok=True)
    planted.symlink_to(target)
    for path in (planted.parent, planted):
        os.chown(path, 12345, 12346, follow_symlinks=False)
    words = ["--identity", str(state / "identity"), "--out", str(tmp_path / "gate-7.csr")]
    assert main(["provision", "request", "--device", "gate-7", *words]) == 4
    assert refused("can't be written", capsys)
    assert [*target.iterdir()] == []
