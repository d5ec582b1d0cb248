"""TerminalWatcher: a progress bar while a video is redacted, and what is said afterwards."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NoReturn

from agent.blur import Watcher
from agent.cli.files import check_picture, check_plots
from agent.errors import OutputError, UsageError
from agent.output_file import write_output_file
from agent.settings import interval_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tqdm import tqdm

    from agent.frames.annotated import AnnotatedFrame
    from agent.frames.cover import Cover
    from agent.frames.redacted import RedactedFrame
    from agent.frames.stream_info import StreamInfo
    from agent.pictures.contact_sheet import ContactSheet
    from agent.pipeline.pipeline import Pipeline
    from agent.pipeline.run_journal import RunJournal
    from agent.pipeline.sink import ShownT
    from agent.run_report import RunReport
    from agent.settings import BlurSettings


class TerminalWatcher(Watcher):
    """Shows frames, frames a second and the time left on a terminal; draws what was asked for.

    Args:
        timeline: where a picture of the run along time goes.
        contact_sheet: where a page of redacted frames goes.
        overwrite: both may replace a file.
        annotated: boxes are drawn instead of hiding.
        first: whether to say what holds for every video of a command.

    Raises:
        UsageError: a picture is not named as a PNG, both have one name, or the extra is missing
            that draws a timeline.
        OutputError: a picture could not be written there.
    """

    def __init__(
        self,
        settings: BlurSettings,
        *,
        timeline: Path | None,
        contact_sheet: Path | None,
        overwrite: bool = False,
        annotated: bool = False,
        first: bool = True,
    ) -> None:
        self._settings, self._annotated, self._first = settings, annotated, first
        for path in filter(None, (timeline, contact_sheet)):
            check_picture(path, overwrite=overwrite)
        if timeline and contact_sheet and timeline.resolve() == contact_sheet.resolve():
            raise UsageError(f"{timeline}: one picture would overwrite the other")
        if timeline is not None:
            check_plots("--timeline")
        self._timeline, self._contact_sheet = timeline, contact_sheet
        self._overwrite = overwrite
        self._sheet: ContactSheet | None = None
        self._broken: Exception | None = None
        self._cancel: Callable[[], None] | None = None
        self._journal: RunJournal | None = None
        self._bar: tqdm[NoReturn] | None = None
        self.cancelled = False

    def cancel(self) -> None:
        """End the run in order."""
        self.cancelled = True
        if self._cancel is not None:
            self._cancel()

    def started(self, info: StreamInfo, pipeline: Pipeline[ShownT], journal: RunJournal) -> None:
        """Open the bar."""
        for note in info.notes:
            _say(f"note: {note}")
        if self._first and info.has_audio and self._settings.audio == "drop":
            _say("note: sound is dropped, since voices identify people too (--audio copy keeps it)")
        interval, every = interval_of(self._settings, info.frame_rate), self._settings.every
        if info.frame_rate and interval < (every if every != "auto" else self._settings.max_every):
            _say(
                f"note: at {float(info.frame_rate):.3g} frames a second every {_nth(interval)}frame "
                f"is looked at (--max-gap {self._settings.max_gap_s:g})"
            )
        if self._annotated:
            _say("warning: --boxes: the output is NOT redacted")
        self._cancel, self._journal = pipeline.cancel, journal
        if self.cancelled:
            pipeline.cancel()
        if self._contact_sheet is not None:
            from agent.pictures.contact_sheet import ContactSheet  # rarely asked for

            self._sheet = ContactSheet(info.sample_aspect_ratio, annotated=self._annotated)
        if sys.stderr.isatty():
            from tqdm import tqdm  # 0.005 s where nobody would see a bar

            tqdm.monitor_interval = 0  # no thread that outlives the bar
            self._bar = tqdm(total=info.frames, unit=" frames", leave=False)

    def wrote(self, frame: RedactedFrame | AnnotatedFrame, cover: Cover) -> None:
        """Move the bar, and let the contact sheet look."""
        if self._bar is not None:
            self._bar.update()
        if self._sheet is None or self._broken is not None:
            return
        try:
            self._sheet.add(frame, cover)
        except Exception as error:  # noqa: BLE001 - a picture is not worth the video
            self._broken = error

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()

    def sum_up(self, report: RunReport) -> None:
        """Say what was done and what could not be, then draw.

        Raises:
            OutputError: a picture could not be drawn or written; the video is whole all the same.
        """
        frames = report.frames
        speed = f"{report.fps:.1f} frames/s"
        if report.real_time_factor is not None:
            speed += f", {report.real_time_factor:.2f}x real time"
        _say(
            f"{report.output}: {_count(frames.written, 'frame')}, "
            f"{_count(report.keyframes, 'detection')}, "
            f"{_count(len(report.tracks), 'object')} hidden, {speed}"
        )
        if frames.deinterlaced:
            _say(f"note: {_count(frames.deinterlaced, 'interlaced picture')} deinterlaced")
        if frames.resized:
            size = f"{report.input.width}x{report.input.height}"
            _say(
                f"note: {_count(frames.resized, 'picture')} of another size or shape scaled to {size}"
            )
        if frames.damaged:
            damaged = _count(frames.damaged, "damaged frame")
            _say(f"warning: left out what could not be decoded: {damaged}")
        for name in report.left_out:
            _say(f"left out: {name}")
        for repaired in _repairs(report):
            _say(f"warning: {repaired}")
        for reason, count in report.whole_frame_covers.items():
            _say(f"warning: {_count(count, 'frame')} covered whole: {reason}")
        if self._first and report.model.signed_by is None:
            _say(f"warning: nobody signed the model {report.model.name}")
        if not report.complete:
            _say("stopped early: the output ends where the run was stopped")
        self._draw(report)

    def _draw(self, report: RunReport) -> None:
        failed = []
        for path, picture in self._pictures(report):
            try:
                write_output_file(path, picture(), overwrite=self._overwrite)
            except OutputError as error:
                failed.append(error)
            except Exception as error:  # noqa: BLE001 - whatever it was, the video is whole
                failed.append(OutputError(f"{path}: could not be drawn ({error})"))
        for other in failed[1:]:
            _say(str(other))
        if failed:
            raise failed[0]

    def _pictures(self, report: RunReport) -> Iterator[tuple[Path, Callable[[], bytes]]]:
        """Where each picture goes, and what draws it."""
        if self._timeline is not None and self._journal is not None:
            journal = self._journal

            def drawn() -> bytes:
                from agent.pictures.timeline import timeline  # matplotlib takes half a second

                return timeline(journal, report)

            yield self._timeline, drawn
        if self._contact_sheet is not None and self._sheet is not None:
            sheet = self._sheet

            def page() -> bytes:
                if self._broken is not None:
                    raise self._broken
                return sheet.draw(report)

            yield self._contact_sheet, page


def _repairs(report: RunReport) -> Iterator[str]:
    """What was amiss with the input's times, a line each."""
    repairs = report.repairs
    if repairs.jumps:
        yield f"what was joined goes on without a gap: its clock had {_count(repairs.jumps, 'jump')}"
    for count, noun in ((repairs.pictures, "frame"), (repairs.sound, "sound packet")):
        if count:
            yield f"{_count(count, noun)} got new times, because their own were missing or fell back"
    if repairs.sound_lost:
        yield f"left out, being damaged: {_count(repairs.sound_lost, 'sound packet')}"


def _nth(number: int) -> str:
    return {1: "", 2: "2nd ", 3: "3rd "}.get(number, f"{number}th ")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _say(line: str) -> None:
    print(f"sfumato: {line}", file=sys.stderr)
