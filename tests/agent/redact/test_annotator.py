import numpy as np
import pytest
from agent.redact.annotate import Annotator

from agent.errors import UsageError
from agent.frames.cover import Cover, Patch
from agent.frames.redacted import RedactedFrame

PERSON = Patch(60, 51, np.full((101, 70), 255, np.uint8), track=3, label="person")


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
    drawn = annotator.redact(frame, Cover((PERSON,)))
    assert isinstance(drawn, RedactedFrame)
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
        patch = Patch(60, 51, PERSON.pixels, track, "person")
        planes = annotator.redact(grey, Cover((patch,))).planes
        seen.append((planes[1][40, 30], planes[2][40, 30], planes[0][30:52, 60:160].tobytes()))
    assert len({(u, v) for u, v, _ in seen}) == 5
    assert len({text for _, _, text in seen}) == 5


@pytest.mark.parametrize("x", [-30, 0, 300, 5000])
@pytest.mark.parametrize("y", [-30, 0, 230, 5000])
def test_boxes_at_and_over_the_edge_are_drawn_as_far_as_they_go(annotator, make_noise, x, y):
    patch = Patch(x, y, np.full((40, 40), 255, np.uint8), 1, "person")
    frame = make_noise((320, 241))
    changed = annotator.redact(frame, Cover((patch,))).planes[0] != frame.planes[0]
    assert changed.any() == (x < 320 and y < 241)


@pytest.mark.parametrize(
    ("size", "cover"),
    [
        ((320, 241), Cover.all_of_it("detector failed")),
        ((322, 241), Cover((PERSON,))),
        ((320, 241), Cover((Patch(0, 0, np.zeros(3, np.uint8)),))),
    ],
    ids=["no result", "another size", "nonsense"],
)
def test_what_has_no_valid_result_is_hidden_whole(annotator, make_noise, size, cover):
    drawn = annotator.redact(make_noise(size), cover)
    assert drawn.whole
    assert all(len(np.unique(plane)) == 1 for plane in drawn.planes)
