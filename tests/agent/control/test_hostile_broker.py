"""What a device takes from who holds its broker, or a recording of what an operator signed."""

import json
import time

import pytest
from broker import Broker
from mqtt_client import Client
from simulated_agent import SimulatedAgent, terms_of

from agent.control.exchange import DESIRED_S
from agent.control.plane import ControlPlane
from agent.control.signed import sign
from agent.wall_clock import WallClock
from models.signing import PrivateKey

ROOT = "sfumato/v1/gate"
KEY = PrivateKey.generate()


class Patient(SimulatedAgent):
    """Notes the configurations that it is to try.

    Attributes:
        plane: that speaks for it.
    """

    def __init__(self, folder):
        super().__init__(folder)
        self.revs = []

    def apply(self, desired):
        self.revs.append(desired.rev)
        super().apply(desired)


@pytest.fixture
def broker(tmp_path):
    (tmp_path / "broker").mkdir()
    with Broker(tmp_path / "broker") as broker:
        yield broker


@pytest.fixture
def agent(tmp_path, broker):
    """A device that obeys one key, told to by a real control plane."""
    agent = Patient(tmp_path)
    terms = terms_of(broker.port, "gate", operators=(KEY.public,))
    agent.plane = plane = ControlPlane(terms, agent, tmp_path / "control.db", WallClock(), "boot")
    plane.start()
    yield agent
    plane.stop()


def desired(rev, key=KEY):
    body = json.dumps({"v": 1, "device": "gate", "rev": rev, "telemetry": {}})
    return sign(body, key).model_dump_json().encode()


@pytest.mark.slow
def test_recorded_configurations_keep_nobody_busy(broker, agent):
    """A broker has what an operator signed long ago, and can say it as often as it likes."""
    sent = 400
    with Client(broker.address(), "thief", f"{ROOT}/#") as thief:
        thief.wait_for(f"{ROOT}/config/reported")
        began_s = time.monotonic()
        for at in range(0, sent, 20):
            some = [(f"{ROOT}/config/desired", desired(rev)) for rev in range(at + 1, at + 21)]
            thief.publish_all(some)
        thief.publish(f"{ROOT}/cmd/ping", b'{"v":1,"id":"end"}')
        thief.wait_for(f"{ROOT}/res/end")
        thief.wait(
            lambda: any(b'"rev":400' in each for each in thief.payloads(f"{ROOT}/config/reported"))
        )
        took_s = time.monotonic() - began_s
    assert agent.revs == sorted(agent.revs)
    assert len(agent.revs) <= 2 + took_s / DESIRED_S, took_s


@pytest.mark.slow
def test_what_nobody_signed_fills_no_memory_with_complaints(broker, agent):
    stranger = PrivateKey.generate()
    with Client(broker.address(), "thief", f"{ROOT}/#") as thief:
        thief.wait_for(f"{ROOT}/config/reported")
        began_s = time.monotonic()
        thief.publish_all(
            [(f"{ROOT}/config/desired", desired(rev, stranger)) for rev in range(1, 200)]
        )
        thief.publish(f"{ROOT}/config/desired", desired(500))
        thief.wait(
            lambda: any(b'"rev":500' in each for each in thief.payloads(f"{ROOT}/config/reported"))
        )
        took_s = time.monotonic() - began_s
        agent.plane.tell("boot", {})  # comes after every complaint
        thief.wait_for(f"{ROOT}/evt/boot")
        complaints = len(thief.payloads(f"{ROOT}/evt/config"))
    assert agent.revs == [500]
    assert complaints <= 2 + took_s / DESIRED_S
