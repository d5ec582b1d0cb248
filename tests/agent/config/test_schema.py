"""The schema knows what people write."""

import pytest
import yaml

from agent.config.example import MINIMAL, TYPICAL, full
from agent.config.schema import schema

RIGHT = "model: p.sfm\ntrust: k.pub\nstreams:\n  door: rtsp://h/1\n"


@pytest.fixture(scope="module")
def judge():
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema judges the schema")
    jsonschema.Draft202012Validator.check_schema(schema())
    return jsonschema.Draft202012Validator(schema())


@pytest.mark.parametrize("text", [MINIMAL, TYPICAL, full(), RIGHT])
def test_what_we_show_is_valid(judge, text):
    assert [*judge.iter_errors(yaml.safe_load(text))] == []


@pytest.mark.parametrize(
    "more",
    [
        "mqtt: {hots: x}",
        "mqtt: {host: 'mqtts://x'}",
        "mqtt: {host: x, version: 4}",
        "mqtt: {host: x, password: hunter2}",
        "control: {ops: [show_raw]}",
        "control: {remote: [model]}",
        "groups: [North]",
        "telemetry: {interval_s: 1}",
        "update: {}",
        "efect: blur",
        "defaults: {efect: blur}",
        "defaults: {effect: blurr}",
        "defaults: {every: 0}",
        "defaults: {source: {url: rtsp://h/1}}",
        "defaults: {source: rtsp://h/1}",
        "defaults: {source: {effect: solid}}",
        "device: Gate 7",
        "record: {keep: {bytes: 50G}}",
        "floor: {effect: none}",
        "telemetry: {prometheus: 9464}",
        "live: 127.0.0.1:8080",
        "live: {listen: localhost}",
        "live: {token: hunter2}",
    ],
)
def test_what_is_wrong_is_seen(judge, more):
    assert judge.is_valid(yaml.safe_load(RIGHT))
    assert not judge.is_valid(yaml.safe_load(f"{RIGHT}{more}\n"))


def test_a_streams_name_is_judged(judge):
    assert not judge.is_valid(yaml.safe_load(RIGHT.replace("door", "Front Door")))


def test_every_property_says_what_it_is():
    whole = schema()
    found = 0
    for part in (whole, *whole["$defs"].values()):
        for name, value in part["properties"].items():
            assert "description" in value or "$ref" in value or name == "source", name
            found += 1
    assert found > 60
