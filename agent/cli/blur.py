"""`sfumato blur`: redact videos."""

from __future__ import annotations

import argparse
import json
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from agent.ahead import Ahead
from agent.cli.arguments import add_hiding_arguments, settings_of, weak_effect
from agent.cli.building import Building
from agent.cli.choices import (
    user_choices,
    user_engines,
    user_trials,
    warn_of_faulty_files,
)
from agent.cli.files import add_model_arguments, open_bundle
from agent.cli.folder import PassedOver
from agent.cli.inputs import Kind, add_path_arguments, inputs_of
from agent.cli.process import INTERRUPTED_EXIT_CODE, stopping
from agent.cli.start_up import importing
from agent.cli.suffixes import VIDEO_SUFFIXES
from agent.errors import AgentError, UsageError
from agent.frames.decoder_name import DecoderName
from agent.frames.encoder_name import EncoderName
from agent.output_file import (
    check_no_input,
    check_output_file,
    check_paths,
    sweep_around,
    write_output_file,
)
from agent.settings import BlurSettings

if TYPE_CHECKING:
    from agent.cli.watch import TerminalWatcher
    from agent.detect.detector import Detector, NetworkDetector
    from agent.run_report import RunReport
    from models.bundle import Bundle

_EPILOG = """\
  sfumato blur street.mp4 out.mp4 --model person.sfm
  sfumato blur street.mp4 -o out.mp4 --overwrite --model person.sfm
  sfumato blur *.mp4 clips/ --out-dir redacted --model person.sfm --effect solid
  sfumato blur street.mp4 out.mp4 --model street.sfm --classes person --every auto \\
          --report out.json --timeline out.png --contact-sheet sheet.png

The detector sees every Nth frame (--every); in between, objects are followed and their outlines
interpolated, looking ahead. --every 1 is the most exact and the slowest, auto looks twice where
something moves much. What can't be redacted with confidence is covered whole, and counted.
Nothing that exists is replaced without --overwrite. Of a folder, files that are no videos by their
suffixes and further folders are passed over, and named.
Ctrl-C ends the run early and leaves a playable file; twice, and it leaves nothing.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `blur`."""
    defaults = BlurSettings()
    parser = subparsers.add_parser(
        "blur",
        help="redact videos",
        description="Hide the objects that a model finds in videos, frame by frame.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_path_arguments(parser, "video", "street.redacted.mp4")
    add_model_arguments(parser)
    add_hiding_arguments(parser)

    when = parser.add_argument_group("how often to look")
    when.add_argument(
        "--every",
        default=str(defaults.every),
        metavar="N|auto",
        help="frames from one detection to the next (default: %(default)s)",
    )
    when.add_argument(
        "--max-every",
        type=int,
        default=defaults.max_every,
        metavar="N",
        help="the furthest apart that auto puts them (default: %(default)s)",
    )
    when.add_argument(
        "--max-gap",
        dest="max_gap_s",
        type=float,
        default=defaults.max_gap_s,
        metavar="SECONDS",
        help="a frame that comes later than this after the last look is looked at, whatever "
        "--every says (default: %(default)s: every frame below 9 a second, every 5th at 25)",
    )
    when.add_argument(
        "--latency",
        choices=("normal", "short", "low"),
        default=defaults.latency,
        help="short: a frame waits for two looks and one detection, whatever the number of workers; "
        "low: for none, covers grow with age instead",
    )
    when.add_argument(
        "--workers",
        type=int,
        default=defaults.workers,
        metavar="N",
        help="detections at once (default: one a core, at most 4; here %(default)s)",
    )
    when.add_argument(
        "--detect-timeout",
        dest="detect_timeout_s",
        type=float,
        default=defaults.detect_timeout_s,
        metavar="SECONDS",
        help="a detection that takes longer is given up, and what waited for it covered whole "
        "(default: %(default)s); more for a slow machine",
    )

    read = parser.add_argument_group("input")
    read.add_argument(
        "--decoder",
        choices=get_args(DecoderName),
        default=defaults.decoder,
        help="FFmpeg on the CPU (pyav), on a GPU (pyav-cuda), or GStreamer; auto (default): of files "
        "pyav, which leaves out damaged pictures. The others show what they fill in by a guess, but "
        "for the last picture of a file that breaks off",
    )

    output = parser.add_argument_group("output")
    output.add_argument("--codec", choices=("h264", "hevc"), default=defaults.codec)
    output.add_argument(
        "--crf",
        type=int,
        default=defaults.crf,
        help="quality, 0 to 51, lower is better (%(default)s)",
    )
    output.add_argument("--preset", default=defaults.preset, help="of pyav's encoder (%(default)s)")
    output.add_argument(
        "--encoder",
        choices=get_args(EncoderName),
        default=defaults.encoder,
        help="FFmpeg on the CPU (pyav), or GStreamer; auto (default): hardware where it passes a "
        "trial, else pyav. Hardware keeps the quantizer constant at --crf",
    )
    output.add_argument(
        "--audio",
        choices=("drop", "copy"),
        default=defaults.audio,
        help="drop (default), since a voice identifies people too",
    )
    output.add_argument("--report", type=Path, metavar="R.json", help="what was done, in numbers")
    output.add_argument(
        "--timeline",
        type=Path,
        metavar="T.png",
        help="keyframes, tracks, covers and load as a plot",
    )
    output.add_argument(
        "--contact-sheet", type=Path, metavar="S.png", help="a dozen redacted frames with outlines"
    )
    output.add_argument(
        "--boxes",
        action="store_true",
        help="for tuning: draw labelled boxes INSTEAD of hiding",
    )
    output.add_argument(
        "--i-know-this-is-not-redacted",
        action="store_true",
        help="what --boxes needs you to say",
    )
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    settings = _settings(args)
    called = "boxes" if args.boxes else "redacted"
    written = frozenset({".mp4", ".mov", ".mkv"})
    inputs = inputs_of(args, Kind("video", VIDEO_SUFFIXES, written, ".mp4", called))
    pairs, left = inputs.pairs, list(inputs.passed_over)
    _check_side_outputs(args, pairs)
    with (
        Ahead(partial(open_bundle, args)) as opening,
        _loading(opening, settings, building := Building()) as loading,
        building,
    ):
        with importing():  # what takes as long as a bundle and its network
            import agent.blur
            import agent.cli.watch  # noqa: F401

        return _redact(args, settings, pairs, left, opening.result(), loading)


def _loading(
    opening: Ahead[Bundle], settings: BlurSettings, building: Building
) -> Ahead[NetworkDetector]:
    def load() -> NetworkDetector:
        from models.runtime.backends import device_backends
        from models.runtime.choose import choose_network

        bundle = opening.result()
        backends = device_backends(user_engines(), building)
        chosen = choose_network(bundle, backends=backends, cache=user_choices())
        warn_of_faulty_files(chosen)
        from agent.blur import detector_of

        return detector_of(bundle, settings, chosen)

    return Ahead(load)


def _redact(
    args: argparse.Namespace,
    settings: BlurSettings,
    pairs: list[tuple[Path, Path]],
    left: list[PassedOver],
    bundle: Bundle,
    loading: Ahead[NetworkDetector],
) -> int:
    from agent.cli.watch import TerminalWatcher
    from agent.hidden import hidden_classes
    from agent.run_report import with_passed_over

    labels = hidden_classes(bundle, settings).labels
    if not args.boxes and (weak := weak_effect(settings, labels.values())):
        print(f"sfumato: warning: {weak}", file=sys.stderr)
    if len(pairs) == 1:
        check_paths(*pairs[0], overwrite=args.overwrite)
    reports: list[RunReport] = []
    failed: AgentError | None = None
    for source, target in pairs:
        with loading.beside():
            watcher = TerminalWatcher(
                settings,
                timeline=args.timeline,
                contact_sheet=args.contact_sheet,
                overwrite=args.overwrite,
                annotated=args.boxes,
                first=not reports,
            )
        done = len(reports)
        try:
            reports.append(_one(args, source, target, bundle, settings, watcher, loading))
            watcher.sum_up(reports[-1])
        except AgentError as error:
            failed = failed or error
            if len(reports) == done:
                left.append(PassedOver(source, str(error).removeprefix(f"{source}: ")))
            if len(pairs) > 1:
                print(f"sfumato: {error}; going on with the next", file=sys.stderr)
        if watcher.cancelled:
            break
    if args.report and reports:
        reports[0] = with_passed_over(reports[0], ((each.path, each.reason) for each in left))
        dumped = [report.model_dump(mode="json") for report in reports]
        text = json.dumps(dumped if len(pairs) > 1 else dumped[0], indent=1)
        write_output_file(args.report, f"{text}\n".encode(), overwrite=args.overwrite)
    if failed is not None:
        if len(pairs) == 1:
            raise failed
        return failed.exit_code
    return INTERRUPTED_EXIT_CODE if watcher.cancelled else 0


def _check_side_outputs(args: argparse.Namespace, pairs: list[tuple[Path, Path]]) -> None:
    """Refuse what would overwrite a video, or can't be written, before a run is spent on it."""
    if len(pairs) > 1 and (args.timeline or args.contact_sheet):
        raise UsageError("--timeline and --contact-sheet show one video; give one input")
    if args.report is not None:
        if args.report.suffix.lower() != ".json":
            raise UsageError(f"--report {args.report}: let its name end in .json")
        check_output_file(args.report, overwrite=args.overwrite)
    beside = [path for path in (args.report, args.timeline, args.contact_sheet) if path]
    for path in beside:
        check_no_input(path, (source for source, _ in pairs))
    sweep_around(beside)


def _settings(args: argparse.Namespace) -> BlurSettings:
    if args.boxes and not args.i_know_this_is_not_redacted:
        raise UsageError(
            "boxes hide nothing; if that is what you want, say --i-know-this-is-not-redacted"
        )
    every: int | str = args.every
    if every != "auto":
        try:
            every = int(every)
        except ValueError:
            raise UsageError(f"--every {every}: give a number of frames, or auto") from None
    return settings_of(args, every=every)


def _one(
    args: argparse.Namespace,
    source: Path,
    target: Path,
    bundle: Bundle,
    settings: BlurSettings,
    watcher: TerminalWatcher,
    detector: Ahead[Detector],
) -> RunReport:
    from agent.blur import annotate, blur

    run = blur
    if args.boxes:
        run = partial(annotate, i_know_this_is_not_redacted=args.i_know_this_is_not_redacted)

    def cancel() -> bool:
        watcher.cancel()
        return detector.has_ended  # an engine may take minutes, and there is no video to end

    try:
        with stopping(cancel):
            return run(
                source,
                target,
                bundle,
                settings,
                overwrite=args.overwrite,
                watcher=watcher,
                detector=detector,
                trials=user_trials(),
            )
    finally:
        watcher.close()
