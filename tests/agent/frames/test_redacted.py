import copy

import pytest

from agent.frames.cover import Cover
from agent.frames.redacted import RedactedFrame
from agent.redact.effect import Effect
from agent.redact.redactor import Redactor


@pytest.fixture
def redacted(make_noise):
    return Redactor((6, 4), Effect("blur")).redact(make_noise((6, 4)), Cover(()))


def test_nobody_else_makes_one(make_noise):
    frame = make_noise((6, 4))
    for seal in (None, object(), True, RedactedFrame):
        with pytest.raises(TypeError, match=r"only agent\.redact"):
            RedactedFrame(seal, frame, frame.planes)


def test_it_keeps_the_time_of_its_frame(redacted, make_noise):
    frame = make_noise((6, 4))
    for name in ("index", "pts", "time_base", "colour", "size"):
        assert getattr(redacted, name) == getattr(frame, name)


def test_planes_can_not_be_swapped_afterwards(redacted, make_noise):
    with pytest.raises(AttributeError):
        redacted.planes = make_noise((6, 4)).planes
    with pytest.raises(AttributeError):
        copy.copy(redacted)


def test_it_has_no_subclass_that_could_lift_the_seal():
    with pytest.raises(TypeError, match="no kinds"):
        type("Raw", (RedactedFrame,), {})
