"""Clip: a whole run from file to file, watched by the machine's own sensors."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from agent.bench.bench_report import ClipPart
from agent.bench.sensor_watch import SensorWatch
from agent.blur import Watcher, blur, detector_of
from agent.errors import InputError
from agent.video.file_source import FileSource
from models.temporary_folder import temporary_folder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from agent.frames.annotated import AnnotatedFrame
    from agent.frames.cover import Cover
    from agent.frames.redacted import RedactedFrame
    from agent.frames.stream_info import StreamInfo
    from agent.pipeline.pipeline import Pipeline
    from agent.pipeline.run_journal import RunJournal
    from agent.pipeline.sink import ShownT
    from agent.settings import BlurSettings
    from agent.telemetry.sensors import Sensors
    from models.bundle import Bundle
    from models.runtime.choose import Chosen

_EDGE = 25
"""Frames at either end that don't count as steady: queues fill, and empty."""


class _Stopwatch(Watcher):
    """Notes what decodes, and when each frame was written."""

    def __init__(self, tell: Callable[[int, int | None], None]) -> None:
        self._tell = tell
        self._frames: int | None = None
        self.decoder = ""
        self.times: list[float] = []

    def started(
        self,
        info: StreamInfo,
        pipeline: Pipeline[ShownT],  # noqa: ARG002
        journal: RunJournal,  # noqa: ARG002
    ) -> None:
        self._frames, self.decoder = info.frames, info.decoder

    def wrote(self, frame: RedactedFrame | AnnotatedFrame, cover: Cover) -> None:  # noqa: ARG002
        self.times.append(time.perf_counter())
        self._tell(len(self.times), self._frames)


def check_clip(clip: Path) -> None:
    """Refuse what can't be redacted, before minutes are spent on the networks alone.

    Raises:
        InputError: it is no file, or no video.
    """
    if not clip.is_file():
        raise InputError(f"{clip}: no such file")
    with FileSource(clip):
        pass


def measure_clip(
    clip: Path,
    bundle: Bundle,
    chosen: Chosen,
    settings: BlurSettings,
    sensors: Sensors,
    tell: Callable[[int, int | None], None],
    trials: Path | None = None,
) -> ClipPart:
    """Redact a clip into a folder that is deleted, and say how it went.

    Args:
        chosen: the network that suits this machine, loaded before the clock runs.
        sensors: are read all the while.
        tell: is told how many frames were written, and of how many.
        trials: as of `agent.blur.blur`.

    Raises:
        AgentError: as `agent.blur.blur` does.
    """
    watcher = _Stopwatch(tell)
    detector = detector_of(bundle, settings, chosen)
    with temporary_folder("bench") as folder, SensorWatch(sensors.read) as watch:
        report = blur(
            clip,
            folder / "out.mkv",
            bundle,
            settings,
            watcher=watcher,
            detector=detector,
            trials=trials,
        )
    return ClipPart(
        width=report.input.width,
        height=report.input.height,
        codec=report.input.codec,
        frames=report.frames.written,
        decoder=watcher.decoder,
        runtime=chosen.runtime,
        precision=chosen.precision,
        every=settings.every,
        workers=settings.workers,
        fps=report.fps,
        steady_fps=steady_fps(watcher.times),
        real_time_factor=report.real_time_factor,
        bottleneck=report.bottleneck,
        stages=report.stages,
        watts=watch.watts,
        celsius=watch.celsius,
        throttled=watch.throttled,
    )


def steady_fps(times: list[float]) -> float | None:
    """Frames a second between the first and the last `_EDGE`; None of a clip that is too short.

    Args:
        times: when each frame was written, seconds.
    """
    inner = times[_EDGE:-_EDGE]
    if len(inner) < 2 * _EDGE:
        return None
    return round((len(inner) - 1) / (inner[-1] - inner[0]), 2)
