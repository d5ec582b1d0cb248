"""A session at a broker that is well: what is said, acknowledged, taken over and left behind."""

import os
import random
import resource
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from broker import Broker
from mqtt_client import Client, Prompt

from agent.control.broker import Broker as Address
from agent.control.delivery import Message
from agent.control.session import Session

ROOT = Path(__file__).resolve().parents[3]
NOBODY_LISTENS = 0x10
TOO_LARGE = 0x95
FIRST_DESCRIPTOR = 1100  # beyond what select() can name


@pytest.fixture
def broker(tmp_path):
    with Broker(tmp_path) as running:
        yield running


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_what_one_says_another_hears(broker, version):
    address = broker.address(version=version)
    with Client(address, "listener", "a/+") as listener, Client(address, "speaker") as speaker:
        assert speaker.publish("a/b", b"hello") == 0
        heard = listener.wait_for("a/b")
        assert (heard.payload, heard.qos, heard.retained) == (b"hello", 1, False)
        assert speaker.publish("a/b", b"at once", qos=0) == 0
        assert listener.wait_for("a/b", b"at once").receipt is None


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_what_was_kept_is_told_as_such_after_the_connection(broker, version):
    address = broker.address(version=version)
    with Client(address, "speaker") as speaker:
        speaker.publish("state", b"kept", retain=True)
    order = []

    class Ordered:
        def connected(self):
            order.append("connected")

        def disconnected(self, reason):
            order.append(reason)

        def received(self, message):
            order.append((message.payload, message.retained))

        def published(self, _token, _code):
            raise AssertionError

    session = Session(address, "late", Ordered(), subscriptions=[("state", 1)])
    session.start()
    wait_until(lambda: len(order) == 2)
    session.stop(None, 10)
    assert order == ["connected", (b"kept", True), "stopped"]


@pytest.mark.parametrize(("version", "code"), [("5", NOBODY_LISTENS), ("3.1.1", 0)])
def test_it_is_told_where_nobody_listens(broker, version, code):
    with Client(broker.address(version=version), "speaker") as speaker:
        assert speaker.publish("nobody/hears", b"this") == code


def test_a_message_says_how_long_it_may_still_wait(broker):
    address = broker.address()
    with Client(address, "listener", "a") as listener, Client(address, "speaker") as speaker:
        speaker.publish("a", b"soon old", expiry_s=1000)
        assert 990 <= listener.wait_for("a", b"soon old").expiry_s <= 1000
        speaker.publish("a", b"for ever")
        assert listener.wait_for("a", b"for ever").expiry_s is None


def test_a_million_bytes_arrive(broker):
    address = broker.address()
    with Client(address, "listener", "a") as listener, Client(address, "speaker") as speaker:
        speaker.publish("a", b"[" * 1_000_000)
        assert len(listener.wait_for("a").payload) == 1_000_000


def test_what_the_broker_would_hang_up_for_is_refused_here(tmp_path):
    limit = ("allow_anonymous true", "max_packet_size 2000")
    with (
        Broker(tmp_path, settings=limit) as broker,
        Client(broker.address(), "speaker", "a") as speaker,
    ):
        assert speaker.publish("a", b"x" * 2000) == TOO_LARGE
        assert speaker.publish("a", b"x" * 1900) == 0
        assert speaker.reasons == []


@pytest.mark.parametrize("topic", ["a/#", "x" * 70_000], ids=["wildcard", "long"])
def test_what_can_not_be_said_is_refused_and_harms_nothing(broker, topic):
    with Client(broker.address(), "speaker") as speaker:
        assert speaker.publish(topic) >= 0x80
        assert speaker.publish("a", b"") == NOBODY_LISTENS
        assert speaker.reasons == []


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_a_command_waits_for_a_device_that_is_away(broker, version):
    address = broker.address(version=version)
    with Client(address, "device", "cmd"):
        pass
    with Client(address, "operator") as operator:
        assert operator.publish("cmd", b"while away") == 0
    with Client(address, "device", "cmd") as device:
        assert device.wait_for("cmd").payload == b"while away"


