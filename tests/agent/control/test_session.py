"""A session at a real broker, whatever becomes of either."""

import pytest
from broker import Broker
from mqtt_client import Client


@pytest.fixture
def broker(tmp_path):
    with Broker(tmp_path) as running:
        yield running


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_what_one_says_another_hears(broker, version):
    address = broker.address(version=version)
    with Client(address, "listener", "a/+") as listener, Client(address, "speaker") as speaker:
        assert speaker.publish("a/b", b"hello") == 0
        assert listener.wait_for("a/b").payload == b"hello"
        assert speaker.publish("a/b", b"at once", qos=0) == 0
        assert listener.wait_for("a/b", b"at once").qos == 0
