"""A picture in several packets, and what it costs where there is none: no wait."""

from fractions import Fraction

import av
import pytest

from agent.video.joined_packets import JoinedPackets


class Wire:
    """Gives packets, and counts them.

    Args:
        coming: of each its time, and whether it is of a key picture; each holds its place here.
    """

    damaged = 0

    def __init__(self, coming):
        self._coming = coming
        self.read = 0

    def __next__(self):
        if self.read == len(self._coming):
            raise StopIteration
        packet = av.Packet(bytes([self.read]))
        packet.pts = packet.dts = self._coming[self.read][0]
        packet.is_keyframe = self._coming[self.read][1]
        packet.time_base = Fraction(1, 10)
        self.read += 1
        return packet


def given(coming):
    """Of each packet what it holds, its time, and how many were read for it."""
    wire = Wire(coming)
    packets = JoinedPackets(wire)
    found = []
    while (packet := next(packets, None)) is not None:
        assert packet.time_base == Fraction(1, 10)
        found.append((list(bytes(packet)), packet.pts, wire.read))
    return found


def test_a_key_picture_in_parts_is_one():
    coming = [(None, True), (0, True), (1, False), (2, True), (2, True), (2, True), (3, False)]
    assert given(coming) == [([0, 1], 0, 3), ([2], 1, 3), ([3, 4, 5], 2, 7), ([6], 3, 7)]


@pytest.mark.parametrize("times", [(None, None), (None, 0), (0, 0)])
def test_the_first_picture_may_be_without_its_time(times):
    coming = [*((at, True) for at in times), (1, False)]
    assert given(coming) == [([0, 1], times[1], 3), ([2], 1, 3)]


def test_others_wait_for_nothing_once_the_first_was_whole():
    coming = [(None, True), (1, False), (2, True), (3, True)]
    assert given(coming) == [([0], None, 2), ([1], 1, 2), ([2], 2, 3), ([3], 3, 4)]


def test_one_that_begins_to_take_them_apart_later_loses_one():
    coming = [(0, True), (1, True), (1, True), (2, False), (3, True), (3, True)]
    assert given(coming) == [
        *[([0], 0, 2), ([1], 1, 2), ([2], 1, 3), ([3], 2, 4)],
        ([4, 5], 3, 6),
    ]


def test_one_that_ends_in_the_midst_of_it_gives_what_there_is():
    assert given([(5, True), (5, True)]) == [([0, 1], 5, 2)]
    assert given([(5, True)]) == [([0], 5, 1)]
    assert given([]) == []


@pytest.mark.parametrize("which", [0, 1])
def test_what_has_a_damaged_part_is_damaged(which):
    class Damaged(Wire):
        def __next__(self):
            packet = super().__next__()
            packet.is_corrupt = self.read == which + 1
            return packet

    whole = next(JoinedPackets(Damaged([(0, True), (0, True)])))
    assert whole.is_corrupt
    assert whole.is_keyframe
