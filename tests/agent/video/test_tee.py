"""Outputs that fail one by one, and what that is to the others."""

from dataclasses import replace

import pytest
from coded import STREAM, coded
from recording import INFO, grey, leftovers

from agent.errors import OutputError
from agent.frames.encoded import _SEAL
from agent.video.encoder import VideoEncoder
from agent.video.encoding_sink import EncodingSink
from agent.video.file_output import FileOutput
from agent.video.tee import Tee

PACKETS = [coded(n, is_key=n == 0) for n in range(4)]


class Shelf:
    """An output that keeps what it gets, and whose disk fails at one step of its life.

    Attributes:
        packets: what was written.
        ended: how: "finished", "aborted".
    """

    def __init__(self, fails_at="never", error=None):
        self._fails_at, self._error = fails_at, error or OutputError(f"no room at {fails_at}")
        self.packets, self.ended = [], []

    def _step(self, name):
        if name == self._fails_at:
            raise self._error

    def start(self, stream):
        stream.require_redacted()
        self._step("start")

    def write(self, packet):
        self._step(f"packet {packet.pts}")
        self.packets.append(packet)

    def finish(self):
        self._step("finish")
        self.ended.append("finished")

    def abort(self):
        self.ended.append("aborted")


def drive(output, stream=STREAM, packets=PACKETS):
    output.start(stream)
    for packet in packets:
        output.write(packet)
    output.finish()


def test_every_output_gets_every_packet():
    shelves = Shelf(), Shelf(), Shelf()
    drive(Tee(*shelves))
    assert [shelf.packets for shelf in shelves] == [PACKETS] * 3
    assert [shelf.ended for shelf in shelves] == [["finished"]] * 3


@pytest.mark.parametrize("step", ["start", "packet 0", "packet 2", "finish"])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_one_that_fails_costs_the_others_nothing_and_is_told_at_the_end(step, place, caplog):
    shelves = [Shelf(), Shelf()]
    shelves.insert(place, Shelf(fails_at=step))
    with pytest.raises(OutputError, match=f"no room at {step}"):
        drive(Tee(*shelves))
    broken = shelves.pop(place)
    assert broken.ended == ["aborted"]
    assert [shelf.packets for shelf in shelves] == [PACKETS] * 2
    assert [shelf.ended for shelf in shelves] == [["finished"]] * 2
    assert f"no room at {step}" in caplog.text


def test_the_first_failure_is_the_one_that_is_told():
    shelves = Shelf(fails_at="packet 3"), Shelf(fails_at="packet 1"), Shelf()
    with pytest.raises(OutputError, match="no room at packet 1"):
        drive(Tee(*shelves))
    assert [len(shelf.packets) for shelf in shelves] == [3, 1, 4]


def test_when_none_is_left_nothing_goes_on():
    tee = Tee(Shelf(fails_at="packet 1"), Shelf(fails_at="packet 2"))
    tee.start(STREAM)
    tee.write(PACKETS[0])
    tee.write(PACKETS[1])
    with pytest.raises(OutputError, match="no room at packet 1"):
        tee.write(PACKETS[2])


def test_a_mistake_of_ours_is_no_failure_of_an_output():
    first, broken, last = Shelf(), Shelf(fails_at="packet 1", error=KeyError("oops")), Shelf()
    tee = Tee(first, broken, last)
    with pytest.raises(KeyError):
        drive(tee)
    tee.abort()
    assert [shelf.ended for shelf in (first, broken, last)] == [["aborted"]] * 3


def test_a_refusal_is_passed_on_before_anything_is_written():
    shelves = Shelf(), Shelf()
    tee = Tee(*shelves)
    with pytest.raises(TypeError, match="not redacted"):
        tee.start(replace(STREAM, seal=_SEAL, annotated=True))
    tee.abort()
    assert [shelf.ended for shelf in shelves] == [["aborted"]] * 2


def test_all_are_aborted_even_if_that_fails_for_one():
    class Stuck(Shelf):
        def abort(self):
            super().abort()
            raise OSError("stuck")

    shelves = Shelf(), Stuck(), Shelf()
    with pytest.raises(OSError, match="stuck"):
        Tee(*shelves).abort()
    assert [shelf.ended for shelf in shelves] == [["aborted"]] * 3


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_two_files_of_one_encoding_are_what_each_would_be_alone(tmp_path, codec):
    encoder = VideoEncoder(INFO, codec=codec)  # once: x264 may code a picture in several ways
    packets = [packet for pts in range(-3, 60) for packet in encoder.encode(grey(pts))]
    packets += encoder.flush()
    names = ("a.mp4", "b.mkv", "c.mov")
    drive(Tee(*(FileOutput(tmp_path / name) for name in names)), encoder.stream, packets)
    (tmp_path / "alone").mkdir()
    for name in names:
        drive(FileOutput(tmp_path / "alone" / name), encoder.stream, packets)
        assert (tmp_path / name).read_bytes() == (tmp_path / "alone" / name).read_bytes()


def test_files_of_a_run_that_stops_are_all_gone(tmp_path):
    tee = Tee(FileOutput(tmp_path / "a.mp4"), FileOutput(tmp_path / "b.mkv"))
    with EncodingSink(VideoEncoder(INFO), tee) as sink:
        sink.write(grey(0))
        assert len(leftovers(tmp_path)) == 2
    assert leftovers(tmp_path) == []
