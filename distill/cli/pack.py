"""`sfumato-distill pack`: a student becomes a signed bundle."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from distill.cli import arguments
from distill.cli.pack_files import quantised, split
from distill.cli.pack_summary import report
from distill.errors import OutputError, UsageError
from models.manifest import MAX_GOLDEN_FRAMES

if TYPE_CHECKING:
    from distill.data.images import Image
    from distill.pack.student import Student
    from models.manifest import TeacherSpec

_MIN_FRAMES = 4
"""Golden frames where fewer sizes have to be proven. Chosen, not measured."""

_DESCRIPTION = """\
Pack a student into a bundle (.sfm): its network as ONNX with raw outputs, how to feed and read
it, thresholds, figures, whose student it is, and golden frames: a few pictures with what PyTorch
sees in them, by which any runtime can be compared with it. The exported file is compared with
PyTorch at every size, the bundle is opened and asked as on the device, and only then it gets its
name: what was there before stays until then.
"""

_EPILOG = """\
example:
  sfumato model keygen office
  sfumato-distill evaluate --model student.pt --data val.json --out report --sweep
  sfumato-distill pack student.pt --out bottle.sfm --golden val.json --redact-background \\
          --thresholds report/sweep.json --metrics report/metrics.json \\
          --teacher teacher.safetensors --key office.key
  sfumato blur clip.mp4 --model bottle.sfm --trust office.pub

Golden frames are pictures that travel to every device, and whoever has the bundle can look at
them. What `synth` rendered goes as it is; of real footage, one of
  --redact-background    everything but labelled objects of the student's classes is dissolved; the
                         objects stay visible, so not where they are people, faces or plates
  --golden-shows-nobody  the frames travel as they are: you have looked at the images, and nobody
                         and nothing private is in them
  --render-golden        other pictures instead: rendered bottles, cans, cups, jars, boxes

METRICS, which can be given several times, is one of
  metrics.json of evaluate: mask_map, mask_map50, box_map, box_map50 of the student, and
      teacher_mask_map, ... of --teacher, both found by their weights' SHA-256
  ladder.json of ladder: the same, and control_mask_map, ...
  an object of names and numbers
Figures are of the weights at the size that was evaluated, not of another --size.

One file serves all sizes, and the agent takes the smallest in which a video is no smaller than in
the square: 640x384 for 16:9 is 40 % less work than 640x640, of which 44 % would be bars. At each
size a golden frame has to prove the network.

--precision names one or several: fp32, fp16, int8. For --target cpu, fp16 are FP32's weights in 16
bits: half the file, computed as before; scores differ in the third digit. All else is made, judged
and refused by `quantize`, whose folder --quantized names: int8 for cpu (model.uint8.onnx: 1.5 to
1.8 times as fast where the CPU has VNNI), int8 and fp16 for TensorRT on a jetson, all for any. A
device takes fp32 where it is faster, so pack it, too. For jetson and any, the rules of TensorRT's
parser are applied to what it may be given.

A bundle for Jetsons is packed twice where a fleet should not build its engines one by one: without
--engine; then `sfumato engine build` on one device of each kind; then with them, of the same files,
so with the same options. A device runs an engine only where every part of its key is its own and
the golden frames pass, and builds one elsewhere.

