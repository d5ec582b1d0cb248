"""Which recordings go, in folders that hypothesis makes up."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from agent.video.recording_name import RecordingName, SinceBoot
from agent.video.retention import Keep, Moment, Recording, retain

DAY_S = 86_400
NOW_S = 1000 * DAY_S
NOW = Moment(NOW_S, synced=True, since_boot=SinceBoot("b" * 8, 10 * DAY_S * 1000))


def recording(number, size_bytes=10, *, age_days=0.0, since_boot=None):
    name = RecordingName(int(NOW_S - age_days * DAY_S), number, since_boot)
    return Recording(Path("door"), name, size_bytes)


def kept(recordings, keep, *, now=NOW, open_bytes=0, disk_bytes=10**6, stuck=()):
    """Numbers that are left; those in `stuck` can't be deleted."""
    left = list(recordings)

    def delete(each):
        if each.name.number in stuck:
            return False
        left.remove(each)
        return True

    used = open_bytes + sum(each.size_bytes for each in left)
    retain(recordings, keep, now, used, disk_bytes - used, delete)
    return [each.name.number for each in left]


FOLDERS = st.lists(st.integers(0, 50), max_size=30).map(
    lambda sizes: [recording(n, size) for n, size in enumerate(sizes, 1)]
)


@given(FOLDERS, st.integers(0, 500), st.integers(0, 100))
def test_bytes_hold_and_no_more_goes_than_must(recordings, limit, open_bytes):
    left = kept(recordings, Keep(bytes=limit), open_bytes=open_bytes)
    sizes = {each.name.number: each.size_bytes for each in recordings}
    total = open_bytes + sum(sizes[number] for number in left)
    assert total <= limit or not left
    gone = sorted(set(sizes) - set(left))
    assert gone == list(range(1, len(gone) + 1)), "the oldest go first"
    if gone:
        assert total + sizes[gone[-1]] > limit, "one less would have been enough"


@given(FOLDERS, st.integers(0, 500), st.integers(500, 2000))
def test_free_space_holds(recordings, least, disk_bytes):
    left = kept(recordings, Keep(free=least), disk_bytes=disk_bytes)
    sizes = {each.name.number: each.size_bytes for each in recordings}
    free = disk_bytes - sum(sizes[number] for number in left)
    assert free >= least or not left


@given(FOLDERS)
def test_without_limits_nothing_goes(recordings):
    assert len(kept(recordings, Keep(), disk_bytes=0)) == len(recordings)


def test_one_that_can_not_be_deleted_costs_the_next_its_place():
    recordings = [recording(n) for n in range(1, 6)]
    assert kept(recordings, Keep(bytes=30), stuck={1}) == [1, 4, 5]


def test_where_much_has_to_go_some_goes_each_time():
    """Frames wait for it."""
    recordings = [recording(n, age_days=9) for n in range(1, 500)]
    for keep in (Keep(days=5), Keep(bytes=0)):
        assert kept(recordings, keep) == list(range(201, 500))


def test_days():
    recordings = [recording(n, age_days=8 - n) for n in range(1, 6)]
    assert kept(recordings, Keep(days=5)) == [3, 4, 5]


def test_days_of_a_clock_that_nobody_should_believe_are_not_counted():
    recordings = [recording(n, age_days=800) for n in range(3)]
    doubtful = Moment(None, synced=False, since_boot=NOW.since_boot)
    assert kept(recordings, Keep(days=5), now=doubtful) == [0, 1, 2]


def test_a_clock_that_went_back_makes_nothing_old():
    assert kept([recording(1, age_days=-400)], Keep(days=5)) == [1]


def test_an_unknown_time_is_as_old_as_what_came_later():
    """The second was recorded in 1970, as its machine believed."""
    old = SinceBoot("a" * 8, 5000)
    recordings = [
        recording(1, age_days=6),
        recording(2, age_days=990, since_boot=old),
        recording(3, age_days=4),
    ]
    just_booted = Moment(NOW_S, synced=True, since_boot=SinceBoot("b" * 8, 0))
    assert kept(recordings, Keep(days=5), now=just_booted) == [2, 3]
    assert kept(recordings, Keep(days=3), now=just_booted) == []


def test_of_this_boot_the_age_is_known_without_a_clock():
    recordings = [
        recording(1, since_boot=SinceBoot("b" * 8, 4 * DAY_S * 1000)),
        recording(2, since_boot=SinceBoot("b" * 8, 6 * DAY_S * 1000)),
    ]
    doubtful = Moment(None, synced=False, since_boot=NOW.since_boot)
    assert kept(recordings, Keep(days=5), now=doubtful) == [2]


def test_what_an_earlier_boot_recorded_is_at_least_as_old_as_this_one():
    recordings = [recording(1, since_boot=SinceBoot("a" * 8, 5000))]
    assert kept(recordings, Keep(days=11)) == [1]
    assert kept(recordings, Keep(days=9)) == []


def test_a_machine_that_no_clock_is_known_to_still_counts_days():
    """An unsynchronised clock that was never set is all there is, and may well be right."""
    recordings = [recording(n, age_days=13 - n, since_boot=SinceBoot("a" * 8, 0)) for n in range(3)]
    never = Moment(NOW_S, synced=False, since_boot=NOW.since_boot)
    assert kept(recordings, Keep(days=11.5), now=never) == [2]
