"""What Home Assistant is told, read as it reads it."""

import json
import re
import time

import pytest

from agent.control.decision import Admitted
from agent.control.discovery import BIRTH, document, removal, topic
from agent.control.messages import Conn, ModelInfo, ModelReported
from agent.control.topics import ROOT, place_of
from tests.agent.control.gate import NOW, Gate
from tests.agent.control.large_device import NAMES, TELE, info_of, streams_of

INFO = info_of(hardware='Jetson "Orin" {{ 1 }}')


def read(names=("door", "yard"), *, info=INFO, buttons=True, reason=""):
    return json.loads(document(ROOT, "gate-7", info, streams_of(names, reason), buttons))


def filled(template, value=None, **functions):
    """A template as Home Assistant fills it in: Jinja's sandbox, `value_json`, and `now()`."""
    jinja2 = pytest.importorskip("jinja2.sandbox", reason="needs jinja2, which torch brings")
    world = jinja2.ImmutableSandboxedEnvironment()
    return world.from_string(template).render(value_json=value, **functions)


def shown(part, message):
    return filled(part["value_template"], json.loads(message.model_dump_json()))


def test_the_document_has_what_home_assistant_demands():
    said = read()
    assert said["device"]["identifiers"] == ["sfumato_gate-7"]
    assert said["origin"]["name"]
    ids = [part["unique_id"] for part in said["components"].values()]
    assert len(ids) == len(set(ids))
    for name, part in said["components"].items():
        assert re.fullmatch(r"[a-zA-Z0-9_-]+", name)
        assert re.fullmatch(r"[a-zA-Z0-9_-]+", part["unique_id"])
        assert part["platform"] in ("sensor", "binary_sensor", "button", "update")
    assert re.fullmatch(r"homeassistant/device/[a-zA-Z0-9_-]+/config", topic("gate-7"))
    assert BIRTH == "homeassistant/status"


def test_every_topic_in_it_is_one_of_ours_in_the_right_direction():
    said = read()
    for part in said["components"].values():
        up = place_of(part["state_topic"]) if "state_topic" in part else None
        down = place_of(part["command_topic"]) if "command_topic" in part else None
        assert (up or down).device == "gate-7"
        assert up is None or up.topic.direction == "up"
        assert down is None or down.topic.direction == "down"
    (there,) = said["availability"]
    assert place_of(there["topic"]).topic.id == "conn"


def test_it_is_there_while_conn_says_so():
    (there,) = read()["availability"]
    for online, word in ((True, "online"), (False, "offline")):
        conn = Conn(online=online, boot_id="b", reason="start", ts=None, clock_synced=False)
        assert shown(there, conn) == word


def test_each_stream_has_its_state_rate_cover_and_problem():
    parts = read()["components"]
    in_trouble = streams_of(["door", "yard"])
    door = in_trouble.streams["door"].model_copy(
        update={"state": "running", "covered": False, "rate": None}
    )
    streams = in_trouble.model_copy(update={"streams": {**in_trouble.streams, "door": door}})
    names = ("state", "rate", "covered", "problem")
    assert [shown(parts[f"yard_{name}"], streams) for name in names] == [
        "reconnecting", "29.97", "ON", "ON",
    ]  # fmt: skip
    assert [shown(parts[f"door_{name}"], streams) for name in names] == [
        "running", "None", "OFF", "OFF",
    ]  # fmt: skip


def test_a_stream_that_is_gone_is_unknown_and_no_error():
    parts = read()["components"]
    assert shown(parts["door_state"], streams_of(["yard"])) == "None"
    assert shown(parts["door_problem"], streams_of(["yard"])) == "OFF"


def test_the_device_tells_its_version_and_its_hottest_place():
    parts = read()["components"]
    assert shown(parts["version"], INFO) == "0.1.0"
    warm = TELE.model_copy(update={"celsius": {"cpu": 41.5, "gpu": 44.0}})
    assert shown(parts["temperature"], warm) == "44.0"
    assert shown(parts["temperature"], TELE) == "None"


class Now:
    """What `now()` is in Home Assistant."""

    def timestamp(self):
        return NOW + time.monotonic() % 1


def test_a_button_sends_a_command_that_is_taken_each_time_under_another_id():
    gate = Gate()
    for op in ("pause", "resume"):
        button = read()["components"][f"door_{op}"]
        assert place_of(button["command_topic"]).topic.id == f"cmd-{op}"
        assert "retain" not in button
        ids = set()
        for _ in range(5):
            payload = filled(button["command_template"], now=Now).encode()
            decided = gate.receive(op, payload)
            assert isinstance(decided, Admitted), decided
            assert decided.args.stream == "door"
            assert decided.deadline_ms - gate.boot_ms <= 60_000
            ids.add(decided.id)
        assert len(ids) == 5


def test_there_are_buttons_only_for_what_may_be_pressed():
    def buttons(said):
        parts = said["components"].items()
        return {name for name, part in parts if part["platform"] == "button"}

    both = {"door_pause", "door_resume"}
    assert buttons(read(["door"])) == both
    assert buttons(read(["door"], buttons=False)) == set()
    assert buttons(read(["door"], info=info_of(["ping", "resume"]))) == {"door_resume"}


def test_it_stays_small_with_eight_streams_of_long_names():
    said = document(ROOT, "x" * 64, INFO, streams_of(NAMES), buttons=True)
    assert len(said) <= 32 * 1024
    assert (
        len(document(ROOT, "gate-7", INFO, streams_of([n[:8] for n in NAMES]), True)) <= 16 * 1024
    )


def test_what_a_stream_says_of_itself_is_not_in_it():
    assert read(reason="a") == read(reason="b")


def test_an_empty_message_makes_it_forgotten():
    message = removal("gate-7")
    assert (message.topic, message.payload, message.retain) == (topic("gate-7"), b"", True)


ACTIVE = ModelInfo(name="person", version=3, digest="0", precision="fp32", runtime="none")


@pytest.mark.parametrize(
    ("state", "active", "said"),
    [
        ("idle", ACTIVE, ("person", "3", "3", False, None)),
        ("fetching", ACTIVE, ("person", "3", "4", True, 25)),
        ("active", ACTIVE, ("person", "3", "3", False, None)),
        ("committed", ACTIVE, ("person", "3", "3", False, None)),
        ("failed", ACTIVE, ("person", "3", "3", False, None)),
        ("rolled_back", ACTIVE, ("person", "3", "3", False, None)),
        ("idle", None, ("none", "0", "0", False, None)),
        ("testing", None, ("person", "0", "4", True, 25)),
    ],
)
def test_a_model_that_comes_is_shown_as_an_update_that_nobody_can_press(state, active, said):
    """Keys as in Home Assistant's `update` platform for MQTT, whose values are texts."""
    part = read()["components"]["model"]
    assert "command_topic" not in part
    told = {"rev": 0, "name": None, "version": None}
    if state != "idle":
        told = {"rev": 5, "name": "person", "version": 4}
    reported = ModelReported(
        **told, state=state, progress=0.25, reason="", active=active, previous=None, refused=()
    )
    keys = ("title", "installed_version", "latest_version", "in_progress", "update_percentage")
    assert json.loads(shown(part, reported)) == dict(zip(keys, said, strict=True))
