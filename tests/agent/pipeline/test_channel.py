"""A bounded queue between two threads."""

import gc
import threading
import time
import weakref

import pytest
from worlds import until

from agent.pipeline.channel import Channel, Stopped
from agent.stage_clock import StageClock

SIZE = 3


@pytest.fixture
def clocks():
    return StageClock("writer"), StageClock("reader")


@pytest.fixture
def channel(clocks):
    return Channel(SIZE, *clocks)


def started(work):
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def ended(thread):
    thread.join(60)
    return not thread.is_alive()


def is_waited_for(channel):
    """Whether a thread waits for it to change."""
    return bool(channel._changed._waiters)


def test_items_come_out_in_order_until_the_writer_closes(channel):
    def write():
        for number in range(500):
            channel.put(number)
        channel.close()

    thread = started(write)
    assert list(channel) == list(range(500))
    assert ended(thread)


def test_it_never_holds_more_than_its_size(channel):
    put = []

    def write():
        for number in range(10):
            channel.put(number)
            put.append(number)

    thread = started(write)
    reader = iter(channel)
    for taken in range(4):
        until(lambda: len(put) == taken + SIZE)  # noqa: B023 at once
        time.sleep(0.02)
        assert len(put) == taken + SIZE
        assert next(reader) == taken
    for _ in range(6):
        next(reader)
    assert ended(thread)


def test_what_was_put_before_the_close_still_comes_out(channel):
    channel.put("a")
    channel.put("b")
    channel.close()
    assert list(channel) == ["a", "b"]
    assert list(channel) == []


def test_stop_frees_a_writer_that_waits(channel):
    caught = []

    def write():
        try:
            for number in range(10):
                channel.put(number)
        except Stopped as stopped:
            caught.append(stopped)

    thread = started(write)
    until(lambda: is_waited_for(channel))
    channel.stop()
    assert ended(thread)
    assert len(caught) == 1


def test_stop_frees_a_reader_that_waits(channel):
    caught = []

    def read():
        try:
            list(channel)
        except Stopped as stopped:
            caught.append(stopped)

    thread = started(read)
    until(lambda: is_waited_for(channel))
    channel.stop()
    assert ended(thread)
    assert len(caught) == 1


def test_nothing_comes_out_after_a_stop(channel):
    channel.put("raw")
    channel.stop()
    with pytest.raises(Stopped):
        next(iter(channel))
    with pytest.raises(Stopped):
        channel.put("more")


def test_a_stop_wins_over_a_close(channel):
    channel.put("raw")
    channel.close()
    channel.stop()
    with pytest.raises(Stopped):
        list(channel)


class Heavy:
    """Something that must not be kept alive."""


def test_an_item_is_let_go_before_its_successor_is_awaited(channel):
    item = Heavy()
    gone = weakref.ref(item)
    channel.put(item)
    del item
    reader = iter(channel)
    next(reader)
    waiting = started(lambda: next(reader, None))
    until(lambda: is_waited_for(channel))
    gc.collect()
    assert gone() is None
    channel.close()
    assert ended(waiting)


def test_each_side_is_charged_for_its_own_waiting(channel, clocks):
    writer, reader = clocks
    got, closing = [], threading.Event()

    def write():
        for number in range(SIZE + 1):
            channel.put(number)
        assert closing.wait(60)
        channel.close()

    writes = started(write)
    until(lambda: is_waited_for(channel))  # the writer does
    time.sleep(0.1)
    reads = started(lambda: got.extend(channel))
    until(lambda: channel.taken == SIZE + 1 and not len(channel) and is_waited_for(channel))
    time.sleep(0.1)
    closing.set()
    assert ended(writes)
    assert ended(reads)
    assert got == [0, 1, 2, 3]
    assert writer.wait_out_s >= 0.1
    assert reader.wait_in_s >= 0.1
    assert writer.wait_in_s == reader.wait_out_s == 0


@pytest.fixture
def newest(clocks):
    """A channel that drops the oldest even number, or the oldest."""
    return Channel(SIZE, *clocks, droppable=lambda number: number % 2 == 0)


