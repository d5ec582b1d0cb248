"""docs/mqtt.md says what is so, and what it tells people to send is taken."""

import json
import re
import shlex
import time
from itertools import pairwise
from typing import get_args

import pytest

from agent.control.decision import Admitted
from agent.control.messages import RETRYABLE, ErrorCode, EventKind
from agent.control.topics import place_of
from models.signing import load_public
from tests.agent.control.gate import Gate
from tests.agent.control.mqtt_document import FILE, renewed

TEXT = FILE.read_text("utf-8")
LINES = re.findall(r"^mosquitto_\w+ .*", TEXT, re.MULTILINE)


def test_its_generated_parts_are_current():
    hint = "`.venv/bin/python -m tests.agent.control.mqtt_document` writes them anew"
    assert renewed(TEXT) == TEXT, hint


def test_its_errors_are_those_that_there_are():
    rows = re.findall(r"^\| `(\w+)` \| (yes)? ?\| .+ \|$", TEXT, re.MULTILINE)
    assert [code for code, _ in rows] == [*get_args(ErrorCode)]
    assert {code for code, retry in rows if retry} == RETRYABLE


def test_its_kinds_of_events_are_those_that_there_are():
    (listed,) = re.findall(r"`<kind>` is one of (.*?)\.", TEXT, re.DOTALL)
    assert re.findall(r"`(\w+)`", listed) == [*get_args(EventKind)]


def test_its_links_lead_somewhere():
    titles = {
        title.lower().replace(" ", "-") for title in re.findall(r"^#+ (.*)", TEXT, re.MULTILINE)
    }
    assert set(re.findall(r"\]\(#([\w-]+)\)", TEXT)) <= titles
    root = FILE.parents[1]
    paths = re.findall(r"`((?:configs|docs|agent)/[\w/.]+)`", TEXT)
    assert paths
    assert all((root / path).exists() for path in paths)


@pytest.mark.parametrize("line", LINES)
def test_its_examples_use_topics_as_they_are(line):
    words = shlex.split(line)
    given = dict(pairwise(words))
    if words[0] == "mosquitto_sub":
        assert given["-t"] == "sfumato/v1/gate-7/#"
        return
    place = place_of(given["-t"])
    assert (place.device, place.topic.direction) == ("gate-7", "down")
    decided = Gate().receive(place.topic.pattern.removeprefix("cmd/"), given["-m"].encode())
    assert isinstance(decided, Admitted), decided
    assert "-r" not in words
    if words[0] == "mosquitto_rr":
        answered = place_of(given["-e"])
        assert (answered.topic.id, answered.value) == ("res", decided.id)


def test_there_are_examples():
    assert {line.partition(" ")[0] for line in LINES} == {
        "mosquitto_pub",
        "mosquitto_rr",
        "mosquitto_sub",
    }


def test_what_its_program_signs_is_taken(tmp_path):
    from agent.cli import main

    (program,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    names = {}
    exec(program, names)  # noqa: S102 it is ours
    assert main(["model", "keygen", str(tmp_path / "ops")]) == 0
    command = {"v": 1, "id": "pause-2", "args": {"stream": "door"}}
    said = names["signed"]((tmp_path / "ops.key").read_bytes(), "gate-7", "pause", command)
    gate = Gate([load_public(tmp_path / "ops.pub")])
    gate.wall_s = time.time()
    assert isinstance(gate.receive("pause", said.encode()), Admitted)
    assert json.loads(said)["body"].startswith('{"v"')
