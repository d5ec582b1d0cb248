"""Events on their way to a broker, in a real file."""

import sqlite3
from collections import Counter

import pytest
from machine_clock import MachineClock
from stored_device import NOW_S, StoredDevice

from agent.control.event_rows import KEPT_BYTES, KEPT_S
from agent.control.messages import Event
from agent.control.outbox import MOST_HELD
from agent.control.refusal import Refusal
from agent.control.replays import MOST_RANGES
from agent.control.stored import MOST_LETTERS


@pytest.fixture
def device(tmp_path):
    device = StoredDevice(tmp_path)
    yield device
    device.database.close()


@pytest.fixture
def make(tmp_path):
    made = []

    def make(**settings):
        made.append(StoredDevice(tmp_path, **settings))
        return made[-1]

    yield make
    for device in made:
        device.database.close()


def numbers(events):
    return [event.data["n"] for event in events]


def seqs(events):
    return [event.seq for event in events]


def test_what_is_not_committed_is_not_handed_out(device):
    device.outbox.add("boot", {"n": 1})
    assert device.outbox.next() is None
    assert device.outbox.depth == 1
    device.database.commit()
    assert numbers(device.send()) == [1]
    assert device.outbox.depth == device.outbox.depth_bytes == 0


def test_events_come_in_order_once_a_connection_until_they_are_acknowledged(device):
    device.happen(*range(10))
    first = device.send(answer=False)
    assert (numbers(first), seqs(first)) == (list(range(10)), list(range(1, 11)))
    assert device.outbox.next() is None
    for each in (first[1], first[0], first[4]):
        device.outbox.acknowledged(each, heard=True)
    assert device.outbox.depth == 7
    device.outbox.rewind()
    assert numbers(device.send()) == [2, 3, 5, 6, 7, 8, 9]
    device.outbox.rewind()
    assert device.outbox.next() is None


def test_what_was_acknowledged_out_of_order_is_known_after_a_restart(device):
    device.happen(*range(6))
    got = device.send(answer=False)
    for each in (got[0], got[2], got[5]):
        device.outbox.acknowledged(each, heard=True)
    device.restart()
    assert device.outbox.depth == 3
    assert numbers(device.send()) == [1, 3, 4]


def test_an_acknowledgement_alone_writes_nothing(device):
    device.happen(1)
    device.send()
    assert not device.outbox.waits
    before = device.path.with_name("control.db-wal").stat().st_mtime_ns
    assert device.database.commit()
    assert device.path.with_name("control.db-wal").stat().st_mtime_ns == before


def test_an_id_is_one_events_for_ever(device):
    device.happen(*range(3))
    first = [device.outbox.event_of(each).id for each in device.send(answer=False)]
    device.restart()
    device.happen(3)
    again = device.send()
    events = [device.outbox.event_of(each) for each in again]
    assert [event.id for event in events][:3] == first
    assert len({event.id for event in events}) == 4
    assert [event.boot_id for event in events] == ["start1"] * 3 + ["start2"]
    assert {event.epoch for event in events} == {device.outbox.epoch}
    assert [event.seq for event in events] == [1, 2, 3, 4]


def test_numbers_go_on_when_no_row_is_left(device):
    device.happen(*range(5))
    device.send()
    device.machine.turn(KEPT_S)
    device.happen(5)
    device.send()
    device.machine.turn(2 * KEPT_S)
    assert device.database.commit()
    device.machine.turn(2 * KEPT_S)
    device.happen(6)
    device.restart()
    assert seqs(device.send()) == [7]


def test_nobody_who_listens_is_counted(device):
    device.happen(1, 2)
    for each in device.send(answer=False):
        device.outbox.acknowledged(each, heard=False)
    assert (device.outbox.unheard, device.outbox.depth) == (2, 0)


