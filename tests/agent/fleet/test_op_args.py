"""The words behind `cmd OP`."""

import pytest

from agent.control.ops import OPS
from agent.errors import UsageError
from agent.fleet.op_args import described, op_args


def test_words_are_typed_by_what_the_op_takes():
    assert op_args("snapshot", ["stream=door", "width=320"]) == {"stream": "door", "width": 320}
    assert op_args("logs", ["since=12.5"]) == {"since": 12.5}
    assert op_args("replay", ["epoch=7", "from_seq=1", "to_seq=2"]) == {
        "epoch": "7",
        "from_seq": 1,
        "to_seq": 2,
    }


@pytest.mark.parametrize("op", OPS)
def test_what_was_not_said_is_left_to_the_device(op):
    if all(not field.is_required() for field in OPS[op].args.model_fields.values()):
        assert op_args(op, []) == {}


@pytest.mark.parametrize(
    ("op", "words", "said"),
    [
        ("explode", [], "no such command; there are ping, refresh"),
        ("ping", ["stream=door"], "ping takes no stream=; it takes no arguments"),
        ("snapshot", [], "snapshot needs stream=; it takes stream=, width="),
        ("snapshot", ["stream=door", "width=big"], "snapshot: width=big: "),
        ("snapshot", ["stream=door", "width=9000"], "snapshot: width=9000: "),
        ("snapshot", ["stream=Door 1"], "snapshot: stream=Door 1: "),
        ("pause", ["stream=a", "stream=b"], "pause: stream= is given twice"),
        ("rollback", ["to=first"], "rollback: to=first: "),
    ],
)
def test_what_an_op_does_not_take_is_said_in_a_line(op, words, said):
    with pytest.raises(UsageError) as caught:
        op_args(op, words)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_op_is_described_with_all_that_it_takes():
    text = described()
    for name, op in OPS.items():
        assert f"  {name} " in text
        for key in op.args.model_fields:
            assert f" {key}=" in text
