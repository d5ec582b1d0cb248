"""The broker that configs/mosquitto makes: as it stands, but for its folder and its ports."""

import re

import pytest
from authority import Authority
from broker import Broker
from mqtt_client import Client

from agent.control.topics import INFO, ROOT


@pytest.fixture
def broker(tmp_path):
    authority = Authority(tmp_path / "authority")
    with Broker(tmp_path / "broker", authority=authority) as running:
        yield running, authority


@pytest.mark.parametrize("username", [None, "operator", "gate-7"])
def test_without_encryption_nobody_gets_in_who_has_no_password(broker, username):
    running, _ = broker
    plain = running.address(port=running.plain_port, username=username)
    with Client(plain, "somebody", waits=False) as client:
        client.wait(lambda: client.reasons or client.connections)
        assert client.connections == 0
        assert "Not authorized" in client.reasons[0]


def test_mosquitto_has_nothing_against_it(broker):
    running, _ = broker
    log = running.log.read_text()
    assert "ACL pattern" in log  # those of everybody have no name in them, which it remarks on
    assert not re.search("deprecated|recommended", log)


def test_what_a_device_says_it_is_outlives_the_broker(broker):
    running, authority = broker
    topic = INFO.of(ROOT, "gate-7")
    with Client(running.address(tls=authority.issue("gate-7")), "gate-7") as device:
        device.publish(topic, b"info", retain=True)
    running.term()
    running.start()
    with Client(running.address(tls=authority.issue("viewer")), "viewer", topic) as viewer:
        assert viewer.wait_for(topic, b"info").retained


def test_nothing_is_taken_that_is_larger_than_what_is_ever_said(broker):
    running, authority = broker
    topic = INFO.of(ROOT, "gate-7")
    with Client(running.address(tls=authority.issue("gate-7")), "gate-7") as device:
        assert device.publish(topic, b"x" * 100_000) in {0, 0x10}
        assert device.publish(topic, b"x" * 300_000) == 0x95
