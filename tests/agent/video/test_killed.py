"""What a recording loses with its process, killed anywhere, and what the next start makes of it."""

from fractions import Fraction

import av
import numpy as np
import pytest
from recorder import record_and_kill
from recording import leftovers, number_of

from agent.video.kept_file import KeptFile
from agent.video.recordings import Recordings
from agent.video.retention import Keep
from agent.wall_clock import WallClock

pytestmark = pytest.mark.slow

MOST_LOST_S = 2.0
"""What the service promises."""
MOST_B_FRAMES = 3
"""In a row, as x264 places them."""


def numbers_in(path):
    with av.open(f"file:{path}") as container:
        pictures = list(container.decode(video=0))
    assert pictures[0].pts == 0
    return [number_of(picture.to_ndarray(format="gray")) for picture in pictures]


def check(seen):
    """Pictures that others lean on are coded before those between them, so a few may be missing.

    But only just before the very end; and none is there twice, or out of order.
    """
    whole = next((n for n, number in enumerate(seen) if number != n), len(seen))
    assert seen == sorted(set(seen))
    assert len(seen) - whole <= MOST_B_FRAMES


@pytest.mark.parametrize(
    ("rate", "codec", "runs"),
    [
        *(("25", "h264", 10), ("25/2", "h264", 10), ("8", "h264", 2), ("2", "h264", 2)),
        *(("25/2", "hevc", 2), ("8", "hevc", 2), ("2", "hevc", 2)),
    ],
)
def test_a_recorder_that_is_killed_anywhere_loses_less_than_two_seconds(
    tmp_path, rate, codec, runs
):
    seed = np.random.SeedSequence().entropy
    lost_s = []
    for run, after in enumerate(np.random.default_rng(seed).integers(30, 400, runs).tolist()):
        folder = tmp_path / str(run)
        given = record_and_kill(folder, after, rate=rate, codec=codec)
        Recordings(folder, Keep(), WallClock()).close()
        names = sorted(leftovers(folder / "door"), key=lambda name: name[-10:])
        assert all(not name.startswith(".") for name in names), f"seed {seed}: not named"
        seen = [number for name in names for number in numbers_in(folder / "door" / name)]
        check(seen)
        lost_s.append(float((given - len(seen)) / Fraction(rate)))
    assert max(lost_s) <= MOST_LOST_S, f"seed {seed}: lost {lost_s} s"
    assert min(lost_s) > 0, f"seed {seed}: nothing was lost, so nothing was killed in mid-write"


def test_a_file_of_a_service_that_is_killed_is_kept_beside_the_one_before(tmp_path):
    path = tmp_path / "out.mp4"
    for expected in (["out.mp4"], ["out-2.mp4", "out.mp4"]):
        given = record_and_kill(path, 100)
        assert any(name.endswith(".part") for name in leftovers(tmp_path))
        KeptFile(path).abort()
        assert leftovers(tmp_path) == expected
        seen = numbers_in(tmp_path / expected[0])
        check(seen)
        assert given - len(seen) <= 25 * MOST_LOST_S
