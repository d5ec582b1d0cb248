"""A fleet as it is now, over one connection."""

import threading
import time

import pytest
from authority import Authority
from broker import Broker
from simulated_device import SimulatedDevice
from told_fleet import ToldFleet

from agent.control import topics
from agent.control.broker import Broker as Address
from agent.control.delivery import Message, Received
from agent.errors import AbortedError, InputError, UsageError
from agent.fleet.client import Client, Disconnected
from agent.fleet.desk import Desk, filters
from agent.fleet.live import LiveFleet
from models.signing import PrivateKey

ROOT = topics.ROOT
TIMEOUT_S = 60

pytestmark = pytest.mark.slow


def live(port, more=(), **terms):
    address = Address("127.0.0.1", port, jitter_s=0, **terms)
    return LiveFleet(lambda wanted: Client(address, ROOT, wanted), ROOT, more)


def until(reached):
    deadline_s = time.monotonic() + TIMEOUT_S
    while not (found := reached()):
        assert time.monotonic() < deadline_s
        time.sleep(0.02)
    return found


@pytest.fixture
def broker(tmp_path):
    with Broker(tmp_path / "broker") as broker:
        yield broker


@pytest.fixture
def told(broker):
    with ToldFleet(broker.port) as told:
        yield told


def test_what_was_told_before_is_known_at_once_and_what_changes_soon(broker, told):
    told.device("gate-1")
    told.device("gate-2", reason="lost")
    told.offer(5)
    with live(broker.port) as fleet:
        now = fleet.now()
        assert [(each.name, each.presence) for each in now.devices.values()] == [
            ("gate-1", "online"),
            ("gate-2", "lost"),
        ]
        until(lambda: fleet.now().offers)
        told.configured("gate-1", 3, desired=4)
        until(lambda: fleet.now().devices["gate-1"].drift == "has 3, should have 4")
        told.tele("gate-1")
        until(lambda: "gate-1" in fleet.now().tele)
        told.device("gate-1", reason="clean")
        until(lambda: fleet.now().devices["gate-1"].presence == "clean")
        assert fleet.now().tele == {}
        told.say(topics.CONN, "gate-1", None)
        until(lambda: "gate-1" not in fleet.now().devices)
        told.say(topics.GROUP_MODEL_DESIRED, "", None)
        until(lambda: not fleet.now().offers)
        assert now.devices["gate-1"].presence == "online"  # a moment stays what it was


def test_a_document_that_can_t_be_read_leaves_what_was_known(broker, told):
    told.device("gate-1")
    with live(broker.port) as fleet, Client(broker.address(), ROOT, []) as client:
        client.connect()
        client.publish(Message(f"{ROOT}/gate-1/streams", b"{", 1, True), 1)
        until(lambda: fleet.now().devices["gate-1"].unread == {"streams"})
        assert fleet.now().devices["gate-1"].running == (1, 1)
        told.device("gate-1")
        until(lambda: not fleet.now().devices["gate-1"].unread)


def test_after_the_broker_was_away_all_is_read_again(broker, told):
    told.device("gate-1")
    with live(broker.port) as fleet:
        broker.kill()  # it forgets everything
        until(lambda: fleet.now().away)
        assert "gate-1" in fleet.now().devices  # as it was
        broker.start()
        until(lambda: not fleet.now().away)
        assert fleet.now().devices == {}
        with SimulatedDevice(broker.port):
            until(lambda: "gate-7" in fleet.now().devices)


def test_a_broker_that_is_not_there_is_said():
    with pytest.raises(InputError, match=r"127\.0\.0\.1:1"), live(1):
        pass
    assert not [each for each in threading.enumerate() if each.name == "fleet"]


def test_one_name_has_one_connection_and_that_is_enough(tmp_path):
    """As at a broker by configs/mosquitto, which puts out whoever connects a second time."""
    authority = Authority(tmp_path / "ca")
    with (
        Broker(tmp_path / "broker", authority=authority) as broker,
        live(broker.port, filters(ROOT), tls=authority.issue("operator")) as fleet,
        fleet.line(f"{ROOT}/") as line,
    ):
        desk = Desk(fleet, ROOT, None, {})
        named = Address("127.0.0.1", broker.port, jitter_s=0, tls=authority.issue("gate-7"))
        with SimulatedDevice(broker.port, broker=named) as device:
            until(lambda: "gate-7" in fleet.now().devices)
            assert desk.command("ping", "gate-7") == {"op": "ping"}
            with pytest.raises(AbortedError, match="not_found: there is no stream yard"):
                desk.command("pause", "gate-7", stream="yard")
            until(lambda: fleet.now().devices["gate-7"].reported is not None)
            assert desk.configure("gate-7", {"telemetry": {}}) == "gate-7 runs by rev 1"
            assert desk.sections("gate-7") == {"telemetry": {}}
            device.happen()
            heard = []
            until(lambda: heard.extend(line.waiting()) or any("/evt/" in each.topic for each in heard
                  if isinstance(each, Received)))  # fmt: skip
            assert not [each for each in heard if isinstance(each, Disconnected)]
        assert not fleet.away
        again = Client(broker.address(tls=authority.issue("operator")), ROOT, [])
        with again:
            again.connect()
            until(lambda: fleet.away)  # else a second connection would not have mattered


def test_two_orders_at_once_each_get_their_own_answer(broker):
    with (
        SimulatedDevice(broker.port, "gate-1") as one,
        SimulatedDevice(broker.port, "gate-2") as two,
        live(broker.port, filters(ROOT)) as fleet,
    ):
        desk, found = Desk(fleet, ROOT, None, {}), {}

        def order(device, op):
            found[device, op] = desk.command(op, device)

        wanted = [(each.name, op) for each in (one, two) for op in ("ping", "refresh", "self_test")]
        threads = [threading.Thread(target=order, args=each) for each in wanted]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(TIMEOUT_S)
        assert found == {(device, op): {"op": op} for device, op in wanted}


def test_what_is_told_is_signed_where_there_is_a_key(broker):
    key = PrivateKey.generate()
    with (
        SimulatedDevice(broker.port) as device,
        live(broker.port, filters(ROOT)) as fleet,
    ):
        device.keys = (key.public,)
        device.connected()
        until(lambda: fleet.now().devices["gate-7"].info.signed)
        desk = Desk(fleet, ROOT, key, {})
        assert desk.command("pause", "gate-7", stream="door") == {"op": "pause"}
        assert desk.configure("gate-7", {"telemetry": {"interval_s": 30}}) == "gate-7 runs by rev 1"
        ((_, command),) = device.commands
        assert (command.auth.device, command.auth.op) == ("gate-7", "pause")
        with pytest.raises(UsageError, match="only what an operator has signed"):
            Desk(fleet, ROOT, None, {}).configure("gate-7", {"telemetry": {}})
