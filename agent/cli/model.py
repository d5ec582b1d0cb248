"""`sfumato model`: make, look at, verify and sign bundles."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from agent.errors import InputError, OutputError, UsageError
from models.manifest import Family, Layout

if TYPE_CHECKING:
    from models.claims import Claims
    from models.importing import Description
    from models.manifest import Manifest

_EPILOG = """\
A bundle (.sfm) holds a network, how to feed and read it, and which classes it hides.

  sfumato model import yolov8n-seg.onnx --classes person,car --out street.sfm
  sfumato model keygen office                      # office.key stays here, office.pub travels
  sfumato model sign street.sfm --key office.key
  sfumato model verify street.sfm --trust office.pub
"""

_IMPORT_EPILOG = """\
An export by Ultralytics, or by sfumato-distill teacher export, says itself what it is:

  sfumato model import yolov8n-seg.onnx --classes person,car --out street.sfm

Of others, say it. Colour order, normalisation and letterbox follow the layout's own custom
unless given (dets: MMDetection's RTMDet, yolox: YOLOX, ssd: TensorFlow's model zoo):

  sfumato model import rtmdet-nano.onnx --out person.sfm \\
          --family boxes --layout dets --names person --size 320x320
  sfumato model import yolox-nano.onnx --classes person --out person.sfm \\
          --family boxes --layout yolox --names "$(paste -sd, coco-names.txt)"

