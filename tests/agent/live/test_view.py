"""What those who watch a stream of a service see of it: late pictures, and none while it is paused."""

from dataclasses import replace
from fractions import Fraction

import pytest
from worlds import Gallery, HandClock, World, info_of

from agent.frames.cover import Cover
from agent.frames.cpu_frame import CpuFrame
from agent.live.view import View
from agent.live.views import Views
from agent.redact.effect import Effect
from agent.redact.redactor import Redactor

WORLD = World(frames=1)


class Late:
    """A pipeline from which nothing comes."""

    def show(self, frame, cover):
        return Redactor(WORLD.size, Effect("solid")).redact(frame, cover)

    def lateness(self):
        return "no result yet"


@pytest.fixture
def watched():
    """A clock, what was written, and the heartbeat of a view whose first picture was shown."""
    clock, sink = HandClock(), Gallery()
    view = View(now=clock)
    heart = view.beating(sink, replace(info_of(WORLD), time_base=Fraction(1, 12800)), Late)
    return clock, sink, view, heart


def shown(heart, pts):
    frame = WORLD.frame(0)
    real = CpuFrame(frame.planes, 0, pts, Fraction(1, 12800), frame.colour)
    heart.write(Late().show(real, Cover(())))


def test_while_a_result_is_late_there_are_pictures_of_nothing_and_while_it_is_paused_none(watched):
    clock, sink, view, heart = watched
    shown(heart, 0)
    clock.turn(0.6)
    assert heart.beat()
    assert sink.shown[-1].whole == "no result yet"
    view.rests = True
    clock.turn(5)
    assert not heart.beat()
    view.rests = False
    clock.turn(0.4)
    assert not heart.beat()  # what comes first after the pause is not late yet
    clock.turn(0.2)
    assert heart.beat()


def test_before_the_first_picture_there_is_no_room_for_they_begin_at_0(watched):
    clock, sink, _, heart = watched
    for _ in range(5):
        clock.turn(1)
        assert not heart.beat()
    shown(heart, 0)
    assert [frame.pts for frame in sink.shown] == [0]


def test_what_an_earlier_session_showed_is_not_waited_for():
    view = View()
    frame = Late().show(WORLD.frame(0), Cover(()))
    for _ in range(2):
        view.beating(Gallery(), info_of(WORLD), Late)
        assert not view.wait_for(0.0, 0.0)
        view.note(frame, Cover(()), None)
        assert view.wait_for(0.0, 0.0)


def test_who_watches_a_stream_that_is_no_more_is_told():
    views = Views()
    view = views.view("door")
    assert views.view("door") is view
    viewer = view.fanout.viewer(lambda: None)
    views.drop("yard")
    assert viewer.take() is None
    views.drop("door")
    assert viewer.take().reason == "the stream is no more"
    assert views.view("door") is not view


@pytest.mark.parametrize("joins", [True, False])
def test_a_key_is_wanted_once_by_whoever_joins(joins):
    view = View()
    if joins:
        view.fanout.viewer(lambda: None)
    assert [view.wants_key(), view.wants_key()] == [joins, False]
