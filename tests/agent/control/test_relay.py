"""What a connection's thread hears, handed to the control plane's."""

from queue import SimpleQueue

import pytest

from agent.control.delivery import Received
from agent.control.relay import MOST_WAITING, MOST_WAITING_BYTES, Relay


class Exchange:
    """Notes what it is handed."""

    def __init__(self):
        self.heard = []
        self.flooded = 0

    def received(self, message):
        self.heard.append(message)


@pytest.fixture
def relay():
    relay = Relay(SimpleQueue())
    relay.exchange = Exchange()
    return relay


def attend(relay):
    while not relay.queue.empty():
        relay.queue.get()()


def message(qos, payload=b""):
    return Received("sfumato/v1/gate/cmd/ping", payload, qos, False, None, None)


@pytest.mark.parametrize("qos", [0, 1])
@pytest.mark.parametrize("payload", [b"", bytes(MOST_WAITING_BYTES // 10)])
def test_a_broker_that_waits_for_nothing_fills_no_memory(relay, qos, payload):
    """One that is well has sixteen messages on their way, and then waits to be answered."""
    for _ in range(2 * MOST_WAITING):
        relay.received(message(qos, payload))
    attend(relay)
    heard = 10 if payload else MOST_WAITING
    assert len(relay.exchange.heard) == heard
    assert relay.exchange.flooded == 2 * MOST_WAITING - heard
    relay.received(message(qos, payload))
    attend(relay)
    assert relay.exchange.heard[-1] == message(qos, payload)
    assert len(relay.exchange.heard) == heard + 1