def test_nothing_waits_for_who_begins_clean(broker):
    address = broker.address()
    with Client(address, "operator", "res", clean=True):
        pass
    with Client(address, "device") as device:
        assert device.publish("res", b"while away") == NOBODY_LISTENS


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_what_was_not_acknowledged_comes_again(broker, version):
    address = broker.address(version=version)
    with (
        Client(address, "device", "cmd", acknowledges=False) as device,
        Client(address, "operator") as operator,
    ):
        operator.publish("cmd", b"first")
        operator.publish("cmd", b"second")
        device.wait_for("cmd", b"second")
        device.session.acknowledge(device.heard[0].receipt)
        device.publish("after the acknowledgement")  # one stream of bytes: the broker has both
        device.session.reconnect("killed")
        device.wait(lambda: len(device.heard) == 3)
        stale, again = device.heard[1], device.heard[2]
        assert device.payloads("cmd") == [b"first", b"second", b"second"]
        device.session.acknowledge(stale.receipt)  # of a connection that is gone: nothing
        device.session.reconnect("killed again")
        device.wait(lambda: len(device.heard) == 4)
        device.session.acknowledge(device.heard[3].receipt)
        device.session.acknowledge(again.receipt)
        operator.publish("cmd", b"third")
        device.wait_for("cmd", b"third")
        assert device.payloads("cmd")[3:] == [b"second", b"third"]
        assert device.session.reconnections == 2


def test_the_broker_keeps_what_is_too_much_at_once(broker):
    """A device that is slow is sent 16 messages; the others wait with the broker."""
    address = broker.address()
    with (
        Client(address, "device", "cmd", acknowledges=False) as device,
        Client(address, "operator") as operator,
    ):
        operator.publish_all([("cmd", b"%d" % number) for number in range(40)])
        device.wait(lambda: len(device.heard) == 16)
        device.publish("a round trip")
        assert len(device.heard) == 16
        for number in range(40):
            device.wait(lambda number=number: len(device.heard) > number)
            device.session.acknowledge(device.heard[number].receipt)
        assert device.payloads("cmd") == [b"%d" % number for number in range(40)]


def test_small_messages_do_not_wait_for_each_other(broker):
    with Client(broker.address(), "device") as device:
        sock = device.session._keeper.connection._client.socket()
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_descriptor_may_be_beyond_what_select_can_name(broker):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4 * FIRST_DESCRIPTOR), hard))
    held = [os.open(os.devnull, os.O_RDONLY)]
    try:
        while held[-1] < FIRST_DESCRIPTOR:
            held.append(os.dup(held[0]))
        with Client(broker.address(), "device", "a") as device:
            assert device.session._keeper.connection._client.socket().fileno() > 1023
            device.publish("a", b"heard")
            assert device.wait_for("a").payload == b"heard"
    finally:
        for descriptor in held:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Clumsy:
    """A listener that fails at everything it is told."""

    def __init__(self):
        self.told = []

    def connected(self):
        self.fail("connected")

    def disconnected(self, _reason):
        self.fail("disconnected")

    def received(self, message):
        self.fail(message.payload)

    def published(self, token, _code):
        self.fail(token)

    def fail(self, what):
        self.told.append(what)
        raise RuntimeError(what)


def test_a_listener_that_fails_is_told_on(broker, caplog):
    clumsy = Clumsy()
    session = Session(
        broker.address(), "clumsy", clumsy, subscriptions=[("a", 1)], backoff=Prompt()
    )
    session.start()
    with Client(broker.address(), "speaker") as speaker:
        wait_until(lambda: session.connected)
        for payload in (b"one", b"two"):
            speaker.publish("a", payload)
        session.publish(Message("b", b""), "token")
        wait_until(lambda: len(clumsy.told) == 4)
        session.reconnect("to fail again")
        wait_until(lambda: clumsy.told.count("connected") == 2)
    assert session.alive
    session.stop(None, 10)
    assert {"connected", b"one", b"two", "token", "disconnected"} <= {*clumsy.told}
    assert caplog.messages.count("a listener failed") == len(clumsy.told)


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_who_takes_leave_has_no_will(broker, version):
    address = broker.address(version=version)
    will = Message("conn", b"lost", retain=True)
    with Client(address, "watcher", "conn", "sentinel") as watcher:
        device = Client(address, "device", will=will, will_delay_s=0)
        with device:
            device.session.stop(Message("conn", b"clean", retain=True), 10)
        assert not device.session.alive
        assert not device.session.connected
        watcher.publish("sentinel")
        watcher.wait_for("sentinel")
        assert watcher.payloads("conn") == [b"clean"]


