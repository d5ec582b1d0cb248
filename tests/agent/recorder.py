"""Recorder: a process of its own that records numbered pictures until it is killed."""

from __future__ import annotations

import signal
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

_PROGRAM = """
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
place, rate, codec, *sys.path[:0] = sys.argv[1:]
import recording as t
from agent.video.encoder import VideoEncoder
from agent.video.encoding_sink import EncodingSink
from agent.video.kept_file import KeptFile
from agent.video.recordings import Recordings
from agent.video.retention import Keep
from agent.wall_clock import WallClock

place, rate = Path(place), Fraction(rate)
info = replace(t.INFO, width=320, height=192, frame_rate=rate, time_base=Fraction(1, 90_000))
if place.suffix:
    output = KeptFile(place)
else:
    output = Recordings(place, Keep(), WallClock()).output("door", 5, lambda: None)
encoder = VideoEncoder(info, preset="veryfast", codec=codec, gop_s=2, clock=output.clock(info))
with EncodingSink(encoder, output) as sink:
    for n in range(1000):
        sys.stdin.read(1)
        print(n, flush=True)
        sink.write(t.numbered(n, round(n / rate / info.time_base), info))
"""

_MOST_MORE = 100
"""Pictures that it may be ahead of who kills it, on a busy machine."""


def record_and_kill(place: Path, after: int, *, rate: str = "25", codec: str = "h264") -> int:
    """Record into a folder, or into a file if `place` has a suffix, and kill by SIGKILL.

    Args:
        after: pictures that are given to the encoder before that, at least.

    Returns:
        how many were given to it.
    """
    roots = [str(Path(__file__).parent), str(Path(__file__).parents[2])]
    with subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, str(place), str(Fraction(rate)), codec, *roots],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        process.stdin.write("." * (after + _MOST_MORE))
        process.stdin.flush()
        for line in process.stdout:
            if int(line) >= after:
                break
        process.kill()
        given = after + 1 + sum(1 for _ in process.stdout)
    assert process.returncode == -signal.SIGKILL
    return given
