"""`sfumato bench`: what a bundle costs on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from agent.cli.arguments import add_command
from agent.cli.building import Building
from agent.cli.choices import user_choices, user_engines, user_trials, warn_of_faulty_files
from agent.cli.files import add_model_arguments, check_picture, check_plots, open_bundle
from agent.cli.printable import printable
from agent.errors import UsageError
from agent.output_file import check_output_file, sweep_around, write_output_file

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from agent.bench.bench_report import BenchReport, ClipPart, NetworkPart, SkippedPart
    from agent.telemetry.sensors import Sensors
    from models.bundle import Bundle
    from models.runtime.backend import Backend

_EPILOG = """\
  sfumato bench --model street.sfm --trust office.pub
  sfumato bench --model street.sfm --trust office.pub --clip street.mp4 --plot bench.png
  sfumato bench --model street.sfm --trust office.pub --clip street.mp4 --submit orin-nano.json

Every file of the bundle runs on every runtime that is here, one run after the other, at the size
that the bundle names first and at the one that a 16:9 picture gets. "p50 ms" is by the clock, from
the array in main memory to the arrays in main memory, and "GPU p50" by the GPU's own events, the
network alone. --clip is redacted whole as `sfumato blur` would do it, into a file that is deleted,
with power and temperature as the kernel tells them. An engine that is not there yet is built
first, and kept. Let nothing else run meanwhile.

