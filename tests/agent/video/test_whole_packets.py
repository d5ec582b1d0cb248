"""Which packets a decoder is given that would fill in by a guess what they lack."""

import av
import numpy as np
import pytest

from agent.video.whole_packets import WholePackets


class Broken:
    """A file that can be read up to a byte of one of its packets, and what its reader makes of that.

    Args:
        packets: of it.
        which: the last, None for all of them.
        share: of its bytes that are there.
        says_so: whether the reader knows that it had to stop.
    """

    def __init__(self, packets, which=None, share=1.0, *, says_so=False):
        self._packets, self._says_so = packets, says_so
        if which is not None:
            last = packets[which]
            part = av.Packet(bytes(last)[: int(last.size * share)])
            part.is_keyframe = last.is_keyframe
            self._packets = [*packets[:which], part]
        self.given = self.damaged = 0

    def __next__(self):
        if self.given == len(self._packets):
            self.damaged = int(self._says_so)
            raise StopIteration
        self.given += 1
        return self._packets[self.given - 1]


@pytest.fixture
def read():
    """The packets of a file, and its stream."""
    containers = []

    def of(path):
        container = av.open(str(path))
        containers.append(container)
        stream = container.streams.video[0]
        return [packet for packet in container.demux(stream) if packet.size], stream

    yield of
    for container in containers:
        container.close()


def noisy(number, width, height):
    """RGB [height, width, 3]: nothing of a picture tells what the next one shows."""
    return np.random.default_rng(number).integers(0, 256, (height, width, 3), np.uint8)


def given(packets):
    """What is given, and how many are known to be damaged with each, and at the end."""
    sizes, damaged = [], []
    while (packet := next(packets, None)) is not None:
        sizes.append(packet.size)
        damaged.append(packets.damaged)
    assert next(packets, None) is None
    return sizes, [*damaged, packets.damaged]


GROUPS = {"g": "10", "sc_threshold": "0"}
"""Key pictures every ten, and nowhere else."""

CLIPS = {
    "one after the other": {"options": GROUPS | {"bf": "0"}},
    "b-pictures": {"options": GROUPS | {"bf": "3", "b_strategy": "0"}},
    "open groups": {
        "options": {"bf": "3", "b_strategy": "0", "g": "8", "x264-params": "open-gop=1"}
    },
    "transport stream": {"suffix": ".ts", "options": GROUPS},
    "raw": {"suffix": ".h264", "options": GROUPS},
    "key pictures alone": {"options": {"g": "1"}},
    "h265": {
        "codec": "libx265",
        "options": {"x265-params": "log-level=error:keyint=10:scenecut=0"},
    },
    "h265 in matroska": {
        "codec": "libx265",
        "suffix": ".mkv",
        "options": {"x265-params": "log-level=error:keyint=10:scenecut=0:open-gop=1"},
    },
}


def written(clips, tmp_path, kind):
    settings = dict(CLIPS[kind])
    path = tmp_path / f"clip{settings.pop('suffix', '.mp4')}"
    return clips.write(path, range(30), draw=noisy, **settings)


@pytest.mark.slow
@pytest.mark.parametrize("kind", CLIPS)
def test_of_what_is_whole_everything_is_given_wherever_it_ends(clips, tmp_path, read, kind):
    packets, stream = read(written(clips, tmp_path, kind))
    sizes = [packet.size for packet in packets]
    for count in (1, 2, 3, 9, 10, 11, 12, 30):
        whole = WholePackets(Broken(packets, count - 1), stream)
        assert given(whole) == (sizes[:count], [0] * (count + 1))


@pytest.mark.slow
@pytest.mark.parametrize("kind", CLIPS)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_where_a_picture_breaks_off_it_is_left_out(clips, tmp_path, read, kind, share):
    packets, stream = read(written(clips, tmp_path, kind))
    sizes = [packet.size for packet in packets]
    for which in (1, 2, 5, *range(9, 14), 28, 29):
        whole = WholePackets(Broken(packets, which, share), stream)
        assert given(whole) == (sizes[:which], [0] * which + [1]), which


def test_what_could_not_be_read_is_told_where_it_was(clips, tmp_path, read):
    packets, stream = read(written(clips, tmp_path, "b-pictures"))
    whole = WholePackets(Broken(packets, says_so=True), stream)
    assert given(whole)[1] == [0] * 30 + [1]
    broken = WholePackets(Broken(packets, 20, 0.5, says_so=True), stream)
    assert given(broken)[1] == [0] * 20 + [2]


@pytest.mark.parametrize("which", [14, 20])
def test_what_the_reader_says_is_damaged_is_left_out_and_counts_with_the_next(
    clips, tmp_path, read, which
):
    """FFmpeg marks the picture before that of which something is lost, which then is suspect."""
    path = clips.write(tmp_path / "clip.ts", range(40), draw=noisy, options=GROUPS | {"bf": "0"})
    packets, _ = read(path)
    sizes = [packet.size for packet in packets]
    data = path.read_bytes()
    lost = packets[which].pos + 188 * 8  # of some thirty TS packets
    path.write_bytes(data[:lost] + data[lost + 188 :])
    again, stream = read(path)
    assert [n for n, packet in enumerate(again) if packet.is_corrupt] == [which - 1]
    assert [n for n in range(40) if again[n].size != sizes[n]] == [which]
    whole = WholePackets(Broken(again), stream)
    shown, damaged = given(whole)
    assert shown[: which - 1] + shown[which:] == sizes[: which - 1] + sizes[which + 1 :]
    assert damaged == [0] * (which - 1) + [1] * (41 - which)


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_the_end_of_a_group_that_is_too_long_to_be_kept_is_not_believed(
    clips, tmp_path, read, share
):
    path = clips.write(tmp_path / "clip.mp4", range(320), options=GROUPS | {"g": "1000"})
    packets, stream = read(path)
    assert len(given(WholePackets(Broken(packets, 299), stream))[0]) == 300
    whole = WholePackets(Broken(packets, 319, share), stream)
    assert given(whole) == ([packet.size for packet in packets[:319]], [0] * 319 + [1])


def test_damage_before_the_last_picture_of_a_group_is_found_at_its_end_alone(clips, tmp_path, read):
    """In the group before, nobody would want to know any more: a key picture has come since."""
    path = clips.write(tmp_path / "clip.mp4", range(30), draw=noisy, options=GROUPS | {"bf": "0"})
    for hit, left_out in ((25, 1), (15, 0)):
        packets, stream = read(path)
        broken = bytearray(packets[hit])
        broken[len(broken) // 2 :] = b"\xff" * (len(broken) - len(broken) // 2)
        packets[hit] = av.Packet(bytes(broken))
        whole = WholePackets(Broken(packets), stream)
        assert given(whole)[1] == [0] * (30 - left_out) + [left_out]


def test_a_packet_waits_for_the_next_and_for_no_other(clips, tmp_path, read):
    packets, stream = read(written(clips, tmp_path, "b-pictures"))
    reader = Broken(packets)
    whole = WholePackets(reader, stream)
    for count in range(1, 30):
        next(whole)
        assert reader.given == count + 1


def test_what_does_not_begin_with_a_key_picture_ends_believed_if_one_came_since(
    clips, tmp_path, read
):
    packets, stream = read(written(clips, tmp_path, "one after the other"))
    assert len(given(WholePackets(Broken(packets[5:]), stream))[0]) == 25
    assert given(WholePackets(Broken(packets[5:9]), stream)) == (
        [packet.size for packet in packets[5:8]],
        [0, 0, 0, 1],
    )
