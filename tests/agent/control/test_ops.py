"""What a device can be told to do at all."""

from agent.control.ops import OPS

ALL = {
    "ping": set(),
    "refresh": set(),
    "snapshot": {"stream", "width"},
    "logs": {"lines", "since"},
    "pause": {"stream", "until_s"},
    "resume": {"stream"},
    "restart": {"stream"},
    "self_test": set(),
    "replay": {"epoch", "from_seq", "to_seq"},
    "rollback": {"to"},
}
"""Whoever adds one asks first: could anybody who may give it see raw video by it, weaken an effect,
change keys, or have video sent elsewhere?"""


def test_no_op_shows_raw_video_weakens_an_effect_changes_keys_or_sends_video_elsewhere():
    assert {name: set(op.args.model_fields) for name, op in OPS.items()} == ALL


def test_a_snapshot_is_small_and_can_be_asked_for_in_no_other_way():
    """By name and width alone: there is no format, place or layer to choose."""
    schema = OPS["snapshot"].args.model_json_schema()
    assert schema["properties"]["width"]["maximum"] == 640
    assert schema["additionalProperties"] is False


def test_no_argument_holds_an_address_a_path_or_anything_free():
    """Numbers, and texts with a pattern or a list of what they may be: no URL fits any of them."""
    for name, op in OPS.items():
        for argument, schema in op.args.model_json_schema()["properties"].items():
            for kind in schema.get("anyOf", [schema]):
                narrow = kind.get("type") in ("integer", "number", "null")
                assert narrow or {"pattern", "const", "enum"} & kind.keys(), (name, argument)


def test_each_op_is_for_somebody_and_ends():
    for op in OPS.values():
        assert op.role in ("viewer", "operator", "release")
        assert 0 < op.timeout_s <= 600
        assert op.help
    assert {name for name, op in OPS.items() if op.role == "viewer"} == {
        "ping",
        "refresh",
        "snapshot",
    }
