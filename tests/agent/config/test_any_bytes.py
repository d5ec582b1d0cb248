"""Whatever a file holds, it is a configuration, or what is wrong with it is said in a few lines."""

import json

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from agent.config.loading import Loaded, load
from agent.config.schema import schema
from agent.config.secrets import Secrets
from agent.config.tree import AgentConfig
from agent.errors import UsageError

WORDS = st.sampled_from(
    [
        *AgentConfig.model_fields,
        *("trust", "defaults", "door", "source", "sink", "hide", "look", "url", "effect", "every"),
        *("classes", "keep", "bytes", "mqtt", "file", "<<", "", "~", "person.sfm", "rtsp://h/1"),
        *("rtsp://u:p@h:x/1", "${env:X}", "${", "50GiB", "auto", "solid", "clip.mp4", "\x85", "é"),
    ]
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=20,
)
PIECES = (
    *("a", "b: ", "- ", "<<: ", "&x ", "*x", "!!str ", "---\n", "model: x\n", "streams:\n"),
    *("  door: ", "%YAML 1.9\n", '"\\U00110000"', "\ud7ff", "? "),
)
SIGNS = st.lists(st.sampled_from([*"{}[],:-?!&*#|>%@`'\" \n\t\\", *PIECES]), max_size=30).map(
    "".join
)

STREAM = st.fixed_dictionaries(
    {"source": st.sampled_from(["rtsp://h/1", "/dev/video0", "clip.mp4"])},
    optional={
        "effect": st.sampled_from(["blur", "pixelate", "auto", "solid", "solid:00ff00", "none"]),
        "every": st.integers(-1, 32) | st.just("auto"),
        "classes": st.lists(st.sampled_from(["car", "person"])) | st.just("car, person"),
        "hide": st.fixed_dictionaries({}, optional={"margin": st.sampled_from([0, 0.5, 0.6])}),
        "look": st.fixed_dictionaries({}, optional={"latency": st.sampled_from(["low", "high"])}),
        "gop_s": st.sampled_from([0, 1, 2.0, 2.5]),
        "paused": st.booleans(),
        "efect": st.just("blur"),
    },
)
NEARLY_RIGHT = st.fixed_dictionaries(
    {
        "model": st.sampled_from(["person.sfm", {"bundle": "person.sfm"}]),
        "trust": st.sampled_from(["office.pub", ["office.pub", "other.pub"]]),
        "streams": st.dictionaries(
            st.sampled_from(["door", "yard", "Hall"]), STREAM | st.just("rtsp://h/2"), min_size=1
        ),
    },
    optional={
        "defaults": STREAM.map(lambda stream: {k: v for k, v in stream.items() if k != "source"}),
        "device": st.sampled_from(["gate-7", "Gate 7"]),
        "record": st.just({"keep": {"bytes": "50GiB", "days": None}}),
        "telemetry": st.sampled_from(
            [{"prometheus": None}, {"prometheus": "[::1]:80"}, {"x": 1}, {"interval_s": 9}]
        ),
        "limits": st.sampled_from([{"memory": "1.5GiB"}, {"memory": 0}, {"outbox": "1G"}]),
        "groups": st.lists(st.sampled_from(["north", "North"]), max_size=2),
        "mqtt": st.none()
        | st.sampled_from(["broker.example", "b:1", "::1", "mqtts://b"])
        | st.fixed_dictionaries(
            {"host": st.sampled_from(["b", "[::1]", "127.0.0.1"])},
            optional={
                "port": st.sampled_from([1, 65535, 65536]),
                "version": st.sampled_from([5, "3.1.1", 4]),
                "root": st.sampled_from(["a", "a/b", "a/+", "/"]),
                "ca": st.just("ca.crt"),
                "identiti": st.just("x"),
            },
        ),
        "control": st.fixed_dictionaries(
            {},
            optional={
                "ops": st.lists(st.sampled_from(["ping", "pause", "show"]), max_size=2),
                "remote": st.lists(st.sampled_from(["streams", "model"]), max_size=1),
                "operators": st.lists(st.just("ops.pub"), max_size=2),
            },
        ),
    },
)


def dumped(value):
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True).encode("utf-8", "replace")


def ours(examples):
    return settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


@pytest.mark.slow
@ours(400)
@given(
    st.binary(max_size=60)
    | SIGNS.map(str.encode)
    | (ANYTHING | NEARLY_RIGHT).map(dumped)
    | st.builds(
        lambda right, wrong: dumped(right | wrong),
        NEARLY_RIGHT,
        st.dictionaries(WORDS, ANYTHING, max_size=2),
    )
)
@example(b"streams: {a: {source: &x {url: *x}}}")
@example(b"model: {? {a: b} : c}")
def test_there_is_a_configuration_or_a_usage_error(write, content):
    path = write(content)
    try:
        loaded = load(path, Secrets({}, None))
    except UsageError as error:
        lines = str(error).splitlines()
        assert 1 <= len(lines) <= 11
        assert all(line.startswith(str(path)) for line in lines)
    else:
        assert isinstance(loaded, Loaded)


@pytest.mark.slow
@ours(200)
@given(NEARLY_RIGHT)
def test_an_editor_with_the_schema_thinks_of_a_file_as_we_do(write, content):
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema judges the schema")
    try:
        load(write(json.dumps(content)), None)
        right = True
    except UsageError:
        right = False
    assert jsonschema.Draft202012Validator(schema()).is_valid(content) == right