DEVICE = """
import sys, time
sys.path[:0] = sys.argv[1:3]
from mqtt_client import Client
from agent.control.broker import Broker
from agent.control.delivery import Message
broker = Broker("127.0.0.1", int(sys.argv[3]), version=sys.argv[4], jitter_s=0)
with Client(broker, "device", will=Message("conn", b"lost"), will_delay_s=0) as client:
    client.publish("conn", b"start")
    time.sleep(600)
"""


@pytest.mark.slow
@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_who_is_killed_has_its_will_spoken(broker, version):
    with Client(broker.address(version=version), "watcher", "conn") as watcher:
        where = [str(ROOT), str(ROOT / "tests" / "world"), str(broker.port), version]
        process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(DEVICE), *where])
        try:
            watcher.wait_for("conn", b"start")
        finally:
            process.kill()
            process.wait()
        watcher.wait_for("conn", b"lost")
        assert watcher.payloads("conn") == [b"start", b"lost"]


def test_who_is_back_in_time_has_no_will(broker):
    """Of two that vanish, one comes back: when the other's will is spoken, this one's would be, too."""
    address = broker.address()
    with Client(address, "watcher", "conn/+") as watcher:
        lost = Client(address, "lost", will=Message("conn/lost", b"lost"), will_delay_s=5)
        back = Client(address, "back", will=Message("conn/back", b"lost"), will_delay_s=5)
        with back, lost:
            back.session.reconnect("a short loss")
            back.wait(lambda: back.connections == 2)
            lost.session.hold_off(600)
            lost.session.reconnect("a long one")
            watcher.wait_for("conn/lost")
        assert watcher.payloads("conn/back") == []


def test_nobody_publishes_without_a_connection(broker):
    client = Client(broker.address(), "device")
    assert not client.session.publish(Message("a", b""), "token")
    with client:
        assert client.session.connected
    assert not client.session.publish(Message("a", b""), "token")
    assert client.session.reason == "stopped"


def test_a_session_that_never_began_can_be_stopped(broker):
    Client(broker.address(), "device").session.stop(Message("a", b""), 10)


class Slow(random.Random):
    """Draws the longest delay that it may."""

    def uniform(self, a, b):
        return max(a, b)


def test_the_first_connection_waits_and_need_not(broker):
    address = broker.address(jitter_s=600.0)
    with Client(address, "device", waits=False, backoff=Slow()) as device:
        wait_until(lambda: device.session.heard_s > 0 and device.session.alive)
        assert device.session.attempts == 0
        device.session.retry_now()
        device.wait(lambda: device.connections)
        device.session.hold_off(600)
        device.session.reconnect("a twin")
        device.wait(lambda: device.reasons)
        device.session.retry_now()  # held off is held off
        begun = device.session.heard_s
        wait_until(lambda: device.session.heard_s > begun + 1)
        assert (device.connections, device.session.attempts) == (1, 1)
        assert device.reasons == ["a twin"]


def wait_until(is_so, timeout_s=60):
    deadline = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("host", ["192.0.2.1", "::ffff:192.0.2.1"])
def test_nothing_is_said_unencrypted_to_another_machine(host):
    """`localhost` leads where a name server or a file says."""
    with Client(Address(host, 1883, jitter_s=0.0), "misled", waits=False) as client:
        client.wait(lambda: client.reasons)
    assert client.reasons[0].startswith(f"{host} leads to {host}, which is another machine")