def test_values_that_no_message_takes_are_refused_and_long_texts_shortened(device):
    for value in (float("nan"), float("inf"), [1], {"a": 1}):
        with pytest.raises(ValueError, match="validation error"):
            device.outbox.add("stream", {"n": value})
    reason = "what a camera said " * 100
    device.outbox.add(
        "stream", {"reason": reason, "file": "caf\udce9", "nothing": None, "on": True}
    )
    device.database.commit()
    (stored,) = device.send()
    event = Event.model_validate_json(device.outbox.event_of(stored).model_dump_json())
    assert event.data == {
        "reason": reason[:MOST_LETTERS], "file": "caf?", "nothing": None, "on": True,
    }  # fmt: skip


def test_more_events_at_once_than_memory_holds_are_written_before(device):
    for number in range(3 * MOST_HELD):
        device.outbox.add("track", {"n": number})
    device.database.commit()
    assert numbers(device.send()) == list(range(3 * MOST_HELD))


# replay


def test_what_a_broker_lost_is_sent_again(device):
    device.happen(*range(10))
    device.send()
    assert device.outbox.replay(device.outbox.epoch, 3, 6) == 4
    again = device.send()
    assert seqs(again) == [3, 4, 5, 6]
    assert device.outbox.next() is None
    assert device.outbox.depth == 0


def test_a_replay_sends_nothing_twice_that_is_still_to_be_sent(device):
    device.happen(*range(10))
    device.send(4)
    late = device.send(2, answer=False)
    device.outbox.acknowledged(late[1], heard=True)
    assert device.outbox.replay(device.outbox.epoch, 1, 10) == 5
    came = Counter(seqs(device.send()))
    assert came == Counter([1, 2, 3, 4, 6, 7, 8, 9, 10])
    device.outbox.rewind()
    assert seqs(device.send()) == [5]


def test_ranges_that_overlap_are_sent_once(device):
    device.happen(*range(10))
    device.send()
    assert device.outbox.replay(device.outbox.epoch, 2, 5) == 4
    assert device.outbox.replay(device.outbox.epoch, 4, 8) == 5
    assert seqs(device.send()) == [2, 3, 4, 5, 6, 7, 8]


def test_a_replay_and_what_is_new_take_turns(device):
    device.happen(*range(100))
    device.send()
    device.outbox.replay(device.outbox.epoch, 1, 100)
    device.happen(*range(100, 120))
    came = seqs(device.send(40))
    assert sum(seq > 100 for seq in came) == 20
    assert [seq for seq in came if seq <= 100] == list(range(1, 21))


def test_a_replay_goes_on_in_the_next_connection(device):
    device.happen(*range(10))
    device.send()
    device.outbox.replay(device.outbox.epoch, 1, 10)
    sent = device.send(5, answer=False)
    for each in sent[:2]:
        device.outbox.acknowledged(each, heard=True)
    device.outbox.rewind()
    assert seqs(device.send()) == [3, 4, 5, 6, 7, 8, 9, 10]


@pytest.mark.parametrize(
    ("epoch", "asked"),
    [("other", (1, 3)), (None, (4, 9)), (None, (3, 2)), (None, (10**30, 10**31))],
)
def test_nothing_to_replay_is_not_found(device, epoch, asked):
    device.happen(1, 2, 3)
    device.send()
    with pytest.raises(Refusal) as refused:
        device.outbox.replay(epoch or device.outbox.epoch, *asked)
    assert refused.value.code == "not_found"


def test_a_replay_of_which_a_part_is_gone_sends_the_rest(device):
    device.happen(1, 2, 3)
    device.send()
    assert device.outbox.replay(device.outbox.epoch, 2, 10**30) == 2
    assert seqs(device.send()) == [2, 3]


def test_too_many_gaps_at_once_are_refused_until_they_are_filled(device):
    device.happen(*range(3 * MOST_RANGES))
    device.send()
    for gap in range(MOST_RANGES):
        device.outbox.replay(device.outbox.epoch, 3 * gap + 1, 3 * gap + 1)
    with pytest.raises(Refusal) as refused:
        device.outbox.replay(device.outbox.epoch, 3 * MOST_RANGES, 3 * MOST_RANGES)
    assert refused.value.code == "busy"
    assert len(device.send()) == MOST_RANGES
    assert device.outbox.replay(device.outbox.epoch, 3 * MOST_RANGES, 3 * MOST_RANGES) == 1


