"""What is told of a stream's last seconds, and which number a picture shows."""

import numpy as np
import pytest
from worlds import World

from agent.frames.cover import Cover, PlacedOutline
from agent.live.numbers import Numbers
from agent.live.objects import objects_of
from agent.live.tally import Tally
from agent.redact.effect import Effect
from agent.redact.redactor import Redactor
from models.outline import GRID


def test_rate_delay_and_share_are_those_of_the_last_seconds():
    tally = Tally()
    for i in range(100):  # ten seconds at ten a second; the second half is slow and covered
        late = i >= 50
        tally.shown(i / 10, 0.9 if late else 0.1, "late" if late else None)
    figures = tally.figures(9.95)
    assert figures.fps == pytest.approx(10, rel=0.02)
    assert (figures.delay_s_p50, figures.delay_s_p95) == (0.9, 0.9)
    assert (figures.whole_share, figures.whole) == (1.0, "late")
    assert figures.last_picture_s == pytest.approx(0.05)


def test_a_median_and_a_tail():
    tally = Tally()
    for i in range(100):
        tally.shown(i / 100, i / 1000, None)
    figures = tally.figures(1.0)
    assert figures.delay_s_p50 == pytest.approx(0.05)
    assert figures.delay_s_p95 == pytest.approx(0.095)
    assert (figures.whole_share, figures.whole) == (0.0, None)


def test_of_nothing_nothing_is_known():
    tally = Tally()
    figures = tally.figures(5.0)
    assert (figures.fps, figures.delay_s_p50, figures.last_picture_s) == (0.0, None, None)
    tally.shown(5.0, None, None)
    figures = tally.figures(60.0)
    assert (figures.fps, figures.last_picture_s) == (0.0, 55.0)


def test_a_picture_has_the_number_that_it_came_with():
    numbers = Numbers()
    numbers.came(7, 1.5)
    assert numbers.of(1000) == 0
    numbers.given(7, 1000)
    numbers.given(8, 2000)  # which never came
    assert (numbers.of(1000), numbers.came_s(1000)) == (7, 1.5)
    assert (numbers.of(2000), numbers.came_s(2000)) == (0, None)


def test_numbers_of_pictures_that_nobody_asks_for_are_forgotten():
    numbers = Numbers()
    for number in range(1, 2000):
        numbers.came(number, 0.0)
        if number % 2:
            numbers.given(number, number * 1000)
    assert numbers.of(1000) == 0
    assert numbers.of(1_999_000) == 1999
    assert len(numbers._at) < 500
    assert len(numbers._came) < 500


def told_of(*outlines, whole=None):
    cover = Cover(tuple(outlines), whole)
    frame = Redactor((160, 96), Effect("solid")).redact(World(frames=1).frame(0), cover)
    return objects_of(frame, cover, 5)


def outline(*bounds, track=3):
    field = np.ones((GRID, GRID), np.float32)
    return PlacedOutline(np.array(bounds, np.float64), field, track=track, label="person")


def test_objects_lie_in_parts_of_the_picture_and_inside_it():
    told = told_of(outline(16, 24, 80, 48), outline(-16, 48, 320, 500, track=4))
    assert (told.number, told.whole) == (5, None)
    assert [(seen.track, seen.label) for seen in told.objects] == [(3, "person"), (4, "person")]
    assert [seen.box for seen in told.objects] == [(0.1, 0.25, 0.5, 0.5), (0, 0.5, 1, 1)]


def test_an_object_of_several_outlines_has_one_box_around_them():
    told = told_of(outline(16, 24, 80, 48), outline(32, 12, 96, 36), outline(0, 0, 8, 6, track=9))
    assert [(seen.track, seen.box) for seen in told.objects] == [
        (3, (0.1, 0.125, 0.6, 0.5)),
        (9, (0, 0, 0.05, 0.0625)),
    ]


def test_what_is_covered_whole_names_the_reason_and_no_objects():
    told = told_of(outline(16, 24, 80, 48), whole="late")
    assert (told.objects, told.whole) == ([], "late")


def test_a_place_that_is_none_is_not_told():
    told = told_of(outline(16, 24, float("nan"), 48))
    assert told.objects == []
    assert told.whole is not None
