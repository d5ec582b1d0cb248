"""Outlines of one object become one patch."""

from covers import box

from agent.frames.cover import Cover
from agent.redact.effect import Effect
from agent.redact.patch import patches_of

SIZE = (160, 96)


def test_outlines_of_one_track_are_hidden_in_one_piece():
    cover = Cover((box(10, 10, 40, 40, 1), box(90, 20, 40, 40, 2), box(30, 20, 40, 40, 1)))
    (first, joined), (second, alone) = patches_of(cover, SIZE)
    assert (first.track, second.track) == (1, 2)
    assert cover.objects == 2
    apart = Cover(tuple(box(each.bounds[0], each.bounds[1], 40, 40) for each in cover.outlines))
    for _, patch in patches_of(apart, SIZE):
        whole = joined if patch.x < 80 else alone
        height, width = patch.pixels.shape
        x, y = patch.x - whole.x, patch.y - whole.y
        assert (whole.pixels[y : y + height, x : x + width] >= patch.pixels).all()
    assert joined.pixels.shape[1] < 70
    assert (joined.pixels[:8, -18:] == 0).all()  # between the two nothing more is hidden


def test_parts_of_one_track_that_need_other_effects_stay_apart():
    """The small one is solid, and stays so."""
    cover = Cover((box(10, 10, 60, 60, 1, "person"), box(100, 20, 20, 20, 1, "person")))
    kinds = [patch.effect.kind for _, patch in patches_of(cover, SIZE, Effect.parse("auto"))]
    assert kinds == ["blur", "solid"]


def test_what_lies_outside_has_no_patch():
    cover = Cover((box(-200, 10, 40, 40, 1), box(10, 10, 40, 40, 1)))
    ((outline, patch),) = patches_of(cover, SIZE)
    assert outline is cover.outlines[1]
    assert patch.x < 20
