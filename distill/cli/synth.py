"""`sfumato-distill synth`: a data set of procedural scenes with exact masks."""

from __future__ import annotations

import argparse
from pathlib import Path

from distill.cli import arguments
from distill.errors import UsageError
from models.cores import usable_cores

_CLASSES = ("bottle", "can", "cup", "jar", "box")
_FRAMES = 48
_MAX_COUNT = 10**6
"""Of images, clips, frames and processes: more than anybody means."""

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
    kind.add_argument(
        "--images", type=arguments.whole_number(1, _MAX_COUNT), metavar="N", help="single images"
    )
    kind.add_argument(
        "--clips",
        type=arguments.whole_number(1, _MAX_COUNT),
        metavar="N",
        help="clips at 25 frames a second",
    )
    what.add_argument(
        "--frames",
        type=arguments.whole_number(1, _MAX_COUNT),
        metavar="F",
        help=f"of each clip (default {_FRAMES})",
    )
    what.add_argument(
        "--size",
        type=arguments.image_size,
        default=(640, 480),
        metavar="WxH",
        help="pixels (default 640x480)",
    )
    what.add_argument(
        "--domain",
        choices=("a", "b"),
        default="a",
        help="a: bright, plain, large and upright; b: dim, cluttered, small, tilted, noisy, "
        "blurred, and other bottles (default a)",
    )
    what.add_argument(
        "--seed",
        type=arguments.whole_number(0, 2**32 - 1),
        default=0,
        metavar="S",
        help="same seed, same bytes (default 0)",
    )
    what.add_argument("--video", action="store_true", help="write each clip as an MP4 too")
    labels = parser.add_argument_group("what to label")
    labels.add_argument(
        "--classes",
        type=arguments.names_among(_CLASSES),
        default=("bottle",),
        metavar="NAME,…",
        help=f"of {', '.join(_CLASSES)}; the others are drawn, but not labelled (default bottle)",
    )
    labels.add_argument(
        "--val",
        type=arguments.share_below_one,
        default=0.2,
        metavar="SHARE",
        help="of scenes held out (default 0.2)",
    )
    parser.add_argument(
        "--workers",
        type=arguments.whole_number(1, _MAX_COUNT),
        metavar="N",
        help="processes (default: one for each core)",
    )
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    if args.images and (args.frames or args.video):
        option = "--frames" if args.frames else "--video"
        raise UsageError(f"{option} goes with --clips, not with --images")
    if args.video and any(px % 2 for px in args.size):
        raise UsageError("--video needs a --size of even numbers, as H.264 does")
    from distill.data.scenes.shoot import SynthRun
    from distill.data.synth import synthesise

    frames = (args.frames or _FRAMES) if args.clips else 0
    workers = args.workers or usable_cores()
    run = SynthRun(args.out, args.domain, args.seed, args.size, frames, args.video)
    synthesise(run, args.images or args.clips, args.classes, args.val, workers)
    print(f"{args.out / 'annotations.json'}; look at {args.out / 'sheet.png'}")
    return 0
