"""Words of a command line become values, or one line that says what they should be."""

from argparse import ArgumentTypeError

import pytest

from distill.cli import arguments
from models.coco_names import COCO_NAMES

AMONG = arguments.names_among(("can", "cup"))


@pytest.mark.parametrize(
    ("parse", "text", "value"),
    [
        (arguments.names, "cup, can", ("cup", "can")),
        (AMONG, "cup,can,cup", ("cup", "can")),
        (arguments.names_or_coco, "coco", COCO_NAMES),
        (arguments.names_or_coco, "a", ("a",)),
        (arguments.whole_number(0, 5), "0", 0),
        (arguments.whole_number(0, 5), "5", 5),
        (arguments.number(0.01, 1), "0.01", 0.01),
        (arguments.number(0, 1), "1", 1.0),
        (arguments.named_numbers, "a=1, int8.b=-0.5", {"a": 1.0, "int8.b": -0.5}),
        (arguments.share_below_one, "0", 0.0),
        (arguments.input_side, "640", 640),
        (arguments.input_size, "320x256", (320, 256)),
        (arguments.input_size, "320", (320, 320)),
        (arguments.image_size, "640x481", (640, 481)),
    ],
)
def test_what_makes_sense_becomes_a_value(parse, text, value):
    assert parse(text) == value


@pytest.mark.parametrize(
    ("parse", "text", "reason"),
    [
        (arguments.names, "cup,,can", "an empty name in 'cup,,can'"),
        (AMONG, "dog", "no class 'dog'; there are can, cup"),
        (arguments.names_or_coco, "", "an empty name"),
        (arguments.whole_number(1, 5), "0", "'0' is no whole number from 1 to 5"),
        (arguments.whole_number(1, 5), "6", "from 1 to 5"),
        (arguments.whole_number(0, 5), "-1", "from 0 to 5"),
        (arguments.whole_number(0, 5), "²", "from 0 to 5"),
        (arguments.number(0, 0.5), "0.6", "'0.6' is no number from 0 to 0.5"),
        (arguments.number(0, 1), "nan", "from 0 to 1"),
        (arguments.number(0, 1), "much", "from 0 to 1"),
        (arguments.share_below_one, "1", "'1' is no share from 0 to below 1"),
        (arguments.input_side, "100", "'100' is no multiple of 32 up to 4096"),
        (arguments.input_side, "0", "multiple of 32"),
        (arguments.input_side, "8192", "multiple of 32"),
        (arguments.input_side, "²", "multiple of 32"),
        (arguments.input_size, "320x", "WIDTHxHEIGHT"),
        (arguments.input_size, "32x32x32", "WIDTHxHEIGHT"),
        (arguments.image_size, "640", "640x480"),
        (arguments.image_size, "63x64", "64 to 4096 pixels"),
    ],
)
def test_what_makes_no_sense_is_said(parse, text, reason):
    with pytest.raises(ArgumentTypeError, match=reason):
        parse(text)
