"""Rights: each topic of the table against each kind of name, at a real broker, by what is delivered."""

from typing import get_args

import pytest
from authority import Authority
from broker import CONFIGS, Broker
from mqtt_client import Client

from agent.control import acl
from agent.control.delivery import Message
from agent.control.ops import Role
from agent.control.topics import CONN, ROOT, TOPICS

DEVICE, OTHER, NOBODY = "gate-7", "gate-8", "nobody"
ROLES = get_args(Role)
NAMES = (DEVICE, OTHER, *ROLES, NOBODY)
DISCOVERY, BIRTH = f"homeassistant/device/{DEVICE}/config", "homeassistant/status"
SENTINEL = "sentinel"
REFUSED = 0x87

GOD = "god"
"""Who may do everything in this test's file, to ask and to judge by."""


def names_of(topic):
    """Topics that stand for a row, of one device."""
    return topic.of(ROOT, DEVICE, "some")


def may_write(name, topic):
    if topic.direction == "up":
        return name == DEVICE
    return name in ROLES and ROLES.index(name) >= ROLES.index(topic.role)


def may_read(name, topic):
    if topic.direction == "up":
        by_role = name in ROLES and ROLES.index(name) >= ROLES.index(topic.role)
        return by_role or (topic is CONN and name == DEVICE)
    by_role = topic.retained and may_write(name, topic)
    return by_role or topic.is_groups or name == DEVICE  # a group's model is for every device


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    """As configs/mosquitto has it; and with one more who may do everything."""
    folder = tmp_path_factory.mktemp("broker")
    authority = Authority(folder / "authority")
    rights = folder / "acl"
    rights.write_text(f"{(CONFIGS / 'acl').read_text()}\nuser {GOD}\ntopic readwrite #\n")
    with Broker(folder, authority=authority, acl=rights) as running:
        yield running, authority


def test_the_file_is_what_the_table_says():
    made = "python -c 'from agent.control import acl; print(acl.text(), end=\"\")'"
    assert (CONFIGS / "acl").read_text() == acl.text(), f"`{made} > configs/mosquitto/acl`"
    assert "%c" not in acl.text()  # which a client chooses


@pytest.mark.parametrize("name", NAMES)
def test_who_may_not_write_is_refused_and_not_delivered(broker, name):
    running, authority = broker
    allowed = {names_of(topic): may_write(name, topic) for topic in TOPICS}
    allowed |= {DISCOVERY: name == DEVICE, BIRTH: False, f"{ROOT}/{DEVICE}/other": False}
    with (
        Client(running.address(tls=authority.issue(GOD)), GOD, "#") as god,
        Client(running.address(tls=authority.issue(name)), name) as client,
    ):
        codes = client.publish_all([(topic, name.encode()) for topic in allowed])
        god.publish(SENTINEL)
        god.wait_for(SENTINEL)
        heard = {message.topic for message in god.heard if message.payload == name.encode()}
    assert codes == [0 if may else REFUSED for may in allowed.values()]
    assert heard == {topic for topic, may in allowed.items() if may}


@pytest.mark.parametrize("name", NAMES)
def test_what_one_may_not_read_is_not_delivered(broker, name):
    """The subscription itself is granted; also that to everything."""
    running, authority = broker
    allowed = {names_of(topic): may_read(name, topic) for topic in TOPICS}
    allowed |= {DISCOVERY: False, BIRTH: True, f"{ROOT}/{DEVICE}/other": False}
    sentinel = f"{ROOT}/groups/all/model/desired" if name not in ROLES else f"{ROOT}/x/info"
    with (
        Client(running.address(tls=authority.issue(GOD)), GOD) as god,
        Client(running.address(tls=authority.issue(name)), name, "#", *allowed) as client,
    ):
        god.publish_all([(topic, b"probe") for topic in allowed])
        god.publish(sentinel, b"sentinel")
        client.wait_for(sentinel, b"sentinel")
        heard = {message.topic for message in client.heard if message.payload == b"probe"}
    assert heard == {topic for topic, may in allowed.items() if may}


def test_nobodys_will_is_spoken_in_another_ones_name(broker):
    running, authority = broker
    own, others = (CONN.of(ROOT, device) for device in (DEVICE, OTHER))
    with Client(running.address(tls=authority.issue(GOD)), GOD, "#") as god:
        for topic in (others, own):
            will = Message(topic, b"gone")
            tls = authority.issue(DEVICE)
            with Client(running.address(tls=tls), DEVICE, will=will, will_delay_s=0) as client:
                client.session.reconnect("to have its will spoken")
                client.wait(lambda client=client: client.connections == 2)
        god.wait_for(own, b"gone")
        assert god.payloads(others) == []


def test_a_device_with_another_ones_client_id_does_not_put_it_out(broker):
    running, authority = broker
    with (
        Client(running.address(tls=authority.issue(DEVICE)), DEVICE) as client,
        Client(running.address(tls=authority.issue(OTHER)), DEVICE) as thief,
    ):
        assert thief.publish(CONN.of(ROOT, OTHER)) in {0, 0x10}
        assert client.publish(CONN.of(ROOT, DEVICE)) in {0, 0x10}
        assert client.reasons == []
