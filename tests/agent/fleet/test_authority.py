"""An operator's own CA, its certificates judged by OpenSSL."""

import subprocess
from datetime import datetime, timedelta, timezone

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from agent.errors import InputError, OutputError, UsageError
from agent.fleet.authority import Authority
from agent.fleet.provision import certify_broker, certify_person
from agent.fleet.revocations import revoke, write_revocations


@pytest.fixture
def authority(tmp_path):
    authority = Authority.make(tmp_path / "ca")
    write_revocations(authority)
    return authority


def judged(authority, path, purpose, *options):
    """What OpenSSL says of a certificate, strictly, revocations included."""
    ca, crl = authority.folder / "ca.crt", authority.folder / "crl.pem"
    command = ["openssl", "verify", "-x509_strict", "-crl_check", "-CAfile", ca, "-CRLfile", crl]
    done = subprocess.run(
        [*command, "-purpose", purpose, *options, path],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode == 0, done.stdout + done.stderr


def test_a_broker_is_a_server_and_nothing_else(authority):
    path = certify_broker(authority, ["broker.example", "10.0.0.2", "::1"])
    for host in ("-verify_hostname broker.example", "-verify_ip 10.0.0.2", "-verify_ip ::1"):
        assert judged(authority, path, "sslserver", *host.split()) == (True, f"{path}: OK\n")
    assert not judged(authority, path, "sslserver", "-verify_hostname", "other.example")[0]
    assert not judged(authority, path, "sslclient")[0]


def test_a_person_is_a_client_and_nothing_else(authority):
    path = certify_person(authority, "operator")
    assert judged(authority, path, "sslclient") == (True, f"{path}: OK\n")
    assert not judged(authority, path, "sslserver")[0]


def test_what_is_revoked_stays_so_and_others_are_not(authority):
    first, second = certify_person(authority, "alice"), certify_person(authority, "bob")
    assert revoke(authority, authority.issued("alice")) == 1
    assert "certificate revoked" in judged(authority, first, "sslclient")[1]
    assert judged(authority, second, "sslclient")[0]
    assert revoke(Authority(authority.folder), authority.issued("bob")) == 1
    for path in (first, second):
        assert "certificate revoked" in judged(authority, path, "sslclient")[1]
    assert revoke(authority, authority.issued("alice")) == 0


def test_the_list_of_what_is_revoked_runs_out_with_the_ca_and_not_before(authority):
    path = certify_broker(authority, ["broker.example"])
    in_nine_years = str(int((datetime.now(timezone.utc) + timedelta(9 * 365)).timestamp()))
    assert judged(authority, path, "sslserver", "-attime", in_nine_years)[0]


def test_nothing_outlives_the_ca_and_clocks_may_be_an_hour_behind(authority):
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    made = authority.issue(key, "gate-7", "device", days=3650)
    assert made.not_valid_after_utc == authority.certificate.not_valid_after_utc
    behind = datetime.now(timezone.utc) - made.not_valid_before_utc
    assert timedelta(minutes=60) <= behind <= timedelta(minutes=65)


def test_serials_are_random(authority):
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    serials = {authority.issue(key, "gate-7", "device", 1).serial_number for _ in range(20)}
    assert len(serials) == 20
    assert min(serial.bit_length() for serial in serials) > 100
    assert {one.serial_number for one in authority.issued("gate-7")} == serials


def test_two_cas_have_two_names(authority, tmp_path):
    other = Authority.make(tmp_path / "other")
    assert authority.certificate.subject != other.certificate.subject


def test_another_cas_certificate_is_not_revoked(authority, tmp_path):
    other = Authority.make(tmp_path / "other")
    path = certify_person(other, "operator")
    before = (authority.folder / "crl.pem").read_bytes()
    with pytest.raises(InputError, match="of another CA, which alone can revoke it"):
        revoke(authority, x509.load_pem_x509_certificates(path.read_bytes()))
    assert (authority.folder / "crl.pem").read_bytes() == before


def test_a_damaged_list_is_not_begun_anew(authority):
    (authority.folder / "crl.pem").write_bytes(b"")
    with pytest.raises(InputError, match=r"crl\.pem: damaged"):
        revoke(authority, [])


def test_a_folder_without_a_ca_is_told(tmp_path):
    with pytest.raises(InputError, match="no CA; make one with `sfumato ctl provision ca`"):
        Authority(tmp_path)


def test_key_and_certificate_of_two_cas_are_noticed(authority, tmp_path):
    other = Authority.make(tmp_path / "other")
    (authority.folder / "ca.crt").write_bytes(other.pem)
    with pytest.raises(InputError, match="don't belong together"):
        Authority(authority.folder)


def test_a_ca_is_not_made_where_something_is_or_can_not_be(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="isn't empty"):
        Authority.make(tmp_path)
    with pytest.raises(OutputError, match="can't be written"):
        Authority.make(tmp_path / "file" / "ca")
