"""What is asked of a file while it is shown, and what the thread that reads it learns of that."""

import threading

import pytest

from agent.video.playback import Playback

LONG_S = 60


@pytest.fixture
def playback():
    playback = Playback()
    yield playback
    playback.resume()  # whatever waits


def opened():
    return False


def waiting(playback, is_closed=opened):
    """A thread that waits to read; it must not be over by itself."""
    thread = threading.Thread(target=playback.wait_to_read, args=(is_closed,), daemon=True)
    thread.start()
    thread.join(0.05)
    assert thread.is_alive()
    return thread


@pytest.mark.parametrize("asked", ["step", "resume", "seek"])
def test_what_stands_still_goes_on_once_it_is_asked_to(playback, asked):
    playback.wait_to_read(opened)
    playback.pause()
    thread = waiting(playback)
    playback.seek(1) if asked == "seek" else getattr(playback, asked)()
    thread.join(LONG_S)
    assert not thread.is_alive()


def test_two_steps_are_two_frames_and_pausing_again_is_none(playback):
    playback.pause()
    playback.step()
    playback.step()
    playback.wait_to_read(opened)
    playback.wait_to_read(opened)
    waiting(playback)
    playback.resume()
    playback.step()
    playback.pause()
    waiting(playback)


def test_where_to_go_on_is_said_once_and_the_last_word_counts(playback):
    assert playback.sought_s() is None
    playback.seek(3)
    playback.seek(5)
    assert playback.sought_s() == 5
    assert playback.sought_s() is None


def test_what_ended_stands_still_and_goes_on_from_the_beginning(playback):
    playback.end()
    assert playback.paused
    assert playback.ended
    playback.resume()
    assert not playback.paused
    assert not playback.ended
    assert playback.sought_s() == 0


def test_a_seek_was_done_once_the_file_was_begun_for_it_and_for_no_earlier_one(playback):
    playback.began(0.0, 0.0)
    playback.seek(3)
    assert playback.sought_s() == 3
    playback.seek(5)
    playback.began(7.0, 3.0)
    assert playback.begun_at_s(0) is None
    assert playback.sought_s() == 5
    playback.began(7.04, 5.0)
    assert playback.begun_at_s(LONG_S) == 7.04


def test_a_seek_that_finds_nothing_says_so_and_the_next_one_is_no_part_of_that(playback):
    playback.seek(3)
    assert playback.sought_s() == 3
    playback.missed()
    assert playback.begun_at_s(LONG_S) is None
    playback.seek(1)
    assert playback.sought_s() == 1
    playback.began(2.0, 1.0)
    assert playback.begun_at_s(LONG_S) == 2.0


def test_what_is_closed_waits_no_more_and_the_next_source_still_stands(playback):
    closed = threading.Event()
    playback.pause()
    thread = waiting(playback, closed.is_set)
    closed.set()
    playback.wake()
    thread.join(LONG_S)
    assert not thread.is_alive()
    waiting(playback)


def test_a_position_is_where_the_frame_lay_whatever_was_asked_since(playback):
    assert playback.position_s(1.5) == 0
    playback.began(0.0, 0.0)
    playback.began(2.0, 5.0)
    assert playback.position_s(1.0) == 1.0
    assert playback.position_s(2.5) == 5.5


def test_a_frame_waits_for_its_time_and_not_beyond_a_seek(playback):
    assert not playback.wait_to_show(0.01, opened)
    playback.seek(1)
    assert not playback.wait_to_show(LONG_S, opened)
    assert playback.sought_s() == 1
    assert playback.wait_to_show(LONG_S, lambda: True)
