"""`sfumato-distill teacher`: get a teacher's weights, look at them, check them, export them."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distill.cli import arguments
from distill.files import writing

if TYPE_CHECKING:
    from collections.abc import Callable

    from models.nets.checkpoint import Checkpoint

_EPILOG = """\
example:
  sfumato-distill teacher fetch l --out weights
  sfumato-distill teacher convert weights/rtmdet-ins_l_*.pth weights/teacher.safetensors
  sfumato-distill teacher show weights/teacher.safetensors
  sfumato-distill teacher export weights/teacher.safetensors teacher.onnx --check
  sfumato model import teacher.onnx --classes bottle --out bottle.sfm

Weights of RTMDet-Ins (.pth, .safetensors) are read as data: code in them does not run.
An Ultralytics .pt, which other commands take as a teacher, is a pickle of a whole model and may
run code when it is loaded: take it only from people you trust.
"""

_FETCH = """\
Fetch the weights that OpenMMLab published (COCO, 80 classes, Apache-2.0). What was begun is gone
on with, and the file counts only if its sha256 is the one that its name promises. Where the
network does not allow it, the message says what to download by hand, and where to put it.
"""

_CONVERT = """\
Read a .pth, published or of a training with mmdetection, and write safetensors: each tensor once,
with the size, the class names and where it came from. It can hold no code and loads faster.
"""

_PARITY = """\
Compare the network with tensors that OpenMMLab's own code gave for weights and images that a
formula makes: outputs in float64 and float32, instances and masks, assignment, losses, gradients.
Ends with 1 if anything is out of its tolerance.
"""

_EXPORT = """\
Write an ONNX file with the ten raw outputs cls0..2, reg0..2, kernel0..2 and mask_feat, for any
number of images at once. It says what it is, so that `sfumato model import` needs no description.
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `teacher` and what stands below it; each sets `run(args) -> exit code`."""
    teacher = commands.add_parser(
        "teacher",
        help="get a teacher's weights, look at them, check them, export them",
        description="Get a teacher's weights, look at them, check them, export them.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    below = teacher.add_subparsers(metavar="COMMAND", required=True)

    fetch = _parser(below, "fetch", "fetch published weights", _FETCH, _fetch)
    fetch.add_argument("size", choices=("tiny", "s", "m", "l", "x"), help="l is a good teacher")
    fetch.add_argument(
        "--out", type=Path, metavar="DIR", default=Path(), help="where to; default: here"
    )
    fetch.add_argument(
        "--url", metavar="BASE", help="a mirror of the folder rtmdet; default: OpenMMLab's own"
    )

    convert = _parser(below, "convert", "from .pth to safetensors", _CONVERT, _convert)
    convert.add_argument("weights", type=Path, metavar="IN.pth")
    convert.add_argument("out", type=Path, metavar="OUT.safetensors")
    _add_classes(convert)

    show = _parser(below, "show", "what a file holds", "Say what a file of weights holds.", _show)
    show.add_argument("weights", type=Path, metavar="W")
    show.add_argument("--json", action="store_true", help="for programs")
    _add_classes(show)

    parity = _parser(below, "parity", "compare with the original", _PARITY, _parity)
    parity.add_argument("fixtures", type=Path, nargs="+", metavar="FIXTURE.npz")

    export = _parser(below, "export", "write an ONNX file", _EXPORT, _export)
    export.add_argument("weights", type=Path, metavar="W", help=".pth or .safetensors")
    export.add_argument("out", type=Path, metavar="OUT.onnx")
    export.add_argument(
        "--size",
        type=arguments.input_side,
        metavar="PX",
        help="side of its input; default: the weights' own",
    )
    export.add_argument(
        "--check", action="store_true", help="compare PyTorch with ONNX Runtime; 1 if they differ"
    )
    _add_classes(export)


def _parser(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    summary: str,
    description: str,
    run: Callable[[argparse.Namespace], int],
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=summary, description=description)
    parser.set_defaults(run=run)
    return parser


def _add_classes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--names",
        type=arguments.names,
        default=(),
        metavar="A,B",
        help="its classes in the order of their ids (those that the file says)",
    )


def _fetch(args: argparse.Namespace) -> int:
    from distill.progress import progress as shown
    from distill.weights.fetch import BASE, PUBLISHED, fetch

    with shown(desc=PUBLISHED[args.size], unit="B", unit_scale=True, leave=True) as bar:

        def progress(there: int, whole: int | None) -> None:
            bar.total = whole
            bar.update(there - bar.n)

        path = fetch(args.size, args.out, base=args.url or BASE, progress=progress)
    print(path)
    return 0


def _convert(args: argparse.Namespace) -> int:
    from models.nets.checkpoint import read_checkpoint, save_safetensors

    read = read_checkpoint(args.weights, classes=args.names)
    with writing(args.out):
        save_safetensors(
            read.net(),
            args.out,
            read.classes,
            source=read.source,
            source_sha256=read.source_sha256,
            image_size=read.image_size,
        )
    print(f"{args.out}: RTMDet-Ins {read.size}, {_counted(read.classes)}")
    return 0


def _show(args: argparse.Namespace) -> int:
    import json

    from models.nets.checkpoint import read_checkpoint

    said = _description(read_checkpoint(args.weights, classes=args.names))
    if args.json:
        print(json.dumps(said, indent=2))
        return 0
    lines = said | {
        "classes": _counted(said["classes"]),
        "parameters": f"{said['parameters']:,}",
        "input": f"{said['image_size']}x{said['image_size']}",
    }
    del lines["image_size"]
    for title, text in lines.items():
        print(f"{title:14} {text or 'not said'}")
    return 0


def _description(read: Checkpoint) -> dict[str, Any]:
    net = read.net()
    return {
        "network": "rtmdet-ins",
        "size": read.size,
        "parameters": sum(parameter.numel() for parameter in net.parameters()),
        "classes": list(read.classes),
        "image_size": read.image_size,
        "sha256": read.sha256,
        "source": read.source,
        "source_sha256": read.source_sha256,
    }


def _counted(names: list[str] | tuple[str, ...], most: int = 6) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{len(names)} class{'es' if len(names) > 1 else ''}: {', '.join(names[:most])}{more}"


def _parity(args: argparse.Namespace) -> int:
    from distill.parity import check_fixture
    from distill.parity.table import format_table

    good = True
    for path in args.fixtures:
        rows = list(check_fixture(path))
        good = good and all(row.ok for row in rows)
        print(f"{path.name}\n{format_table(rows)}\n", flush=True)
    return 0 if good else 1


def _export(args: argparse.Namespace) -> int:
    from distill.export import check_export, export_onnx
    from distill.parity.table import format_table
    from models.nets.checkpoint import read_checkpoint
    from models.whole_file import whole_file

    read = read_checkpoint(args.weights, classes=args.names)
    net, size = read.net(), args.size or read.image_size
    model = export_onnx(net, read.classes, image_size=size)
    rows = list(check_export(net, model, image_size=size)) if args.check else []
    if rows:
        print(format_table(rows))
    if not all(row.ok for row in rows):
        print("sfumato-distill: the export differs; nothing was written", file=sys.stderr)
        return 1
    with writing(args.out), whole_file(args.out) as file:
        file.write(model)
    print(f"{args.out}: rtmdet_ins {size}x{size}, {_counted(read.classes)}")
    return 0
