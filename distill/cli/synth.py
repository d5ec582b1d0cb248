"""`sfumato-distill synth`: a data set of procedural scenes with exact masks."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from distill.errors import UsageError

_CLASSES = ("bottle", "can", "cup", "jar", "box")
_FRAMES = 48
_LEAST_PX, _MOST_PX = 64, 4096

_EPILOG = """\
what is in the folder:
  annotations.json  all images, COCO with RLE masks and track ids; train.json and val.json split it
                    by scene, so that no clip is in both
  images/           JPEG
  videos/           MP4, with --video
  sheet.png         24 images with their masks outlined: look at it first
  scenes.jsonl      what is finished; the same command goes on after a kill, a larger --images or
                    --clips extends the run, other --classes and --val only rewrite the JSON

objects that others hide, or that are cut off, until less than a tenth can be seen are marked
iscrowd: they count neither for a detector nor against it

examples:
  sfumato-distill synth --out data/a --images 2000
  sfumato-distill synth --out data/b --clips 20 --domain b --video
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "synth",
        help="render a data set of bottles among cans, cups, jars and boxes",
        description="Render scenes of bottles among cans, cups, jars and boxes, with exact masks:\n"
        "a data set to try a detector on, and with two domains a gap for it to cross.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to fill")
    what = parser.add_argument_group("what to render")
    kind = what.add_mutually_exclusive_group(required=True)
    kind.add_argument("--images", type=_positive, metavar="N", help="single images")
    kind.add_argument("--clips", type=_positive, metavar="N", help="clips at 25 frames a second")
    what.add_argument(
        "--frames", type=_positive, metavar="F", help=f"of each clip (default {_FRAMES})"
    )
    what.add_argument(
        "--size", type=_size, default=(640, 480), metavar="WxH", help="pixels (default 640x480)"
    )
    what.add_argument(
        "--domain",
        choices=("a", "b"),
        default="a",
        help="a: bright, plain, large and upright; b: dim, cluttered, small, tilted, noisy, "
        "blurred, and other bottles (default a)",
    )
    what.add_argument(
        "--seed", type=_natural, default=0, metavar="S", help="same seed, same bytes (default 0)"
    )
    what.add_argument("--video", action="store_true", help="write each clip as an MP4 too")
    labels = parser.add_argument_group("what to label")
    labels.add_argument(
        "--classes",
        type=_names,
        default=("bottle",),
        metavar="NAME,…",
        help=f"of {', '.join(_CLASSES)}; the others are drawn, but not labelled (default bottle)",
    )
    labels.add_argument(
        "--val", type=_share, default=0.2, metavar="SHARE", help="of scenes held out (default 0.2)"
    )
    parser.add_argument(
        "--workers", type=_positive, metavar="N", help="processes (default: one for each core)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Render, and say where it is."""
    if args.images and (args.frames or args.video):
        option = "--frames" if args.frames else "--video"
        raise UsageError(f"{option} goes with --clips, not with --images")
    if args.video and any(px % 2 for px in args.size):
        raise UsageError("--video needs a --size of even numbers, as H.264 does")
    from distill.data.synth import Run, synthesise

    frames = (args.frames or _FRAMES) if args.clips else 0
    workers = args.workers or os.cpu_count() or 1
    job = Run(args.out, args.domain, args.seed, args.size, frames, args.video)
    synthesise(job, args.images or args.clips, args.classes, args.val, workers)
    print(f"{args.out / 'annotations.json'}; look at {args.out / 'sheet.png'}")
    return 0


def _natural(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) >= 2**32:
        raise argparse.ArgumentTypeError(f"'{text}' is no whole number from 0 to 2^32 - 1")
    return int(text)


def _positive(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= 10**6:
        raise argparse.ArgumentTypeError(f"'{text}' is no whole number from 1 to 1000000")
    return int(text)


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if not all(side.isascii() and side.isdigit() for side in (width, height)):
        raise argparse.ArgumentTypeError(f"'{text}' is no size; write it as 640x480")
    size = int(width), int(height)
    if not all(_LEAST_PX <= side <= _MOST_PX for side in size):
        raise argparse.ArgumentTypeError(f"each side has {_LEAST_PX} to {_MOST_PX} pixels")
    return size


def _names(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    for name in names:
        if name not in _CLASSES:
            raise argparse.ArgumentTypeError(f"no class '{name}'; there are {', '.join(_CLASSES)}")
    return names


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is no share from 0 to below 1")
    return share
