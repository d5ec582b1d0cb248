"""Which packet a picture was, whatever a decoder does to its time."""

from fractions import Fraction
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from agent.video.gstreamer.fed_packets import FedPackets

MPEG = Fraction(1, 90_000)


def reordered(count, depth):
    """Times of presentation in an order of decoding in which none comes later than `depth` on."""
    times = [3003 * n for n in range(count)]
    return st.permutations(range(depth)).map(
        lambda order: [
            times[at]
            for start in range(0, count, depth)
            for at in (start + each for each in order)
            if at < count
        ]
    )


@given(reordered(40, 5), st.sampled_from([1, 1000]), st.integers(-(2**31), 2**33))
def test_each_picture_gets_its_own_packet_back(times, grain, start):
    packets = FedPackets(MPEG, in_order=True)
    fed = [packets.feed(start + at, None, 3003, is_key=False) for at in times]
    for one in sorted(fed, key=lambda each: each.pts):
        found, lost = packets.shown(one.stamp // grain * grain)
        assert (found, lost) == (one, [])
    assert packets.rest() == []


@given(st.lists(st.one_of(st.none(), st.integers(-100, 100)), min_size=1, max_size=60))
def test_no_two_stamps_are_near_each_other(times):
    packets = FedPackets(Fraction(1, 10**9), in_order=True)
    stamps = sorted(packets.feed(at, at, 0, is_key=False).stamp for at in times)
    assert stamps[0] >= 0
    assert all(after - before >= 1000 for before, after in pairwise(stamps))


def test_a_packet_that_was_overtaken_is_lost():
    packets = FedPackets(MPEG, in_order=True)
    fed = [packets.feed(3003 * at, None, 3003, is_key=False) for at in (0, 3, 1, 2, 6, 4, 5)]
    assert packets.shown(fed[0].stamp) == (fed[0], [])
    assert packets.shown(fed[3].stamp) == (fed[3], [fed[2]])
    assert packets.shown(fed[5].stamp) == (fed[5], [fed[1]])
    assert packets.rest() == [fed[4], fed[6]]


def test_before_the_first_picture_nothing_is_lost():
    """Where a recording begins in mid-stream, a decoder leaves out what it can't know."""
    packets = FedPackets(MPEG, in_order=True)
    fed = [packets.feed(3003 * at, None, 3003, is_key=False) for at in range(5)]
    assert packets.shown(fed[4].stamp) == (fed[4], [])
    assert packets.rest() == []


def test_where_times_tell_no_order_pictures_are_taken_as_they_come():
    for in_order, times in ((True, [None] * 4), (False, [0, 9009, 3003, 6006])):
        packets = FedPackets(MPEG, in_order=in_order)
        fed = [packets.feed(at, None, 3003, is_key=False) for at in times]
        assert packets.shown(fed[0].stamp) == (fed[0], [])
        assert packets.shown(None) == (fed[1], [])
        assert packets.rest() == []


@given(st.lists(st.booleans(), min_size=2, max_size=60))
def test_what_has_no_time_of_its_own_keeps_its_place(known):
    """A camera's first packet may have none; where stamps fall back, GStreamer forgets them."""
    packets = FedPackets(MPEG, in_order=True)
    stamps = [
        packets.feed(3003 * at if has else None, None, 3003, is_key=False).stamp
        for at, has in enumerate(known)
    ]
    assert stamps == sorted(stamps)


def test_a_time_that_nobody_fed_is_nobody_s():
    packets = FedPackets(MPEG, in_order=True)
    one = packets.feed(0, 0, 3003, is_key=True)
    assert packets.shown(one.stamp + 5_000_000) == (None, [])
    assert len(packets) == 1


def test_what_no_picture_ever_comes_of_is_forgotten():
    packets = FedPackets(MPEG, in_order=True)
    for at in range(1000):
        packets.feed(at, at, 1, is_key=False)
    assert len(packets) == 64
