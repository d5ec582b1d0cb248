"""What is said of an effect that leaves more than it should."""

import pytest

from agent.cli.arguments import weak_effect
from agent.settings import BlurSettings

COCO = "person", "car", "stop sign", "tv", "laptop", "cell phone", "book"


@pytest.mark.parametrize("effect", ["blur", "pixelate"])
def test_a_weak_effect_on_what_can_be_read_is_named(effect):
    said = weak_effect(BlurSettings(effect=effect), ("person", "licence_plate"))
    assert said.startswith(f"--effect {effect}: ")
    assert "licence_plate" in said
    assert "person" not in said
    assert "--effect auto" in said


def test_it_stays_one_line_however_many_there_are():
    said = weak_effect(BlurSettings(effect="blur"), COCO)
    assert "stop sign, tv, laptop and 2 more" in said
    assert "\n" not in said


@pytest.mark.parametrize("effect", ["auto", "solid", "solid:ff00ff"])
def test_of_what_hides_it_well_nothing_is_said(effect):
    assert weak_effect(BlurSettings(effect=effect), COCO) is None


def test_nor_where_there_is_nothing_to_read():
    assert weak_effect(BlurSettings(effect="blur"), ("person", "car")) is None