The network runs once on a grey image before the bundle is written: a wrong family fails here.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `model` and what stands below it; each sets `run(args) -> exit code`."""
    model = _parser(subparsers, "model", "make, look at, verify and sign bundles", _EPILOG)
    commands = model.add_subparsers(metavar="COMMAND", required=True)
    _add_import(commands)

    show = _parser(commands, "show", "what a bundle says about itself (nothing is verified)")
    show.add_argument("bundle", type=Path, metavar="X.sfm")
    show.add_argument("--json", action="store_true", help="the whole manifest, for programs")
    show.set_defaults(run=_show)

    verify = _parser(commands, "verify", "check a bundle's signature and every file in it")
    verify.add_argument("bundle", type=Path, metavar="X.sfm")
    verify.add_argument(
        "--trust",
        type=Path,
        metavar="KEY.pub",
        action="append",
        required=True,
        help="a key that may have signed it; can be given several times",
    )
    verify.set_defaults(run=_verify)

    sign = _parser(commands, "sign", "sign a bundle, or sign it anew")
    sign.add_argument("bundle", type=Path, metavar="X.sfm")
    sign.add_argument("--key", type=Path, metavar="KEY.key", required=True)
    sign.add_argument("--out", type=Path, metavar="Y.sfm", help="default: in place")
    sign.set_defaults(run=_sign)

    keygen = _parser(commands, "keygen", "make a key pair: NAME.key signs, NAME.pub verifies")
    keygen.add_argument("name", type=Path, metavar="NAME", help="where, without an ending")
    keygen.set_defaults(run=_keygen)


def _parser(
    subparsers: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    summary: str,
    epilog: str | None = None,
) -> argparse.ArgumentParser:
    return subparsers.add_parser(
        name,
        help=summary,
        description=summary[0].upper() + summary[1:] + ".",
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _add_import(
    subparsers: argparse._SubParsersAction[argparse.ArgumentParser],
) -> None:
    parser = _parser(subparsers, "import", "pack an ONNX file into a bundle", _IMPORT_EPILOG)
    parser.add_argument("onnx", type=Path, metavar="X.onnx")
    parser.add_argument("--out", type=Path, metavar="Y.sfm", required=True)
    parser.add_argument(
        "--classes", type=_words, default=(), metavar="A,B", help="what to hide; default: all"
    )
    parser.add_argument("--name", help="the bundle's name; default: that of --out")
    parser.add_argument("--key", type=Path, metavar="KEY.key", help="sign it with this key")
    parser.set_defaults(run=_import)

    other = parser.add_argument_group("networks that do not say what they are")
    other.add_argument("--family", choices=get_args(Family), help="how its outputs are read")
    other.add_argument("--layout", choices=get_args(Layout), help="which outputs family boxes has")
    other.add_argument(
        "--names", type=_words, metavar="A,B", help="all that it knows, in the order of its ids"
    )
    other.add_argument(
        "--size", type=_size, metavar="WxH", help="input pixels; default: what the file says"
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
    words = tuple(word.strip() for word in text.split(","))
    if not all(words):
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


def _import(args: argparse.Namespace) -> int:
    from models.bundle import write_bundle
    from models.errors import UnknownClassError
    from models.importing import import_onnx
    from models.signing import load_private

    description = _description(args)
    key = load_private(args.key) if args.key else None
    try:
        model = args.onnx.read_bytes()
    except OSError as error:
        raise InputError(f"{args.onnx}: can't read the model ({error.strerror})") from error
    if args.out.resolve() == args.onnx.resolve():
        raise UsageError(f"{args.out}: --out is the model itself; name another file")
    try:
        manifest, files = import_onnx(
            model, args.name or args.out.stem, classes=args.classes, description=description
        )
    except UnknownClassError as error:
        raise UsageError(f"--classes: {error}") from error
    try:
        write_bundle(args.out, manifest, files, key)
    except OSError as error:
        raise OutputError(f"{args.out}: can't write the bundle ({error.strerror})") from error
    spec = manifest.input
    print(
        f"{args.out}: {manifest.family} {spec.width}x{spec.height}, hides "
        f"{_list([each.name for each in manifest.classes])}; "
        + (f"signed by {key.public.id}" if key else "unsigned, so it needs --allow-unsigned")
    )
    return 0


def _description(args: argparse.Namespace) -> Description | None:
    from models.importing import Description

    feeding = {
        "colour": args.colour,
        "mean": args.mean,
        "std": args.std,
        "letterbox": args.letterbox,
        "pad_value": args.pad,
    }
    feeding = {field: value for field, value in feeding.items() if value is not None}
    if args.family is None:
        if feeding or args.layout or args.names or args.size:
            raise UsageError("a network is described by --family and --names, then by the rest")
        return None
    if not args.names:
        raise UsageError("--family needs --names: all classes that the network knows, in order")
    if (args.layout is not None) != (args.family == "boxes"):
        raise UsageError("--layout goes with --family boxes, and with no other")
    return Description(args.family, args.names, args.layout, args.size, feeding)


def _list(names: list[str], most: int = 6) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _show(args: argparse.Namespace) -> int:
    from models.claims import read_claims

    claims = read_claims(args.bundle)
    if args.json:
        print(json.dumps(_as_json(claims), indent=2))
        return 0
    manifest, spec = claims.manifest, claims.manifest.input
    signature = f"by key {claims.signed_by}, not verified" if claims.signed_by else "none"
    family = manifest.family + (f", layout {manifest.layout}" if manifest.layout else "")
    lines = {
        "name": f"{manifest.name}, version {manifest.version}",
        "created": f"{manifest.created:%Y-%m-%d %H:%M} UTC",
        "expires": _expiry(manifest),
        "signature": signature,
        "digest": claims.digest,
        "family": family,
        "input": f"{spec.width}x{spec.height} {spec.colour}, letterbox {spec.letterbox}",
        "classes": ", ".join(_with_threshold(each.name, manifest) for each in manifest.classes),
    }
    for role, file in manifest.files.items():
        lines[role] = f"{file.path}, {file.bytes / 1e6:.1f} MB"
    if manifest.golden_files:
        lines["golden"] = f"{len(manifest.golden_files)} frames to test it with"
    for title, text in lines.items():
        print(f"{title:10} {text}")
    return 0


def _expiry(manifest: Manifest) -> str:
    if manifest.expires is None:
        return "never"
    return f"{manifest.expires:%Y-%m-%d}" + (", which is over" if manifest.has_expired() else "")


def _with_threshold(name: str, manifest: Manifest) -> str:
    return f"{name} (from {manifest.threshold(name):g})" if name in manifest.thresholds else name


def _as_json(claims: Claims) -> dict[str, Any]:
    manifest = json.loads(claims.manifest.to_bytes())
    said = {"digest": claims.digest, "signed_by": claims.signed_by, "manifest": manifest}
    return said | {"metrics": claims.manifest.metrics}  # what people compare bundles by


def _verify(args: argparse.Namespace) -> int:
    from models.bundle import Bundle
    from models.signing import load_public

    bundle = Bundle.open(args.bundle, [load_public(path) for path in args.trust])
    manifest = bundle.manifest
    print(
        f"{args.bundle}: good; {manifest.name} version {manifest.version}, "
        f"signed by {bundle.signed_by}"
    )
    return 0


def _sign(args: argparse.Namespace) -> int:
    from models.bundle import sign_bundle
    from models.signing import load_private

    key, out = load_private(args.key), args.out or args.bundle
    try:
        manifest = sign_bundle(args.bundle, out, key)
    except OSError as error:
        raise OutputError(f"{out}: can't write the bundle ({error.strerror})") from error
    print(f"{out}: {manifest.name} version {manifest.version}, signed by {key.public.id}")
    return 0


def _keygen(args: argparse.Namespace) -> int:
    from models.signing import PrivateKey

    private = args.name.with_name(args.name.name + ".key")
    public = args.name.with_name(args.name.name + ".pub")
    key = PrivateKey.generate()
    try:
        if public.exists():
            raise FileExistsError(0, "there is one already", str(public))
        key.write(private)
        public.write_text(key.public.to_line())
    except OSError as error:
        raise OutputError(f"{error.filename}: can't write the key ({error.strerror})") from error
    print(f"key {key.public.id}: keep {private} secret, hand out {public}")
    return 0
