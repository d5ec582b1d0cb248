"""A camera that leaves packets out, as one does whose network is too slow: what is shown of it."""

import pytest
from camera_stage import HIDDEN, Counted, counter_of
from plain_camera import PlainCamera
from pushes import pushing
from watching import Watching
from worlds import BLACK, Eyes, Thing, leaks, linear, noop

from agent.detect.pool import DetectorPool
from agent.errors import InputError
from agent.live.showing import live_encoder
from agent.pipeline.window_journal import WindowJournal
from agent.settings import Hiding, Looking
from agent.stream import Stream, redactor_of
from agent.video.encoding_sink import EncodingSink
from agent.video.fanout import Fanout
from agent.video.live_source import LiveSource

pytestmark = pytest.mark.slow

WORLD = Counted(Thing(linear(4, 40, 1), luma=200), frames=120)
HIDING = Hiding(effect="solid", margin=0.03)
GROUP = 30


def each_twentieth(number, _):
    return number % 20 == 13


def lumas_of(source):
    """What is shown of a source to its end."""
    fanout = Fanout()
    watching = Watching(fanout)
    pool = DetectorPool(Eyes(WORLD), 1, 600.0)
    with EncodingSink(live_encoder(source.info, fanout.wants_key), fanout) as sink:
        lane, looking = pool.lane("door", live=True), Looking(every=3, latency="short")
        redact, journal = redactor_of(source, HIDING).redact, WindowJournal()
        more = {"keep_newest": True}
        stream = Stream(source, lane, HIDDEN, HIDING, looking, redact, sink, journal, noop, **more)
        with pytest.raises(InputError, match="ended the stream"):
            stream.run()
    pool.close()
    return watching.lumas()


@pytest.mark.parametrize("slices", [1, 4])
def test_where_each_twentieth_packet_is_lost_nobody_shows(tmp_path, slices):
    clip = tmp_path / "clip.h264"
    options = {"x264-params": f"slices={slices}"}
    clip.write_bytes(b"".join(data for _, data in pushing(WORLD, group=GROUP, options=options)))
    with PlainCamera(clip, each_twentieth, step_s=1 / 30, most=1200) as camera:
        source = LiveSource(camera.url, name="door", open_timeout_s=60, stall_s=60)
        pictures = lumas_of(source)
        source.close()
    assert leaks(pictures) == {}
    bare = [counter_of(picture) for picture in pictures if picture.max() >= BLACK]
    assert bare == sorted(set(bare))
    assert len(bare) >= 4
    assert len(pictures) - len(bare) >= 10
    assert source.damaged >= 4
