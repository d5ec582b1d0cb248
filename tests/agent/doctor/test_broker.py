"""A broker that is reached or not, by real connections, and keys that lie open."""

from pathlib import Path

import pytest
from authority import Authority
from broker import Broker
from ports import free_port

from agent.control.broker import Broker as Address
from agent.control.broker import Tls
from agent.doctor.broker import look_at_broker

NOWHERE = Path("/nowhere")
CONFIG = Path("/etc/sfumato/agent.yaml")


def look(address, credentials=NOWHERE):
    return look_at_broker(address, credentials, CONFIG)


def test_nobody_listens():
    finding = look(Address("127.0.0.1", free_port()))
    assert (finding.state, finding.needed) == ("missing", True)
    assert "nobody listens" in finding.said
    assert finding.command == f"sfumato config show {CONFIG} --origin"


def test_a_name_that_has_no_address():
    assert "has no address" in look(Address("nowhere.invalid", 8883)).said


@pytest.mark.slow
def test_a_broker_without_tls(tmp_path):
    with Broker(tmp_path) as running:
        plain = look(running.address())
        assert (plain.state, plain.needed) == ("ok", False)
        assert "unencrypted" in plain.said
        with_tls = look(running.address(tls=Authority(tmp_path / "ca").issue("gate-7")))
        assert with_tls.state == "missing"


@pytest.mark.slow
def test_a_broker_with_tls_and_who_it_lets_in(tmp_path, monkeypatch):
    authority, other = Authority(tmp_path / "ca"), Authority(tmp_path / "other")
    device = authority.issue("gate-7")
    device.key.chmod(0o600)
    with Broker(tmp_path / "broker", authority=authority) as running:
        assert look(running.address(tls=device)).state == "ok"
        stranger = look(running.address(tls=Tls(other.ca, device.cert, device.key)))
        assert "not of a CA that is known here" in stranger.said
        with monkeypatch.context() as patch:  # however late the broker is
            patch.setattr("agent.doctor.broker._ALERT_S", 60)
            bare = look(running.address(tls=Tls(authority.ca)))
        assert (bare.state, bare.needed) == ("missing", True)
        assert "certificate" in bare.said
        device.key.chmod(0o644)
        open_key = look(running.address(tls=device))
        assert (open_key.state, open_key.command) == ("warning", f"sudo chmod 600 {device.key}")


@pytest.mark.slow
def test_a_folder_of_credentials_that_lies_open(tmp_path):
    tmp_path.chmod(0o755)
    with Broker(tmp_path) as running:
        finding = look(running.address(), tmp_path)
    assert (finding.state, finding.command) == ("warning", f"sudo chmod 700 {tmp_path}")
