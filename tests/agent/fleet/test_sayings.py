"""What a device tells, in a person's words."""

from agent.control import topics
from agent.control.delivery import Received
from agent.control.messages import ConfigReported, Event
from agent.fleet.sayings import Sayings


def lines(topic, message):
    name = topic.of(topics.ROOT, "gate-7")
    payload = message.model_dump_json().encode()
    return Sayings(topics.ROOT).lines(
        Received(name, payload, qos=1, retained=False, expiry_s=None, receipt=None)
    )


def reported(**fields):
    known = {"rev": 3, "applied": True, "digest": "0" * 64, "errors": {}}
    return ConfigReported(**{**known, "overrides": (), "needs_restart": (), **fields})


def test_a_configuration_is_told_with_what_is_wrong_in_it():
    said = lines(topics.CONFIG_REPORTED, reported(applied=False, errors={"streams": "is bad"}))
    assert said == ["config: refused rev 3", "config: streams: is bad"]
    assert lines(topics.CONFIG_REPORTED, reported()) == ["config: runs by rev 3"]


def test_nothing_was_refused_where_nothing_was_sent():
    assert lines(topics.CONFIG_REPORTED, reported(rev=0, applied=False)) == ["config: its own file"]


def test_an_event_is_told_without_what_it_leaves_open():
    event = Event(
        id="e-7", epoch="e", seq=7, boot_id="b", mono_ms=1, ts=None, clock_synced=False,
        data={"stream": "door", "reason": "", "model": None, "changes": 0},
    )  # fmt: skip
    assert lines(topics.EVENTS["stream"], event) == ["event 7 stream: stream door, changes 0"]
