"""As whom a device connects."""

import json
import stat
import time

import pytest

from agent.control.certificate import end_of, warning_of
from agent.control.identity import Identity, default_folder
from agent.errors import UsageError


def test_what_was_installed_is_read(office, folder):
    office.provision(folder)
    identity = Identity.read(folder)
    assert (identity.device, identity.groups) == ("gate-7", ("site-north",))
    assert (identity.broker.host, identity.broker.port) == ("localhost", 8883)
    assert identity.root == "sfumato/v1"
    assert identity.certificate_end == end_of(identity.broker.tls.cert)
    assert abs(identity.certificate_end - time.time() - 30 * 86400) < 600
    for name in ("ca.crt", "device.crt", "device.key", "broker.json"):
        assert (folder / "current" / name).is_file()


def test_its_files_are_those_of_one_slot_whatever_becomes_of_the_link(office, folder):
    office.provision(folder)
    tls = Identity.read(folder).broker.tls
    before = [path.read_bytes() for path in (tls.ca, tls.cert, tls.key)]
    office.provision(folder)
    assert Identity.read(folder).broker.tls != tls
    assert [path.read_bytes() for path in (tls.ca, tls.cert, tls.key)] == before


def test_nobody_else_reads_what_is_there(office, folder):
    office.provision(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) >= 5
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


def test_without_one_it_is_said_how_to_get_one(folder):
    with pytest.raises(UsageError, match="not provisioned yet: run `sfumato provision request`"):
        Identity.read(folder)


@pytest.mark.parametrize("name", ["ca.crt", "device.crt", "device.key", "broker.json"])
@pytest.mark.parametrize("damage", [None, b"", b"\xff\x00", b"-----BEGIN CERTIFICATE-----\n"])
def test_a_damaged_one_is_named_in_one_line(office, folder, name, damage):
    office.provision(folder)
    path = folder / "slot-a" / name
    path.unlink()
    if damage is not None:
        path.write_bytes(damage)
    with pytest.raises(UsageError) as raised:
        Identity.read(folder)
    said = str(raised.value)
    assert str(path) in said
    assert "`sfumato provision request`" in said
    assert "\n" not in said


def test_a_key_of_another_certificate_is_noticed(office, folder, tmp_path):
    office.provision(folder)
    office.provision(tmp_path / "other")
    key = folder / "slot-a" / "device.key"
    key.write_bytes((tmp_path / "other" / "slot-a" / "device.key").read_bytes())
    with pytest.raises(UsageError, match=r"doesn't belong to device\.key"):
        Identity.read(folder)


def test_what_a_link_to_elsewhere_names_is_no_identity(office, folder, tmp_path):
    office.provision(tmp_path / "other")
    folder.mkdir()
    (folder / "current").symlink_to(tmp_path / "other" / "slot-a")
    with pytest.raises(UsageError, match="not provisioned yet"):
        Identity.read(folder)


def test_a_broker_that_can_t_be_is_refused(office, folder):
    office.provision(folder)
    path = folder / "slot-a" / "broker.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "port": 70000}))
    with pytest.raises(UsageError, match=r"broker\.json: damaged: port: "):
        Identity.read(folder)


def test_it_lies_in_the_state_of_the_service():
    assert (
        str(default_folder({"STATE_DIRECTORY": "/var/lib/a:/var/lib/b"})) == "/var/lib/a/identity"
    )
    assert str(default_folder({})) == "/var/lib/sfumato/identity"


def test_thirty_days_before_its_end_a_certificate_is_warned_of():
    end, day = 1_900_000_000.0, 86400.0
    assert warning_of(end, end - 30 * day - 1) is None
    said = warning_of(end, end - 30 * day + 1)
    assert said == "the certificate ends on 2030-03-17; renew it: sfumato provision request"
    assert warning_of(end, end + 1).startswith("the certificate ended on 2030-03-17; ")
