"""Who gets in over TLS, and what the others are told: certificates of every kind, a real broker."""

import socket
import ssl

import pytest
from authority import VALIDITIES, Authority, self_signed
from broker import Broker
from cryptography.hazmat.primitives import serialization
from mqtt_client import Client

from agent.control.broker import Tls
from agent.control.tls import context_of
from agent.errors import InputError

HUNG_UP = "hung up"


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path / "authority")


def bad_certificates(authority, folder):
    """What devices may show that nobody should accept, and of what the reason speaks."""
    revoked = authority.issue("revoked")
    authority.revoke(revoked)
    stranger = Authority(folder / "stranger").issue("gate-7")
    return {
        "other CA": (Tls(authority.ca, stranger.cert, stranger.key), "CA that it does not know"),
        "self-signed": (self_signed(folder / "self", "gate-7", authority.ca), "does not know"),
        "expired": (authority.issue("gate-7", validity="expired"), "has expired"),
        "not yet valid": (authority.issue("gate-7", validity="not yet valid"), "is not valid"),
        "revoked": (revoked, "was revoked"),
        "none": (Tls(authority.ca), "wants a certificate"),
    }


def test_a_broker_lets_nobody_in_whose_certificate_is_not_good(authority, tmp_path):
    shown = bad_certificates(authority, tmp_path)
    good = authority.issue("gate-7")
    assert {*VALIDITIES} - {"valid"} < {*shown}
    with Broker(tmp_path / "broker", authority=authority, withdraws=True) as broker:
        clients = {
            kind: Client(broker.address(tls=tls), "gate-7", waits=False)
            for kind, (tls, _) in shown.items()
        }
        for client in clients.values():
            client.session.start()
        with Client(broker.address(tls=good), "gate-7") as let_in:
            for kind, client in clients.items():
                client.wait(lambda client=client: client.connections or len(client.reasons) >= 2)
                client.session.stop(None, 10)
                assert client.connections == 0, kind
                for reason in client.reasons[:2]:
                    assert HUNG_UP in reason or shown[kind][1] in reason, kind
            assert let_in.session.connected
            assert let_in.connections == 1
        log = broker.log.read_text()
    assert log.count("New client connected") == 1


def test_a_certificate_that_is_withdrawn_is_refused_once_the_list_is_read(authority, tmp_path):
    tls = authority.issue("gate-7")
    with Broker(tmp_path / "broker", authority=authority, withdraws=True) as broker:
        with Client(broker.address(tls=tls), "gate-7"):
            authority.revoke(tls)
        broker.reload()
        with Client(broker.address(tls=authority.issue("gate-8")), "gate-8"):
            pass  # the list is read before anybody is let in again
        with Client(broker.address(tls=tls), "gate-7", waits=False) as client:
            client.wait(lambda: client.reasons or client.connections)
            assert client.connections == 0


@pytest.mark.parametrize(
    ("name", "validity", "reason"),
    [
        ("127.0.0.1", "expired", "the broker's certificate has expired"),
        ("127.0.0.1", "not yet valid", "clock: the broker's certificate is not valid yet"),
        ("elsewhere.example", "valid", "the broker's certificate is not for 127.0.0.1"),
    ],
)
def test_a_device_speaks_to_no_broker_whose_certificate_is_not_good(
    authority, tmp_path, name, validity, reason
):
    shown = authority.issue(name, host=True, validity=validity)
    with (
        Broker(tmp_path / "broker", authority=authority, certificate=shown) as broker,
        Client(broker.address(tls=authority.issue("gate-7")), "gate-7", waits=False) as client,
    ):
        client.wait(lambda: len(client.reasons) >= 2)
        assert all(told.startswith(reason) for told in client.reasons)
        assert client.connections == 0


def test_a_device_speaks_to_no_broker_of_another_ca(authority, tmp_path):
    device = Authority(tmp_path / "other").issue("gate-7")
    with (
        Broker(tmp_path / "broker", authority=authority) as broker,
        Client(broker.address(tls=device), "gate-7", waits=False) as client,
    ):
        client.wait(lambda: client.reasons)
        assert client.reasons[0].startswith(
            "the broker's certificate is not of a CA that is known here"
        )


def test_a_brokers_name_is_expected_at_whichever_address_it_has(authority, tmp_path):
    shown = authority.issue("localhost", host=True)
    with Broker(tmp_path / "broker", authority=authority, certificate=shown) as broker:
        named = broker.address(host="localhost", tls=authority.issue("gate-7"))
        with Client(named, "gate-7") as client:
            assert client.connections == 1


def test_a_renewed_certificate_is_taken_at_the_next_connection(authority, tmp_path):
    tls = authority.issue("gate-7", validity="expired")
    with (
        Broker(tmp_path / "broker", authority=authority) as broker,
        Client(broker.address(tls=tls), "gate-7", waits=False) as client,
    ):
        client.wait(lambda: client.reasons)
        renewed = authority.issue("gate-7")
        tls.cert.write_bytes(renewed.cert.read_bytes())
        tls.key.write_bytes(renewed.key.read_bytes())
        client.wait(lambda: client.connections)


def test_tls_below_1_3_is_refused(authority, tmp_path):
    tls = authority.issue("gate-7")
    with Broker(tmp_path / "broker", authority=authority) as broker:
        context = context_of(tls, broker.host)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        with (
            socket.create_connection((broker.host, broker.port)) as plain,
            pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"),
        ):
            context.wrap_socket(plain)


def test_files_that_are_no_good_are_named(authority, tmp_path):
    good, other = authority.issue("gate-7"), authority.issue("gate-8")
    missing, locked = tmp_path / "missing", tmp_path / "locked.key"
    key = serialization.load_pem_private_key(good.key.read_bytes(), None)
    password = serialization.BestAvailableEncryption(b"secret")
    locked.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, password)
    )
    for tls, named in (
        (Tls(missing), str(missing)),
        (Tls(good.key), str(good.key)),
        (Tls(authority.ca, missing, good.key), str(missing)),
        (Tls(authority.ca, good.cert, other.key), str(other.key)),
        (Tls(authority.ca, good.cert, locked), str(locked)),  # and nobody is asked for a password
    ):
        with pytest.raises(InputError, match=named):
            context_of(tls, "127.0.0.1")
