"""The description of all messages, for those who write in other languages."""

import json
from pathlib import Path

import jsonschema
import pytest

from agent.control import messages
from agent.control.messages import Command, Result
from agent.control.ops import OPS
from agent.control.schemas import args_digests, schema, schema_digest, schema_text
from agent.control.signed import sign
from agent.control.topics import TOPICS
from models.signing import PrivateKey
from tests.agent.control.large_device import TELE, retained

FILE = Path(__file__).resolve().parents[3] / "configs" / "schema" / "mqtt.json"


def judge(name):
    whole = schema()
    jsonschema.Draft202012Validator.check_schema(whole)
    return jsonschema.Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": whole["$defs"]})


def test_the_file_describes_what_is_said():
    """What another release reads in a message, it may count on: fields come, none goes."""
    command = "from agent.control.schemas import schema_text; print(schema_text(), end='')"
    hint = f'`.venv/bin/python -c "{command}" > configs/schema/mqtt.json` makes it anew'
    assert FILE.read_text("utf-8") == schema_text(), hint


def test_every_message_and_every_ops_arguments_are_in_it():
    described = schema()["$defs"]
    wanted = {topic.model.__name__ for topic in TOPICS} | {op.args.__name__ for op in OPS.values()}
    assert {*wanted, "Signed"} <= described.keys()
    assert {name for name, value in vars(messages).items() if is_message(value)} <= described.keys()


def is_message(value):
    named = isinstance(value, type) and value.__module__ == messages.__name__
    return named and value not in (messages.Told, messages.Ordered)


SAID = [
    *retained().values(),
    TELE,
    Command(v=1, id="a", args={"stream": "door"}),
    Result(id="a", op="ping", state="done", result={"a": [1, None, {"b": 2.5}]}),
    sign("{}", PrivateKey.generate()),
]


@pytest.mark.parametrize("message", SAID, ids=lambda message: type(message).__name__)
def test_what_is_said_fits_its_description(message):
    judge(type(message).__name__).validate(json.loads(message.model_dump_json()))


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("Command", {"v": 2, "id": "a"}),
        ("Command", {"v": 1, "id": "a/b"}),
        ("Command", {"v": 1, "id": "a", "ttl_s": 0}),
        ("Command", {"v": 1, "id": "a", "more": 1}),
        ("PauseArgs", {"stream": "../x"}),
        ("SnapshotArgs", {"stream": "door", "width": 9000}),
        ("Signed", {"body": "{}"}),
        ("ConfigDesired", {"v": 1, "rev": 0}),
        ("Conn", {"online": True}),
    ],
)
def test_what_is_wrong_does_not_fit(name, wrong):
    assert not judge(name).is_valid(wrong)


def test_what_is_told_may_hold_more_than_is_known_here():
    newer = {**json.loads(retained()["conn"].model_dump_json()), "colour": "blue"}
    judge("Conn").validate(newer)


def test_digests_tell_descriptions_apart():
    assert len(schema_digest()) == 64
    digests = args_digests(OPS)
    assert digests.keys() == OPS.keys()
    by_model = {OPS[name].args: digest for name, digest in digests.items()}
    assert len(set(digests.values())) == len(by_model)
    assert all(by_model[OPS[name].args] == digest for name, digest in digests.items())
