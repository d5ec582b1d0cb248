"""What a camera's threads have its client told, and when."""

import asyncio
import gc
import time
import weakref
from types import SimpleNamespace

import pytest

from agent.live.admission import Pace
from agent.live.camera_link import CameraLink
from agent.live.counts import Counts
from agent.live.wire import CAMERA, Dropped, Picture, Taken


@pytest.fixture
def linked():
    """Runs what is to be tried with a link on an event loop, and what its client is told."""

    def run(tried):
        async def on_a_loop():
            link, told = (
                CameraLink(Pace(1000, "pictures", time.monotonic), Counts()),
                asyncio.Queue(),
            )
            link.camera = SimpleNamespace(push=lambda *_: None, number_of=lambda pts: pts)
            link.tell = told.put_nowait
            await asyncio.wait_for(tried(link, told), 60)

        asyncio.run(on_a_loop())

    return run


def send(link, number):
    link.push(bytes(Picture(CAMERA, number, number * 33_000, is_key=True, payload=b"picture")))


def numbers_in(told):
    """Of what was taken; all that it was told by now."""
    numbers = []
    while not told.empty():
        message = told.get_nowait()
        numbers += [message.number] if isinstance(message, Taken) else []
    return numbers


def test_what_was_taken_is_told_with_the_next_picture(linked):
    async def tried(link, told):
        for number in (1, 2):
            send(link, number)
        link.taken(1)
        assert link.number_of(SimpleNamespace(pts=1)) == 1
        assert numbers_in(told) == [1]
        link.taken(2)
        assert told.empty()
        assert link.number_of(SimpleNamespace(pts=2)) == 2
        assert numbers_in(told) == [2]

    linked(tried)


def test_two_wake_the_loop(linked):
    async def tried(link, told):
        for number in (1, 2):
            send(link, number)
        link.taken(1)
        link.taken(2)
        await asyncio.sleep(0)
        assert numbers_in(told) == [1, 2]

    linked(tried)


def test_one_with_which_nothing_comes_is_told_soon(linked):
    async def tried(link, told):
        send(link, 1)
        await asyncio.sleep(0.2)  # its camera is slow to take it
        link.taken(1)
        assert await told.get() == Taken(number=1)

    linked(tried)


def test_it_is_told_before_that_it_was_dropped(linked):
    async def tried(link, told):
        send(link, 1)
        link.taken(1)
        link.dropped([1], "damaged")
        assert await told.get() == Taken(number=1)
        assert await told.get() == Dropped(numbers=[1], why="damaged")

    linked(tried)


def test_once_its_client_has_gone_nothing_is_told_and_nothing_is_left():
    async def go():
        link, told = CameraLink(Pace(1000, "pictures", time.monotonic), Counts()), asyncio.Queue()
        link.camera = SimpleNamespace(push=lambda *_: None)
        link.tell = told.put_nowait
        send(link, 1)
        link.close()
        for number in (1, 2):
            link.taken(number)
        await asyncio.sleep(0)
        assert told.empty()
        left = weakref.ref(link)
        del link
        gc.collect()
        assert left() is None  # no timer of its own holds it

    asyncio.run(go())
