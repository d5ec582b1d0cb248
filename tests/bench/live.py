"""Browsers' cameras: delay and pictures a second, for one and five of them, beside floor and echo.

Recorded pictures are sent over real web sockets by a process of its own, as fast as a browser would
and as the client's rule lets it; server and browsers share the cores. Delay is taken there, from a
picture's leaving to its coming back, so browsers' own encoders and decoders are not in it. The echo
decodes and encodes and hides nothing. The floor is what a picture costs one thread without network:
decoding, analysis, its share of a detection, redaction, encoding.
"""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import av

from agent.cli.start_up import ARRAYS_ON_THEIR_THREAD
from models.cores import usable_cores
from tests.bench.clips import made
from tests.bench.outcome import NOTHING, Outcome, Table, Target
from tests.bench.student_bundle import bundle_of_student
from tests.bench.subjects import ROOT, timed

if TYPE_CHECKING:
    import argparse

SIZES = {"360p": (640, 360), "720p": (1280, 720)}
FRAMES = 300
USUAL_RATE, SATURATING_RATE = 30, 60
FRAME_S = 1 / USUAL_RATE
WARM_S = 5.0

FAIR, MOST_NETWORK, LEAST_OF_FLOOR = 0.95, 0.06, 0.85
LEAST_FPS = 28.0
MOST_FRAMES = {"short": (6.0, 8.0), "low": (2.0, 5.0)}
"""Frame times, median and slowest twentieth: design of live display; of `short` beside one
detection."""


@dataclass(frozen=True)
class Case:
    """What is measured.

    Attributes:
        latency: None for the echo.
        rate: pictures a second that each camera gives.
    """

    clients: int
    size: str
    latency: str | None
    every: int
    rate: int = 30

    @property
    def named(self) -> str:
        """For the table."""
        what = "echo" if self.latency is None else f"{self.latency}, N={self.every}"
        rate = "" if self.rate == USUAL_RATE else f" at {self.rate} fps"
        return f"{self.clients} x {self.size}{rate}, {what}"


@dataclass(frozen=True)
class Found:
    """What came of it; delays in frame times of 30 a second.

    Attributes:
        fps: of each client.
        network: share of the server's CPU that its network's thread took.
        cpu_ms: of the server, for each picture that came back.
    """

    fps: tuple[float, ...]
    p50: float
    p95: float
    network: float
    cpu_ms: float
    held: int

    @property
    def jain(self) -> float:
        """Jain's index of what clients got."""
        total = sum(self.fps)
        return total**2 / (len(self.fps) * sum(each**2 for each in self.fps)) if total else 0.0


