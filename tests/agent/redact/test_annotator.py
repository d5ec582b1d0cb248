from dataclasses import replace

import numpy as np
import pytest
from covers import box

from agent.errors import UsageError
from agent.frames.annotated import AnnotatedFrame
from agent.frames.cover import Cover, PlacedOutline
from agent.redact.annotator import Annotator

PERSON = box(61, 52, 68, 99, 3, "person")


@pytest.fixture
def annotator():
    return Annotator((320, 241), i_know_this_is_not_redacted=True)


@pytest.mark.parametrize("said", [{}, {"i_know_this_is_not_redacted": False}])
def test_it_must_be_told_that_nothing_is_hidden(said):
    with pytest.raises(UsageError, match="--i-know-this-is-not-redacted"):
        Annotator((320, 241), **said)


@pytest.mark.parametrize("layout", ["I420", "NV12"])
def test_it_draws_a_box_and_a_label_and_leaves_the_rest(annotator, make_noise, layout):
    frame = make_noise((320, 241), layout)
    drawn = annotator.annotate(frame, Cover((PERSON,)))
    assert isinstance(drawn, AnnotatedFrame)
    changed = drawn.planes[0] != frame.planes[0]
    assert changed[60:140, 60].all()
    assert changed[150, 70:120].all() or changed[152, 70:120].all()
    assert not changed[60:145, 64:124].any(), "the inside is what one wants to see"
    assert changed[36:50, 62:90].mean() > 0.9, "a band with the label above"
    chroma = drawn.planes[1] != frame.planes[1]
    assert chroma.any()
    assert not chroma[30:70, 33:60].any()


def test_tracks_differ_in_colour_and_text(annotator, make_frame):
    grey = make_frame(
        [np.full((241, 320), 90, np.uint8), *(np.full((121, 160), 128, np.uint8) for _ in "uv")]
    )
    seen = []
    for track in range(5):
        person = replace(PERSON, track=track)
        planes = annotator.annotate(grey, Cover((person,))).planes
        seen.append((planes[1][40, 30], planes[2][40, 30], planes[0][30:52, 60:160].tobytes()))
    assert len({(u, v) for u, v, _ in seen}) == 5
    assert len({text for _, _, text in seen}) == 5


@pytest.mark.parametrize("x", [-30, 0, 300, 5000])
@pytest.mark.parametrize("y", [-30, 0, 230, 5000])
def test_boxes_at_and_over_the_edge_are_drawn_as_far_as_they_go(annotator, make_noise, x, y):
    person = box(x, y, 40, 40, 1, "person")
    frame = make_noise((320, 241))
    changed = annotator.annotate(frame, Cover((person,))).planes[0] != frame.planes[0]
    assert changed.any() == (x < 320 and y < 241)


@pytest.mark.parametrize(
    ("size", "cover"),
    [
        ((320, 241), Cover.all_of_it("detector failed")),
        ((322, 241), Cover((PERSON,))),
        ((320, 241), Cover((PlacedOutline(np.zeros(4), np.zeros(3, np.float32)),))),
    ],
    ids=["no result", "another size", "nonsense"],
)
def test_what_has_no_valid_result_is_hidden_whole(annotator, make_noise, size, cover):
    drawn = annotator.annotate(make_noise(size), cover)
    assert drawn.whole
    assert all(len(np.unique(plane)) == 1 for plane in drawn.planes)
