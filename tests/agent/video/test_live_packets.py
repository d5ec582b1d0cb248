"""What a camera sends, until it fails: cases that no real server can be brought to."""

from fractions import Fraction

import av
import pytest
from worlds import HandClock

from agent.video.live_packets import LivePackets


class Wire:
    """A connection on which something comes every second, by a clock that nothing else turns.

    Args:
        coming: times of packets in seconds, None for one without; or an error.
    """

    def __init__(self, coming):
        self._coming = coming
        self.clock = HandClock()

    def demux(self, _stream):
        for each in self._coming:
            self.clock.turn(1)
            if isinstance(each, Exception):
                raise each
            packet = av.Packet(b"something")
            packet.time_base = Fraction(1, 90_000)
            if each is not None:
                packet.pts = packet.dts = round(each * 90_000)
            yield packet


@pytest.fixture
def stream(clip):
    with av.open(str(clip)) as container:
        yield container.streams.video[0]


def packets_of(stream, coming, stall_s=10, no_picture_s=15):
    wire = Wire(coming)
    return LivePackets(wire, stream, stall_s=stall_s, no_picture_s=no_picture_s, now=wire.clock)


def test_what_is_sent_and_never_makes_a_picture_is_a_fault(stream):
    packets = packets_of(stream, range(100))
    assert len(list(packets)) == 15
    assert packets.fault == "sent nothing that can be decoded for 15 s"


def test_a_picture_now_and_then_is_enough(stream):
    packets = packets_of(stream, range(100))
    for i, _ in enumerate(packets):
        if i % 10 == 0:
            packets.saw_picture()
    assert i == 99
    assert packets.fault == "ended the stream"


def test_what_libav_hands_out_when_its_time_is_up_is_taken_and_nothing_is_waited_for(stream):
    packets = packets_of(stream, [0, 1, 2], stall_s=1)
    assert len(list(packets)) == 1
    assert packets.fault == "sent nothing for 1 s"


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (av.error.ExitError(1, "Immediate exit requested"), "sent nothing for 10 s"),
        (av.error.ConnectionResetError(104, "Reset"), "broke off (Reset)"),
    ],
)
def test_a_read_that_fails_is_a_fault_and_says_why(stream, error, fault):
    packets = packets_of(stream, [0, 1, error, 2])
    assert len(list(packets)) == 2
    assert packets.fault == fault
    assert list(packets) == []


def test_packets_without_a_time_are_left_without(stream):
    packets = list(packets_of(stream, [None, 1, None, 2]))
    assert [packet.pts for packet in packets] == [None, 90_000, None, 180_000]


def test_the_first_after_a_jump_is_known(stream):
    packets = packets_of(stream, [0, 1, 7200, 7201])
    given = [(packet.pts, packets.opened_at) for packet in packets]
    assert given == [(0, None), (90_000, None), (180_000, 180_000), (270_000, 180_000)]
    assert packets.jumps == 1