CASES = (
    Case(1, "360p", None, 1),
    Case(5, "360p", None, 1),
    Case(1, "720p", None, 1),
    Case(1, "360p", "short", 3),
    Case(1, "720p", "short", 3),
    Case(5, "360p", "low", 5),
    Case(5, "360p", "short", 5),
    Case(5, "720p", "short", 5),
    Case(5, "720p", "short", 5, SATURATING_RATE),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of this program."""
    group = parser.add_argument_group("live")
    group.add_argument(
        "--live-seconds", type=float, default=20.0, metavar="S", help="a case (%(default)s s)"
    )
    group.add_argument("--live-cases", default="", metavar="X", help="whose names hold this")


def run(args: argparse.Namespace) -> Outcome:
    """All cases, one after the other, and the floor of each size."""
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        juggle = Path(args.data) / "videos" / "05_default_juggle.mp4"
        bundle = bundle_of_student(args.data, args.cache, 320)
        clips = {
            name: made(juggle, folder / f"{name}.mp4", size=size, frames=FRAMES)
            for name, size in SIZES.items()
        }
        for name, clip in clips.items():
            coded = SIZES[name], _pushed(clip)
            (folder / f"{name}.coded").write_bytes(pickle.dumps(coded))
        floors = {
            name: sorted(_floor_s(clip, bundle) for _ in range(3))[1]
            for name, clip in clips.items()
        }
        detection_s = max(each[1] for each in floors.values())
        cases = [case for case in CASES if args.live_cases in case.named]
        found = {case: _measured(case, folder, bundle, args.live_seconds) for case in cases}
    return _outcome(found, {name: each[0] for name, each in floors.items()}, detection_s)


def _pushed(clip: Path) -> list[bytes]:
    """A clip as a browser's encoder gives it."""
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        context = av.CodecContext.create("libx264", "w")
        context.width, context.height, context.pix_fmt = stream.width, stream.height, "yuv420p"
        context.time_base, context.framerate = Fraction(1, 30), 30
        context.gop_size, context.thread_count = FRAMES, 1
        context.options = {"preset": "ultrafast", "tune": "zerolatency", "crf": "26"}
        coded = []
        for index, picture in enumerate(container.decode(stream)):
            picture.pts, picture.time_base, picture.pict_type = index, context.time_base, 0
            coded += context.encode(picture)
        return [bytes(packet) for packet in (*coded, *context.encode(None))]


def _floor_s(clip: Path, bundle: Path) -> tuple[float, float]:
    """CPU seconds that a picture costs by itself, and seconds of a detection."""
    words = str(clip), str(bundle)
    _, said = timed(
        [sys.executable, "-m", "tests.bench.live_floor", *words], **ARRAYS_ON_THEIR_THREAD
    )
    picture_s, detection_s = json.loads(said)
    return picture_s, detection_s


def _measured(case: Case, folder: Path, bundle: Path, seconds: float) -> Found:
    print(f"live: {case.named}", file=sys.stderr)
    words = [] if case.latency is None else [bundle, "--latency", case.latency]
    command = [sys.executable, "-m", "tests.bench.live_server", *words, "--every", case.every]
    with subprocess.Popen(
        [str(word) for word in command],
        cwd=ROOT,
        env={**os.environ, **ARRAYS_ON_THEIR_THREAD},  # as the command does
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        if server.stdin is None or server.stdout is None:
            raise RuntimeError("pipes were asked for")
        port = server.stdout.readline().strip()
        before = _asked(server)
        browsers = json.loads(_crowd(case, port, folder, seconds))
        after = _asked(server)
        server.stdin.close()
        server.stdout.read()
    spent_s = {key: after[key] - before[key] for key in before}
    delays = sorted(d / FRAME_S for browser in browsers for d in browser["delays_s"])
    share = (seconds - WARM_S) / seconds
    return Found(
        fps=tuple(browser["fps"] for browser in browsers),
        p50=delays[len(delays) // 2] if delays else float("nan"),
        p95=delays[int(0.95 * len(delays))] if delays else float("nan"),
        network=spent_s["network"] / spent_s["all"],
        cpu_ms=1000 * spent_s["all"] * share / max(1, len(delays)),
        held=sum(browser["held"] for browser in browsers),
    )


def _asked(server: subprocess.Popen[str]) -> dict[str, float]:
    if server.stdin is None or server.stdout is None:
        raise RuntimeError("pipes were asked for")
    print(file=server.stdin, flush=True)
    spent_s: dict[str, float] = json.loads(server.stdout.readline())
    return spent_s


def _crowd(case: Case, port: str, folder: Path, seconds: float) -> str:
    options: dict[str, float] = {"--clients": case.clients, "--rate": case.rate}
    options |= {"--seconds": seconds, "--warm": WARM_S}
    words = [word for option in options.items() for word in option]
    module, coded = "tests.bench.live_crowd", folder / f"{case.size}.coded"
    command = [sys.executable, "-m", module, port, coded, *words]
    done = subprocess.run(
        [str(word) for word in command], check=True, capture_output=True, text=True, cwd=ROOT
    )
    return done.stdout


def _outcome(found: dict[Case, Found], floors_s: dict[str, float], detection_s: float) -> Outcome:
    cores, detection = usable_cores(), detection_s / FRAME_S
    columns = (
        *("case", "fps each", "delay p50", "p95", "server ms", "floor ms"),
        *("network %", "Jain", "of floor"),
    )
    table = Table("One camera and five", columns)
    table.note = (
        f"Delay in frame times (33.3 ms); one detection is {detection:.2f} of them. Server ms: CPU for "
        "each picture; floor ms: likewise, at N=5, without server. Of floor: pictures a second of all, "
        f"beside what {cores} cores could do at the floor."
    )
    for case, result in found.items():
        fps = sum(result.fps) / len(result.fps)
        floor_s = floors_s[case.size]
        table.rows.append(
            (
                case.named,
                fps,
                result.p50,
                result.p95,
                result.cpu_ms,
                NOTHING if case.latency is None else 1000 * floor_s,
                100 * result.network,
                NOTHING if case.clients == 1 else result.jain,
                NOTHING if case.latency is None else sum(result.fps) * floor_s / cores,
            )
        )
    return Outcome([table], _targets(found, floors_s, detection))


def _targets(
    found: dict[Case, Found], floors_s: dict[str, float], detection: float
) -> list[Target]:
    targets = []
    for case, result in found.items():
        if case.latency is None:
            continue
        if case.clients == 1 and case.size == "360p":
            most = [detection + each for each in MOST_FRAMES["short"]]
            targets += _delays(case, result, *most)
        if case.latency == "low":
            targets += _delays(case, result, *MOST_FRAMES["low"])
            targets.append(Target(f"{case.named}: least fps", min(result.fps), ">=", LEAST_FPS))
        if case.clients > 1:
            targets.append(Target(f"{case.named}: Jain's index", result.jain, ">=", FAIR))
        if (case.clients, case.size) == (5, "360p"):
            targets.append(
                Target(f"{case.named}: network's share", result.network, "<=", MOST_NETWORK)
            )
        if case.rate == SATURATING_RATE:
            of_floor = sum(result.fps) * floors_s[case.size] / usable_cores()
            targets.append(Target(f"{case.named}: of the floor", of_floor, ">=", LEAST_OF_FLOOR))
    return targets


def _delays(case: Case, result: Found, p50: float, p95: float) -> list[Target]:
    return [
        Target(f"{case.named}: p50, frame times", result.p50, "<=", p50),
        Target(f"{case.named}: p95, frame times", result.p95, "<=", p95),
    ]