An Ultralytics .pt is a pickle that may run code when it is loaded: pack only your own.
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `pack`."""
    parser = commands.add_parser(
        "pack",
        help="put a student into a signed bundle for the device",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "student", type=Path, metavar="STUDENT", help=".pt (Ultralytics), .safetensors or .pth"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.sfm", help="the bundle")
    seal = parser.add_mutually_exclusive_group(required=True)
    seal.add_argument("--key", type=Path, metavar="KEY.key", help="sign it with this key")
    seal.add_argument(
        "--unsigned", action="store_true", help="leave it unsigned; devices refuse it by default"
    )

    network = parser.add_argument_group("the network")
    network.add_argument(
        "--size",
        type=arguments.input_size,
        action="append",
        metavar="WxH",
        help=(
            "input (px), multiples of 32; one number is a square; can be given several times, first "
            "the one that thresholds and figures hold for (the square that it was trained at, and "
            "its shapes for 16:9, 9:16, 4:3 and 3:4)"
        ),
    )
    network.add_argument(
        "--precision",
        type=arguments.words_among(("fp32", "fp16", "int8")),
        default=("fp32",),
        metavar="A,B",
        help="of fp32, fp16, int8 (fp32)",
    )
    network.add_argument(
        "--target",
        choices=("jetson", "cpu", "any"),
        default="cpu",
        help="which files that means: TensorRT's, a CPU's, or both (cpu)",
    )
    network.add_argument(
        "--quantized", type=Path, metavar="DIR", help="folder that sfumato-distill quantize filled"
    )
    network.add_argument(
        "--engine",
        type=Path,
        action="append",
        default=[],
        metavar="FILE.engine",
        help="what `sfumato engine build` wrote on a device, of a bundle of this student; can be "
        "given several times",
    )
    network.add_argument(
        "--dynamic", action="store_true", help="for any number of images at once (one)"
    )

    proof = parser.add_argument_group("golden frames")
    pictures = proof.add_mutually_exclusive_group(required=True)
    pictures.add_argument("--golden", type=Path, metavar="COCO.json", help="labelled images")
    pictures.add_argument(
        "--render-golden", action="store_true", help="procedural scenes, where no image may travel"
    )
    travels = proof.add_mutually_exclusive_group()
    travels.add_argument(
        "--redact-background",
        action="store_true",
        help="dissolve all of them but the labelled objects",
    )
    travels.add_argument(
        "--golden-shows-nobody",
        action="store_true",
        help="you have looked: they may travel to every device as they are",
    )
    proof.add_argument(
        "--images", type=Path, metavar="DIR", help="where its images are (beside the JSON)"
    )
    proof.add_argument(
        "--frames",
        type=arguments.whole_number(1, MAX_GOLDEN_FRAMES),
        metavar="N",
        help=f"how many pictures to take, 1 to {MAX_GOLDEN_FRAMES} (4, or one a size)",
    )

    release = parser.add_argument_group("what it says of itself")
    release.add_argument("--name", help="the bundle's name (after that of --out)")
    release.add_argument(
        "--version", type=int, default=1, metavar="N", help="grows with every release (1)"
    )
    release.add_argument(
        "--thresholds", type=Path, metavar="SWEEP.json", help="from evaluate --sweep (0.25 for all)"
    )
    release.add_argument(
        "--metrics",
        type=Path,
        action="append",
        default=[],
        metavar="METRICS.json",
        help="figures; can be given several times",
    )
    release.add_argument(
        "--teacher", type=Path, metavar="WEIGHTS", help="whose student it is: name and SHA-256"
    )
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    _check_words(args)
    stored, elsewhere = split(args)
    _check_place(args)
    from models.manifest import name_of_file
    from models.signing import load_private

    key = load_private(args.key) if args.key else None

    from distill.pack.bundle import pack
    from distill.pack.engines import read_engines
    from distill.pack.figures import read_figures, read_thresholds
    from distill.pack.manifest import Release
    from distill.pack.student import read_student

    engines = read_engines(args.engine)
    student = read_student(args.student, args.size or ())
    teacher = _teacher(args.teacher) if args.teacher else None
    release = Release(
        args.name or name_of_file(args.out.stem),
        args.version,
        read_thresholds(args.thresholds, student.classes, student.sha256)
        if args.thresholds
        else {},
        read_figures(args.metrics, student.sha256, teacher.weights_sha256 if teacher else None),
        teacher,
    )
    judged = quantised(args, student, elsewhere)
    packed = pack(
        student,
        args.out,
        release,
        _golden(args, student),
        stored=stored,
        judged=judged,
        dynamic=args.dynamic,
        for_tensorrt=args.target != "cpu",
        engines=engines,
        key=key,
    )
    report(args, packed, key)
    return 0


def _golden(args: argparse.Namespace, student: Student) -> list[Image]:
    from distill.pack.frames import labelled_frames, redacted_frames, rendered_frames

    count = args.frames or max(_MIN_FRAMES, len(student.sizes))
    if args.render_golden:
        return rendered_frames(count, student.spec, student.classes)
    asked, problems = (args.golden, args.images, count, student.spec), list[str]()
    if args.redact_background:
        frames = redacted_frames(*asked, student.classes, problems=problems)
    else:
        nobody = args.golden_shows_nobody
        frames = labelled_frames(*asked, shows_nobody=nobody, problems=problems)
    for line in problems:
        print(f"left out: {line}", file=sys.stderr)
    return frames


def _check_words(args: argparse.Namespace) -> None:
    about = {
        "--images": args.images,
        "--redact-background": args.redact_background,
        "--golden-shows-nobody": args.golden_shows_nobody,
    }
    for option, given in about.items():
        if args.render_golden and given:
            raise UsageError(f"{option} goes with --golden, not with --render-golden")


def _check_place(args: argparse.Namespace) -> None:
    """Before minutes are spent: the bundle can be written, and replaces nothing that it is made of."""
    made_of = (
        args.student,
        args.key,
        args.golden,
        args.thresholds,
        args.teacher,
        *args.metrics,
        *args.engine,
    )
    if args.out.resolve() in {path.resolve() for path in made_of if path}:
        raise UsageError(f"{args.out}: --out is one of the inputs; name another file")
    if args.out.is_dir() or not args.out.parent.is_dir():
        what = "is a folder" if args.out.is_dir() else "its folder is not there"
        raise OutputError(f"{args.out}: can't write the bundle ({what})")


def _teacher(path: Path) -> TeacherSpec:
    from distill.files import sha256_of
    from models.errors import ModelError
    from models.manifest import TeacherSpec

    return TeacherSpec(name=path.stem[:100], weights_sha256=sha256_of(path, ModelError))
