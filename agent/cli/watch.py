"""TerminalWatcher: a progress bar while a video is redacted, and what is said afterwards."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from tqdm import tqdm

from agent.blur import Watcher

if TYPE_CHECKING:
    from pathlib import Path

    from agent.pipeline.journal import Journal
    from agent.pipeline.pipeline import Pipeline
    from agent.redact.cover import Cover
    from agent.redact.redacted import RedactedFrame
    from agent.report import Report
    from agent.settings import BlurSettings
    from agent.video.stream import StreamInfo


class TerminalWatcher(Watcher):
    """Shows frames, frames a second and the time left on a terminal; draws what was asked for."""

    def __init__(
        self, settings: BlurSettings, *, timeline: Path | None, contact_sheet: Path | None
    ) -> None:
        self._settings = settings
        self._timeline, self._contact_sheet = timeline, contact_sheet
        self._pipeline: Pipeline | None = None
        self._bar: tqdm[None] | None = None
        self._cancelled = False

    def cancel(self) -> None:
        """End the run in order."""
        self._cancelled = True
        if self._pipeline is not None:
            self._pipeline.cancel()

    def started(self, info: StreamInfo, pipeline: Pipeline) -> None:
        """Open the bar."""
        for note in info.notes:
            _say(f"note: {note}")
        if info.has_audio and self._settings.audio == "drop":
            _say("note: sound is dropped, since voices identify people too (--audio copy keeps it)")
        if self._settings.annotate:
            _say("warning: --boxes: the output is NOT redacted")
        self._pipeline = pipeline
        if self._cancelled:
            pipeline.cancel()
        self._bar = tqdm(total=info.frames, unit=" frames", disable=None, leave=False)

    def wrote(self, frame: RedactedFrame, cover: Cover) -> None:
        """Move the bar."""
        if self._bar is not None:
            self._bar.update()

    def ended(self, info: StreamInfo, journal: Journal) -> None:
        """Close the bar."""
        if self._bar is not None:
            self._bar.close()

    def sum_up(self, report: Report) -> None:
        """Say what was done, and what could not be."""
        frames = report.frames
        speed = f"{report.fps:.1f} frames/s"
        if report.real_time_factor is not None:
            speed += f", {report.real_time_factor:.2f}x real time"
        _say(
            f"{report.output}: {frames.written} frames, {report.keyframes} detections, "
            f"{len(report.tracks)} objects hidden, {speed}"
        )
        if frames.damaged:
            _say(f"warning: {frames.damaged} damaged frames could not be decoded and are left out")
        for reason, count in report.whole_frame_covers.items():
            _say(f"warning: {count} frames covered whole: {reason}")
        if not report.complete:
            _say("stopped early: the output ends where the run was stopped")


def _say(line: str) -> None:
    print(f"sfumato: {line}", file=sys.stderr)
