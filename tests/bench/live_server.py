"""A server of browsers' cameras for the benchmark: `python -m tests.bench.live_server`.

Says its port, and on each line of its input the CPU that its threads have taken so far.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from agent.cli.start_up import keep_memory, take_long_turns
from agent.config.tree import ModelConfig
from agent.errors import InputError
from agent.frames.cover import Cover
from agent.live.cameras import BrowserCameras
from agent.live.capacity import Capacity
from agent.live.live_server import LiveServer
from agent.live.numbers import Numbers
from agent.live.show import ShowState
from agent.live.showing import Analysis, live_encoder
from agent.redact.effect import Effect
from agent.redact.redactor import Redactor
from agent.service.model import Model
from agent.settings import Hiding, Looking
from agent.video.encoding_sink import EncodingSink
from agent.video.fanout import Fanout
from agent.video.pushed import PushedSource
from agent.video.pushed_packets import PushedPackets
from models.cores import usable_cores

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agent.detect.pool import DetectorPool
    from agent.live.show import Answers, CameraHello, Command

_TICKS = os.sysconf("SC_CLK_TCK")


class Echo:
    """A camera that hides nothing and looks at nothing: decoder, encoder, network."""

    name = "echo"

    def __init__(self, hello: CameraHello, answers: Answers) -> None:
        self.fanout, self._answers, self._numbers = Fanout(), answers, Numbers()
        self._packets = PushedPackets(hello.codec, self)
        threading.Thread(target=self._work, name="echo", daemon=True).start()

    @property
    def show(self) -> Echo:
        return self

    def push(self, number: int, time_us: int, is_key: bool, data: bytes) -> None:  # noqa: ARG002
        self._numbers.came(number, 0.0)
        self._packets.push(number, time_us, data)

    def number_of(self, pts: int) -> int:
        return self._numbers.of(pts)

    def close(self, _why: str) -> None:
        self._packets.close()

    def state(self) -> ShowState:
        figures = 30.0, None, None, 1, "low", 0, 0, 0.0, False, None, None, None
        return ShowState("live", None, *figures)

    def do(self, _command: Command) -> str | None:
        return None

    def taken(self, number: int) -> None:
        self._answers.taken(number)

    def dropped(self, numbers: Iterable[int], why: str) -> None:
        self._answers.dropped(numbers, why)

    def want_key(self) -> None:
        self._answers.want_key()

    def _work(self) -> None:
        source = PushedSource(self._packets, self._numbers.given)
        size = source.info.width, source.info.height
        redactor = Redactor(size, Effect("blur"))
        encoder = live_encoder(source.info, self.fanout.wants_key)
        with EncodingSink(encoder, self.fanout) as sink, suppress(InputError):  # its end
            for frame in source:
                sink.write(redactor.redact(frame, Cover(())))


class Echoes:
    """See `agent.live.show.Cameras`."""

    limit = 64

    def open(self, hello: CameraHello, answers: Answers) -> Echo:
        return Echo(hello, answers)


def analysis_of(pool: DetectorPool, model: Model, latency: str, every: int) -> Analysis:
    """How the benchmark has pictures looked at."""
    hiding = Hiding(classes=("person",), conf=0.25, effect="solid")
    looking = Looking(every=every, latency=latency)
    hidden = model.hidden(hiding)
    model.detector.min_score, model.detector.sought = hidden.weakest, hidden.sought
    return Analysis(partial(pool.lane, live=True), hidden, hiding, looking)


def model_of(bundle: Path) -> Model:
    """The network under test, with as many workers as the agent takes."""
    return Model.load(ModelConfig(bundle=bundle, allow_unsigned=True), None)


def cpu_s() -> dict[str, float]:
    """CPU seconds of this process so far: of the thread that serves, and of all."""
    serving = [t.native_id for t in threading.enumerate() if t.name == "live"]
    files = [Path(f"/proc/self/task/{number}/stat") for number in serving]
    return {
        "network": sum(map(_stat_s, files)),
        "all": _stat_s(Path("/proc/self/stat")),
    }


def _stat_s(path: Path) -> float:
    fields = path.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def main() -> None:
    """Serve until the input ends."""
    keep_memory()  # as the command does
    take_long_turns()  # likewise
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path, nargs="?")
    parser.add_argument("--latency", default="short")
    parser.add_argument("--every", type=int, default=3)
    args = parser.parse_args()
    model = None
    if args.bundle is None:
        cameras: Echoes | BrowserCameras = Echoes()
    else:
        model = model_of(args.bundle)
        analysis = analysis_of(model.pool, model, args.latency, args.every)
        cameras = BrowserCameras(5, analysis, Capacity(usable_cores()))
    server = LiveServer("127.0.0.1:0", dict, cameras)
    server.start()
    print(server.port, flush=True)
    for _line in sys.stdin:
        print(json.dumps(cpu_s()), flush=True)
    server.close()
    if model is not None:
        model.close()


if __name__ == "__main__":
    main()
