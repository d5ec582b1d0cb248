"""Recordings in a browser: whole ones, and what is left of one whose process was killed."""

from dataclasses import replace
from fractions import Fraction

import av
import pytest
from browser import CHROMIUM, Browser
from machine_clock import MachineClock
from recorder import record_and_kill
from recording import INFO, leftovers, numbered

from agent.video.encoder import VideoEncoder
from agent.video.encoding_sink import EncodingSink
from agent.video.recordings import Recordings
from agent.video.retention import Keep
from agent.wall_clock import WallClock

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium, as Debian packs it"),
]
CAMERA = replace(INFO, time_base=Fraction(1, 90_000), duration_s=None, width=320, height=192)


@pytest.fixture(scope="module")
def browser():
    browser = Browser()
    yield browser
    browser.close()


def test_every_segment_plays_from_its_first_picture_to_its_last(browser, tmp_path):
    recordings = Recordings(tmp_path / "video", Keep(), MachineClock(0).clock())
    output = recordings.output("door", 2, lambda: None)
    encoder = VideoEncoder(CAMERA, clock=output.clock(CAMERA), gop_s=2)
    with EncodingSink(encoder, output) as sink:
        for n in range(125):
            sink.write(numbered(n, n * 3600 + n % 7 * 100, CAMERA))
        sink.finish()
    recordings.close()
    names = leftovers(tmp_path / "video" / "door")
    assert len(names) == 3
    played = [browser.play(tmp_path / "video" / "door" / name) for name in names]
    assert [(each.error, each.ended, each.width) for each in played] == [(None, True, 320)] * 3
    assert [each.first_s for each in played] == [0, 0, 0]
    assert sum(each.frames for each in played) == 125
    assert played[0].at_s > 1.9


def test_one_that_was_cut_by_a_kill_plays_to_its_last_whole_fragment(browser, tmp_path):
    record_and_kill(tmp_path, 90)
    Recordings(tmp_path, Keep(), WallClock()).close()
    path = tmp_path / "door" / max(leftovers(tmp_path / "door"), key=lambda name: name[-10:])
    with av.open(f"file:{path}") as container:
        times = [float(picture.time) for picture in container.decode(video=0)]
    played = browser.play(path)
    assert (played.error, played.ended, played.first_s) == (None, True, 0)
    assert played.frames == len(times)
    assert played.at_s == pytest.approx(times[-1], abs=0.05)
