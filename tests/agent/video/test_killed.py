"""What a recording loses with its process, killed anywhere, and what the next start makes of it."""

import signal
import subprocess
import sys
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from recording import number_of

from agent.video.recordings import Recordings
from agent.video.retention import Keep
from agent.wall_clock import WallClock

MOST_LOST_S = 2.0
"""What the service promises."""

MOST_B_FRAMES = 3
"""In a row, as x264 places them."""

RECORDER = """
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
folder, rate, codec, *sys.path[:0] = sys.argv[1:]
import recording as t
from agent.video.encoder import VideoEncoder
from agent.video.encoding_sink import EncodingSink
from agent.video.recordings import Recordings
from agent.video.retention import Keep
from agent.wall_clock import WallClock

rate = Fraction(rate)
info = replace(t.INFO, width=320, height=192, frame_rate=rate, time_base=Fraction(1, 90_000))
output = Recordings(Path(folder), Keep(), WallClock()).output("door", 5, lambda: None)
encoder = VideoEncoder(info, preset="veryfast", codec=codec, gop_s=2, clock=output.clock(info))
with EncodingSink(encoder, output) as sink:
    for n in range(100_000):
        print(n, flush=True)
        sink.write(t.numbered(n, round(n / rate / info.time_base), info))
"""


@dataclass
class Loss:
    """Of one recorder that was killed: frames that were given to its encoder, and that play."""

    given: int
    playable: int

    def seconds(self, rate):
        return float((self.given - self.playable) / Fraction(rate))


def numbers_in(folder):
    """The pictures of all recordings in a folder, in their order."""
    seen = []
    for path in sorted(folder.iterdir(), key=lambda path: path.name.split("_")[-1]):
        assert path.suffix == ".mp4", "a left-over was not named"
        with av.open(str(path)) as container:
            pictures = list(container.decode(video=0))
        assert pictures[0].pts == 0
        seen += [number_of(picture.to_ndarray(format="gray")) for picture in pictures]
    return seen


def killed(folder, rate, codec, after):
    """Record until `after` frames were given, and kill."""
    roots = [str(Path(__file__).parents[1]), str(Path(__file__).parents[3])]
    with subprocess.Popen(
        [sys.executable, "-c", RECORDER, str(folder), rate, codec, *roots],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        for line in process.stdout:
            if int(line) >= after:
                break
        process.kill()
        given = sum(1 for _ in process.stdout) + after + 1
    assert process.returncode == -signal.SIGKILL
    Recordings(folder, Keep(), WallClock()).close()
    seen = numbers_in(folder / "door") if (folder / "door").exists() else []
    whole = next((n for n, number in enumerate(seen) if number != n), len(seen))
    # Pictures that others lean on are coded before those between them, so a few may be missing
    # just before the very end; but none is there twice, and none out of order.
    assert seen == sorted(set(seen))
    assert len(seen) - whole <= MOST_B_FRAMES
    return Loss(given, len(seen))


@pytest.mark.slow
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
    dice = np.random.default_rng(seed)
    lost = [
        killed(tmp_path / str(run), rate, codec, after).seconds(rate)
        for run, after in enumerate(dice.integers(30, 400, runs).tolist())
    ]
    assert max(lost) <= MOST_LOST_S, f"seed {seed}: lost {lost} s"
    assert min(lost) > 0, f"seed {seed}: nothing was lost, so nothing was killed in mid-write"