# what stays, what goes


def test_acknowledged_events_stay_for_a_day_and_go_by_themselves(device):
    device.happen(*range(10))
    device.send()
    device.happen(10)
    for _ in range(23):
        device.machine.turn(3600)
        assert device.database.commit()
    assert device.outbox.replay(device.outbox.epoch, 1, 10) == 10
    device.send()
    device.machine.turn(2 * 3600)
    assert device.outbox.waits
    assert device.database.commit()
    with pytest.raises(Refusal):
        device.outbox.replay(device.outbox.epoch, 1, 10)
    assert not device.outbox.waits


def test_no_start_shortens_the_day(device):
    """Even where the machine boots with another clock each time."""
    device.happen(*range(10))
    device.send()
    device.happen(10)
    for _ in range(5):
        device.database.close()
        device.machine = MachineClock(NOW_S * 2, boot_id=f"boot{device.starts}")
        device.start()
        device.machine.turn(KEPT_S / 6)
        device.happen(0)
    assert device.outbox.replay(device.outbox.epoch, 1, 10) == 10
    device.machine.turn(KEPT_S / 6 + 1)
    device.happen(0)
    with pytest.raises(Refusal):
        device.outbox.replay(device.outbox.epoch, 1, 10)


@pytest.mark.slow
def test_of_acknowledged_events_no_more_stay_than_64_mib(device):
    texts = {f"text{n}": "x" * MOST_LETTERS for n in range(20)}
    for number in range(10_000):
        device.outbox.add("stream", {"n": number, **texts})
        if number % 500 == 0:
            device.database.commit()
            device.send()
    device.database.commit()
    device.send()
    device.happen(10_000)
    left = device.database.rows("SELECT sum(length(data)) FROM event")[0][0]
    assert 0.8 * KEPT_BYTES < left < KEPT_BYTES
    assert device.outbox.replay(device.outbox.epoch, 9_990, 10_000) == 11
    assert device.path.stat().st_size < 1.5 * KEPT_BYTES  # a row of 10 kB does not fill its pages
    assert device.outbox.dropped == 0


def test_where_they_take_up_too_much_acknowledged_events_go_first(make):
    device = make(limit_bytes=50_000)
    device.happen(*range(100), padding="x" * 200)
    device.send(50)
    device.happen(*range(100, 200), padding="x" * 200)
    assert device.outbox.dropped == 0
    assert device.outbox.depth == 150
    assert len(device.send()) == 150


def test_then_tracks_then_the_oldest_and_what_tells_of_it_last(make):
    device = make(limit_bytes=50_000)
    device.happen(*range(100), padding="x" * 200)
    device.happen(*range(100, 160), kind="track", padding="x" * 200)
    device.happen(*range(160, 200), padding="x" * 200)
    kinds = Counter(row[0] for row in device.database.rows("SELECT kind FROM event"))
    assert kinds["stream"] == 140
    assert kinds["track"] == 60 - device.outbox.dropped > 0
    device.happen(*range(200, 400), padding="x" * 200)
    kept = device.send()
    kinds = Counter(event.kind for event in kept)
    assert kinds["track"] == 0
    assert 2 <= kinds["drop"] < 5
    streams = [event for event in kept if event.kind == "stream"]
    assert numbers(streams) == list(range(400 - len(streams), 400))
    told = [event.data for event in kept if event.kind == "drop"]
    assert {each["reason"] for each in told} == {"the outbox is full"}
    assert sum(each["count"] for each in told) == device.outbox.dropped == 400 - len(streams)
    missing = set(range(1, kept[-1].seq + 1)) - set(seqs(kept))
    assert all(any(each["from_seq"] <= seq <= each["to_seq"] for each in told) for seq in missing)
    assert len(missing) == device.outbox.dropped


