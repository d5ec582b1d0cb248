"""`sfumato model import`: pack an ONNX file into a bundle."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from agent.cli.arguments import add_command
from agent.cli.bars import wasted_on_bars
from agent.errors import InputError, UsageError
from agent.output_file import check_output_file, output_path, sweep_around
from models.manifest import Family, Layout

if TYPE_CHECKING:
    from models.description import Description

_EPILOG = """\
An export by Ultralytics that segments (or detects: boxes only), or one by sfumato-distill teacher
export, says itself what it is. Weights that lie beside it (x.onnx.data) are packed, too:

  sfumato model import yolov8n-seg.onnx --classes person,car --out street.sfm

All classes of a name are taken, whatever its case. A name with a comma stands in double quotes:

  sfumato model import desk.onnx --classes 'person,"cup, paper"' --out desk.sfm

A square network sees 16:9 with bars, which are 44 % of its work. One that takes any size (exported
with dynamic=True, say) can have several, and the agent takes what suits each video's shape:

  sfumato model import yolov8n-seg.onnx --out street.sfm --size 640x640 --size 640x384

Of other networks, say what they are. Colour order, normalisation and letterbox follow the layout's
own custom unless given (yolo: Ultralytics' detectors, dets: MMDetection's RTMDet, yolox: YOLOX,
ssd: TensorFlow's model zoo):

  sfumato model import rtmdet-nano.onnx --out person.sfm \\
          --family boxes --layout dets --names person --size 320x320
  sfumato model import yolox-nano.onnx --classes person --out person.sfm \\
          --family boxes --layout yolox --names "$(paste -sd, coco-names.txt)"

Before the bundle is written the network runs on a grey image at each size: a wrong family fails
here.
"""


def add_import(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `import`."""
    parser = add_command(subparsers, "import", "pack an ONNX file into a bundle", _EPILOG)
    parser.add_argument("onnx", type=Path, metavar="X.onnx")
    parser.add_argument("--out", type=Path, metavar="Y.sfm", required=True)
    parser.add_argument("--overwrite", action="store_true", help="replace a Y.sfm that exists")
    parser.add_argument(
        "--classes", type=_words, default=(), metavar="A,B", help="what to hide; default: all"
    )
    parser.add_argument("--name", help="the bundle's name; default: after that of --out")
    parser.add_argument("--key", type=Path, metavar="KEY.key", help="sign it with this key")
    parser.add_argument(
        "--size",
        type=_size,
        action="append",
        default=[],
        metavar="WxH",
        help=(
            "input pixels; default: what the file says; of a network of any size several can be "
            "given, of which each video gets the one that suits its shape"
        ),
    )
    parser.set_defaults(run=_run)

    other = parser.add_argument_group("networks that do not say what they are")
    other.add_argument("--family", choices=get_args(Family), help="how its outputs are read")
    other.add_argument("--layout", choices=get_args(Layout), help="which outputs family boxes has")
    other.add_argument(
        "--names", type=_words, metavar="A,B", help="all that it knows, in the order of its ids"
    )
    other.add_argument("--colour", choices=("rgb", "bgr"), help="order of its channels")
    other.add_argument(
        "--mean", type=_three, metavar="A,B,C", help="taken off pixels (0 to 255), in that order"
    )
    other.add_argument("--std", type=_three, metavar="A,B,C", help="they are divided by it then")
    other.add_argument(
        "--letterbox",
        choices=("centre", "corner", "stretch"),
        help="bars around, bars right and below, or no bars",
    )
    other.add_argument("--pad", type=int, metavar="GREY", help="grey of the bars (0 to 255)")


def _words(text: str) -> tuple[str, ...]:
    from models.classes import split_names

    try:
        words = split_names(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    if not (words and all(words)):
        raise argparse.ArgumentTypeError(f"an empty name in '{text}'")
    return words


def _size(text: str) -> tuple[int, int]:
    try:
        width, height = (int(number) for number in text.lower().split("x"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not WIDTHxHEIGHT, like 640x480") from None
    return width, height


def _three(text: str) -> tuple[float, float, float]:
    try:
        first, second, third = (float(number) for number in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not three numbers, like 0,0,0") from None
    return first, second, third


def _run(args: argparse.Namespace) -> int:
    from models.bundle import write_bundle
    from models.classes import shortened
    from models.errors import ModelError, UnknownClassError
    from models.importing import import_onnx
    from models.manifest import MAX_MODEL_BYTES, name_of_file
    from models.onnx_file.embed import read_onnx
    from models.signing import load_private

    description = _description(args)
    if args.out.resolve() == args.onnx.resolve():
        raise UsageError(f"{args.out}: --out is the model itself; name another file")
    check_output_file(args.out, overwrite=args.overwrite)
    sweep_around([args.out])
    key = load_private(args.key) if args.key else None
    try:
        model = read_onnx(args.onnx, MAX_MODEL_BYTES)
    except OSError as error:
        raise InputError(f"{args.onnx}: can't read the model ({error.strerror})") from error
    name = args.name or name_of_file(args.out.stem)
    try:
        manifest, files = import_onnx(
            model, name, classes=args.classes, description=description, sizes=args.size
        )
    except UnknownClassError as error:
        raise UsageError(f"--classes: {error}") from error
    except ModelError as error:
        raise ModelError(f"{args.onnx}: {error}") from error
    with output_path(args.out, overwrite=args.overwrite) as out:
        write_bundle(out, manifest, files, key)
    sizes = ", ".join(f"{spec.width}x{spec.height}" for spec in manifest.inputs())
    print(
        f"{args.out}: {manifest.family} {sizes}, hides "
        f"{shortened([each.name for each in manifest.classes])}; "
        + (f"signed by {key.public.id}" if key else "unsigned, so it needs --allow-unsigned")
    )
    if said := wasted_on_bars(manifest):
        print(f"sfumato: {said}", file=sys.stderr)
    return 0


def _description(args: argparse.Namespace) -> Description | None:
    from models.description import Description

    feeding = {
        "colour": args.colour,
        "mean": args.mean,
        "std": args.std,
        "letterbox": args.letterbox,
        "pad_value": args.pad,
    }
    feeding = {field: value for field, value in feeding.items() if value is not None}
    if args.family is None:
        if feeding or args.layout or args.names:
            raise UsageError("a network is described by --family and --names, then by the rest")
        return None
    if not args.names:
        raise UsageError("--family needs --names: all classes that the network knows, in order")
    if (args.layout is not None) != (args.family == "boxes"):
        raise UsageError("--layout goes with --family boxes, and with no other")
    return Description(args.family, args.names, args.layout, feeding=feeding)