--submit writes what helps others and us: the device, its power mode, versions and figures. No name
of a person, a machine, a file, a class or a bundle is in it. Nothing is sent: look at it, and attach
it where you like.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `bench`."""
    summary = "measure what a bundle costs on this machine: time, power, heat"
    parser = add_command(subparsers, "bench", summary, _EPILOG)
    add_model_arguments(parser)
    how = parser.add_argument_group("what to measure")
    how.add_argument("--clip", type=Path, metavar="X.mp4", help="a video to redact whole, too")
    how.add_argument(
        "--batch",
        default="1,2,4",
        metavar="N,N",
        help="images a run; a network made for one is measured with one (default: %(default)s)",
    )
    how.add_argument(
        "--seconds",
        type=float,
        default=2.0,
        metavar="S",
        help="for each line of the table (default: %(default)s)",
    )
    how.add_argument(
        "--threads",
        type=int,
        default=1,
        metavar="N",
        help="that share a run on the CPU (default: %(default)s, as a detection of blur)",
    )
    output = parser.add_argument_group("output")
    output.add_argument("--json", action="store_true", help="for programs, in place of the table")
    output.add_argument("--plot", type=Path, metavar="P.png", help="the same as a picture")
    output.add_argument("--submit", type=Path, metavar="S.json", help="what you may send to others")
    output.add_argument("--overwrite", action="store_true", help="replace files that exist")
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    batches = _batches(args.batch)
    if not 0 < args.seconds <= 600:
        raise UsageError(f"--seconds {args.seconds:g}: choose more than 0, and at most 600")
    if not 1 <= args.threads <= 64:
        raise UsageError(f"--threads {args.threads}: choose 1 to 64")
    _check_outputs(args)
    bundle = open_bundle(args)
    if args.clip:
        from agent.bench.clip import check_clip

        check_clip(args.clip)
    report = _measured(args, bundle, batches)
    document = report.model_dump_json(indent=2)
    if args.json:
        print(document)
    else:
        from agent.bench.table import table

        for line in table(report).splitlines():
            print(printable(line))
    if args.submit:
        data = _submission(report, bundle)
        write_output_file(args.submit, data, overwrite=args.overwrite)
    if args.plot:
        from agent.bench.chart import chart

        write_output_file(args.plot, chart(report), overwrite=args.overwrite)
    return 0


def _check_outputs(args: argparse.Namespace) -> None:
    if args.plot:
        check_picture(args.plot, overwrite=args.overwrite)
        check_plots("--plot")
    if args.submit:
        if args.submit.suffix.lower() != ".json":
            raise UsageError(f"--submit {args.submit}: let its name end in .json")
        check_output_file(args.submit, overwrite=args.overwrite)
    sweep_around(path for path in (args.plot, args.submit) if path)


def _submission(report: BenchReport, bundle: Bundle) -> bytes:
    import platform

    from agent.bench.submission import submission

    manifest = bundle.manifest
    names = manifest.name, platform.node(), *(spec.name for spec in manifest.classes)
    return f"{submission(report, names).model_dump_json(indent=2)}\n".encode()


def _measured(args: argparse.Namespace, bundle: Bundle, batches: tuple[int, ...]) -> BenchReport:
    from tqdm import tqdm

    from agent.bench.bench_report import BenchReport, BundlePart, SkippedPart
    from agent.bench.machine import machine_of
    from agent.telemetry.hardware import Hardware
    from agent.telemetry.nvml import Nvml
    from agent.telemetry.sensors import Sensors
    from models.runtime.backends import device_backends

    tqdm.monitor_interval = 0  # no thread that outlives the bars
    sensors, manifest, clip = Sensors(nvml=Nvml()), bundle.manifest, None
    with Building() as building:
        backends = device_backends(user_engines(), building)
        rows, skipped = _networks(args, bundle, backends, batches)
        if args.clip:
            clip = _clip(args.clip, bundle, backends, sensors)
        else:
            skipped += (SkippedPart(what="a whole run", why="name a video with --clip"),)
    return BenchReport(
        machine=machine_of(Hardware(), sensors, backends),
        bundle=BundlePart(
            family=manifest.family,
            layout=manifest.layout,
            classes=len(manifest.classes),
            sizes=tuple((spec.width, spec.height) for spec in manifest.inputs()),
            files={role: file.bytes for role, file in manifest.files.items()},
        ),
        threads=args.threads,
        networks=rows,
        clip=clip,
        skipped=skipped,
    )


def _networks(
    args: argparse.Namespace,
    bundle: Bundle,
    backends: Sequence[Backend],
    batches: tuple[int, ...],
) -> tuple[tuple[NetworkPart, ...], tuple[SkippedPart, ...]]:
    """Rows, and what could not be measured.

    Raises:
        ModelError: nothing could.
    """
    from tqdm import tqdm

    from agent.bench.networks import NetworkBench
    from models.errors import ModelError

    with tqdm(disable=None, leave=False, bar_format="{desc} [{elapsed}]") as bar:
        bench = NetworkBench(
            bundle,
            backends,
            batches=batches,
            budget_s=args.seconds,
            threads=args.threads,
            tell=bar.set_description_str,
        )
        rows = tuple(bench.rows())
    if not rows:
        reasons = "".join(f"\n{each.what}: {each.why}" for each in bench.skipped)
        raise ModelError(f"nothing of {args.model} can be run here{reasons}")
    return rows, tuple(bench.skipped)


def _clip(clip: Path, bundle: Bundle, backends: Sequence[Backend], sensors: Sensors) -> ClipPart:
    """A whole run, by the network that suits this machine best."""
    from tqdm import tqdm

    from agent.bench.clip import measure_clip
    from agent.settings import BlurSettings
    from models.runtime.choose import choose_network

    chosen = choose_network(bundle, backends=backends, cache=user_choices())
    warn_of_faulty_files(chosen)
    with tqdm(disable=None, leave=False, unit=" frames") as bar:

        def tell(_: int, total: int | None) -> None:
            bar.total = total
            bar.update()

        settings = BlurSettings()
        return measure_clip(clip, bundle, chosen, settings, sensors, tell, user_trials())


def _batches(text: str) -> tuple[int, ...]:
    try:
        found = tuple(dict.fromkeys(int(each) for each in text.split(",")))
    except ValueError:
        found = ()
    if not found or not all(1 <= each <= 64 for each in found):
        raise UsageError(f"--batch {text}: choose whole numbers from 1 to 64, as in 1,2,4")
    return found