def test_what_is_on_its_way_is_not_dropped(make):
    device = make(limit_bytes=50_000)
    device.happen(*range(16), padding="x" * 200)
    sent = device.send(answer=False)
    device.happen(*range(16, 400), padding="x" * 200)
    for each in sent:
        device.outbox.acknowledged(each, heard=True)
    kept = device.send()
    assert len(kept) + 16 + device.outbox.dropped == kept[-1].seq


def test_what_arrived_out_of_order_is_not_dropped_in_the_next_connection(make):
    device = make(limit_bytes=50_000)
    device.happen(*range(16), padding="x" * 200)
    for stored in device.send(answer=False)[1:]:
        device.outbox.acknowledged(stored, heard=True)
    device.outbox.rewind()
    device.happen(*range(16, 400), padding="x" * 200)
    kept = device.send()
    assert len(kept) + 15 + device.outbox.dropped == kept[-1].seq


@pytest.mark.slow
def test_the_file_stays_as_small_as_it_is_told_to(make):
    limit = 2_000_000
    device = make(limit_bytes=limit)
    for _ in range(200):
        device.happen(*range(200), padding="x" * 250)
    assert device.outbox.depth_bytes <= limit
    told = device.database.rows("SELECT count(*) FROM event WHERE kind = 'drop'")[0][0]
    assert device.outbox.dropped + device.outbox.depth == 40_000 + told
    device.restart()
    assert device.path.stat().st_size < 1.2 * limit


# when it was


def test_events_from_before_the_clock_was_set_get_the_right_time(make):
    device = make(synced=False)
    device.machine.wall_s = 100.0
    device.happen(1)
    device.machine.turn(50)
    (early,) = device.send(answer=False)
    event = device.outbox.event_of(early)
    assert (event.ts, event.clock_synced, event.mono_ms) == (None, False, 0)
    device.machine.wall_s, device.machine.synced = NOW_S, True
    event = device.outbox.event_of(early)
    assert (event.ts, event.clock_synced) == (NOW_S - 50, True)


def test_what_a_boot_knew_of_its_time_is_known_to_later_ones(make):
    device = make(synced=False)
    device.machine.wall_s = 100.0
    device.happen(1)
    device.machine.turn(50)
    device.machine.wall_s, device.machine.synced = NOW_S, True
    assert device.outbox.waits
    assert device.database.commit()
    assert not device.outbox.waits
    device.database.close()
    device.machine = MachineClock(100.0, synced=False, boot_id="later")
    device.start()
    device.happen(2)
    first, second = (device.outbox.event_of(each) for each in device.send())
    assert (first.ts, second.ts) == (NOW_S - 50, None)


def test_a_clock_that_creeps_is_not_written_each_time(device):
    device.happen(1)
    for _ in range(10):
        device.machine.turn(60)
        device.machine.wall_s += 0.03
        assert not device.outbox.waits
    device.machine.wall_s += 3600
    assert device.outbox.waits


def test_a_time_that_was_vouched_for_is_a_floor_after_a_restart(device):
    device.happen(1)
    device.database.close()
    device.machine = MachineClock(NOW_S - 3600, synced=False, boot_id="later")
    device.start()
    assert not device.clock.believable
    device.machine.turn(3601)
    assert device.clock.believable


# damage


def test_a_row_that_is_damaged_is_told_of_and_holds_nothing_up(device):
    device.happen(*range(5))
    device.database.close()
    with sqlite3.connect(device.path) as other:
        other.execute("UPDATE event SET data = replace(data, 'n', 'm') WHERE seq = 2")
        other.execute("UPDATE event SET kind = 'stre?m' WHERE seq = 3")
        other.execute("UPDATE event SET start = 7 WHERE seq = 4")
    other.close()
    device.start()
    assert seqs(device.send()) == [1, 5]
    assert device.outbox.dropped == 3
    assert device.database.commit()
    (told,) = device.send()
    assert told.data == {
        "reason": "a row was damaged", "count": 3, "from_seq": 2, "to_seq": 4,
    }  # fmt: skip
    assert device.outbox.depth == 0
    assert device.outbox.replay(device.outbox.epoch, 1, 5) == 5
    assert seqs(device.send()) == [1, 5]
