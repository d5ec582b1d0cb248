"""What a connection's thread hands over while the control plane is busy."""

import queue

from simulated_agent import SimulatedAgent, terms_of

from agent.control.commands import Workers
from agent.control.delivery import Received
from agent.control.exchange import Exchange
from agent.control.records import Records
from agent.control.relay import Relay
from agent.wall_clock import WallClock

FLOOD = 1500


class Wire:
    """A connection that takes all that is said."""

    def publish(self, _message, _token):
        return True

    def acknowledge(self, _receipt):
        return None

    def reconnect(self, _reason):
        raise AssertionError

    def hold_off(self, _seconds):
        raise AssertionError


def test_what_comes_too_fast_is_counted_and_what_a_broker_holds_back_is_not_lost(tmp_path):
    terms, device, calls = terms_of(1, "gate"), SimulatedAgent(tmp_path), queue.SimpleQueue()
    records = Records.open(tmp_path / "control.db", 1 << 20, WallClock(), "boot")
    workers = Workers(device.do, lambda _: None, records.clock.mono_ms)
    relay = Relay(calls)
    relay.exchange = Exchange(terms, device, Wire(), workers, records)
    for qos in [0] * FLOOD + [1]:
        relay.received(Received("sfumato/v1/gate/cmd/ping", b"{", qos, False, None, None))
    waiting = calls.qsize()
    while not calls.empty():
        calls.get()()
    refused = relay.exchange.counts().refused
    assert refused == {"invalid": waiting, "flood": FLOOD + 1 - waiting}
    assert 0 < waiting < FLOOD
    workers.stop(1)
    records.database.close()