def test_one_that_keeps_the_newest_never_lets_its_writer_wait(newest, clocks):
    for number in range(0, 200, 2):
        newest.put(number)
    newest.close()
    assert list(newest) == [194, 196, 198]
    assert (newest.taken, newest.dropped) == (100, 97)
    assert clocks[0].wait_out_s == 0


def test_what_must_not_be_dropped_stays_while_anything_else_can_go(newest):
    for number in (1, 2, 4, 6, 3, 8):
        newest.put(number)
    newest.close()
    assert list(newest) == [1, 3, 8]
    assert newest.dropped == 3


def test_where_nothing_may_be_dropped_the_oldest_is(newest):
    for number in (1, 3, 5, 7, 9):
        newest.put(number)
    newest.close()
    assert list(newest) == [5, 7, 9]
    assert newest.dropped == 2


def test_a_reader_that_keeps_up_misses_nothing(newest):
    reader, seen = iter(newest), []
    for number in range(100):
        newest.put(number)
        seen.append(next(reader))
    assert seen == list(range(100))
    assert newest.dropped == 0


def test_nothing_can_be_put_into_a_closed_channel(channel):
    channel.put("a")
    channel.close()
    with pytest.raises(Stopped):
        channel.put("late")
    assert list(channel) == ["a"]
    assert channel.taken == 1


def test_it_tells_how_many_wait(channel):
    assert len(channel) == 0
    channel.put("a")
    channel.put("b")
    assert len(channel) == 2
    next(iter(channel))
    assert len(channel) == 1


@pytest.mark.parametrize("waits", [{"patience_s": 60}, {"room_s": 60}], ids=["first", "each"])
def test_what_comes_all_at_once_is_waited_for(clocks, waits):
    """In the beginning, or where whoever sends holds back meanwhile."""
    patient = Channel(SIZE, *clocks, droppable=lambda _: True, **waits)
    got = []

    def read():
        got.extend(patient)

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(100):
        patient.put(number)
    patient.close()
    assert ended(reader)
    assert got == list(range(100))
    assert patient.dropped == 0


def test_silence_is_told_once_and_not_before_the_first_item(channel):
    got = []
    reads = started(lambda: got.extend(channel.or_silence(lambda: 0.01)))
    until(lambda: is_waited_for(channel))
    time.sleep(0.05)
    for number in range(3):
        channel.put(number)
        until(lambda number=number: got[-2:] == [number, None])
        time.sleep(0.05)
    channel.close()
    assert ended(reads)
    assert got == [0, None, 1, None, 2, None]


def test_what_waits_already_is_no_silence(channel):
    """However long its reader took for the item before."""
    reader, got = channel.or_silence(lambda: 0.01), []
    for number in range(SIZE):
        channel.put(number)
    channel.close()
    for number in reader:
        got.append(number)
        time.sleep(0.05)
    assert got == [0, 1, 2]


def test_silence_counts_from_when_the_last_item_was_put(channel):
    """Not from when its reader was done with it."""
    channel.put("a")
    reader = channel.or_silence(lambda: 0.0)
    assert next(reader) == "a"
    assert next(reader) is None


def test_a_stop_frees_a_reader_that_listens_for_silence(channel):
    channel.put("a")
    reader = channel.or_silence(lambda: 60.0)
    next(reader)
    caught = []

    def read():
        try:
            next(reader)
        except Stopped as stopped:
            caught.append(stopped)

    thread = started(read)
    until(lambda: is_waited_for(channel))
    channel.stop()
    assert ended(thread)
    assert len(caught) == 1


def test_room_is_not_waited_for_for_ever(clocks):
    holding = Channel(1, *clocks, droppable=lambda _: True, room_s=0.01)
    for number in range(4):
        holding.put(number)
    holding.close()
    assert list(holding) == [3]
    assert holding.dropped == 3
    assert clocks[0].wait_out_s >= 3 * 0.01
