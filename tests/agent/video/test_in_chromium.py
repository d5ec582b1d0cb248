"""Recordings in a browser: whole ones, and what is left of one whose process was killed."""

import shutil
from dataclasses import replace
from fractions import Fraction

import pytest
from browser import CHROMIUM, Browser
from machine_clock import MachineClock
from recording import INFO, leftovers, numbered

from agent.video.encoder import VideoEncoder
from agent.video.encoding_sink import EncodingSink
from agent.video.recordings import Recordings
from agent.video.retention import Keep

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


def film(recordings, seconds, *, segment_s=60):
    """Nothing is lost of it but what a killed process had not written: it never ends."""
    output = recordings.output("door", segment_s, lambda: None)
    sink = EncodingSink(VideoEncoder(CAMERA, clock=output.clock(CAMERA), gop_s=2), output)
    for n in range(25 * seconds):
        sink.write(numbered(n, n * 3600 + n % 7 * 100, CAMERA))
    return sink


def test_every_segment_plays_from_its_first_picture_to_its_last(browser, tmp_path):
    recordings = Recordings(tmp_path / "video", Keep(), MachineClock(0).clock())
    film(recordings, 5, segment_s=2).finish()
    recordings.close()
    names = leftovers(tmp_path / "video" / "door")
    assert len(names) == 3
    played = [browser.play(tmp_path / "video" / "door" / name) for name in names]
    assert [(each.error, each.ended, each.width) for each in played] == [(None, True, 320)] * 3
    assert [each.first_s for each in played] == [0, 0, 0]
    assert sum(each.frames for each in played) == 125
    assert played[0].at_s > 1.9


def test_one_that_was_cut_by_a_kill_plays_to_its_last_whole_fragment(browser, tmp_path):
    machine = MachineClock(0)
    before = Recordings(tmp_path / "before", Keep(), machine.clock())
    sink = film(before, 4)
    [part] = (tmp_path / "before" / "door").iterdir()
    left = tmp_path / "video" / "door" / part.name
    left.parent.mkdir(parents=True)
    shutil.copy(part, left)
    left.write_bytes(left.read_bytes()[:-300])  # killed in the middle of a fragment
    sink.finish()
    before.close()
    Recordings(tmp_path / "video", Keep(), machine.clock()).close()
    [name] = leftovers(left.parent)
    played = browser.play(left.parent / name)
    assert (played.error, played.ended) == (None, True)
    assert played.first_s == 0
    assert 2 <= played.at_s < 4
    assert played.duration_s == pytest.approx(played.at_s, abs=0.1)
    assert played.frames >= 50
