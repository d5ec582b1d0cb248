"""Two devices of one name, at two brokers with a bridge between them: neither ends the other."""

import json
from contextlib import ExitStack

import pytest
from broker import Broker
from mqtt_client import Client
from simulated_agent import SimulatedAgent, terms_of

from agent.control.plane import ControlPlane
from agent.wall_clock import WallClock

CONN = "sfumato/v1/gate/conn"
ROUNDS = 10
MOST = 8
"""What is said of the connection: at the start, of the twin, and what a bridge brings once more."""


@pytest.fixture
def ear(tmp_path):
    """Somebody at the one broker."""
    with ExitStack() as stack:
        here, there = tmp_path / "here", tmp_path / "there"
        near = stack.enter_context(Broker(here / "broker"))
        lines = (
            "connection near",
            f"address 127.0.0.1:{near.port}",
            "bridge_protocol_version mqttv50",
        )
        settings = ("allow_anonymous true", *lines, "topic # both 1")
        far = stack.enter_context(Broker(there / "broker", settings=settings))
        ear = stack.enter_context(Client(near.address(), "ear", "sfumato/v1/gate/#"))
        for folder, broker in ((here, near), (there, far)):
            folder.mkdir(exist_ok=True)
            terms, device = terms_of(broker.port, "gate"), SimulatedAgent(folder)
            plane = ControlPlane(terms, device, folder / "db", WallClock(), folder.name)
            plane.start()
            stack.callback(plane.stop)
        yield ear


@pytest.mark.slow
def test_they_say_so_and_do_not_answer_each_other_for_ever(ear):
    def conns():
        return [json.loads(each) for each in ear.payloads(CONN)]

    def twins():
        return {conn["boot_id"] for conn in conns() if conn["reason"] == "twin"}

    ear.wait(lambda: twins() == {"here", "there"})
    for number in range(ROUNDS):
        ear.publish("sfumato/v1/gate/cmd/ping", b'{"v":1,"id":"p%d"}' % number)
        ear.wait_for(f"sfumato/v1/gate/res/p{number}")
    assert len(conns()) <= MOST, conns()
    assert len(ear.payloads("sfumato/v1/gate/evt/twin")) <= 2
