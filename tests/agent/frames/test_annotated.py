import copy

import pytest
from recording import annotated_grey

from agent.frames.annotated import AnnotatedFrame
from agent.frames.redacted import _SEAL, RedactedFrame


def test_nobody_else_makes_one(make_noise):
    frame = make_noise((6, 4))
    for seal in (None, object(), True, AnnotatedFrame, _SEAL):
        with pytest.raises(TypeError, match=r"only agent\.redact makes an AnnotatedFrame"):
            AnnotatedFrame(seal, frame, frame.planes)


def test_it_keeps_the_time_of_its_frame():
    frame = annotated_grey(7)
    assert (frame.pts, frame.size) == (7, (96, 64))


def test_planes_can_not_be_swapped_afterwards():
    frame = annotated_grey()
    with pytest.raises(AttributeError):
        frame.planes = ()
    with pytest.raises(AttributeError):
        copy.copy(frame)


def test_it_has_no_subclass_and_is_none_itself():
    with pytest.raises(TypeError, match="no kinds"):
        type("Safe", (AnnotatedFrame,), {})
    assert not issubclass(AnnotatedFrame, RedactedFrame)
