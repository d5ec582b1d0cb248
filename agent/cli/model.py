"""`sfumato model`: make, look at, verify and sign bundles; and a device's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.cli.arguments import add_command
from agent.cli.model_import import add_import
from agent.cli.model_store import add_store
from agent.errors import OutputError
from agent.output_file import check_output_file, output_path, sweep_around, write_output_file
from models.classes import joined_names

if TYPE_CHECKING:
    import argparse

    from models.claims import Claims
    from models.manifest import Manifest, NetworkSpec

_EPILOG = """\
A bundle (.sfm) holds a network, how to feed and read it, and which classes it hides.

  sfumato model import yolov8n-seg.onnx --classes person,car --out street.sfm
  sfumato model keygen office                      # office.key stays here, office.pub travels
  sfumato model sign street.sfm --key office.key
  sfumato model verify street.sfm --trust office.pub

On a device, stage, activate, commit, rollback and list change what its agent runs:

  sudo sfumato model stage street.sfm              # prints its digest
  sudo sfumato model activate DIGEST
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `model` and what stands below it; each sets `run(args) -> exit code`."""
    model = add_command(subparsers, "model", "make, look at, verify, sign and run bundles", _EPILOG)
    commands = model.add_subparsers(metavar="COMMAND", required=True)
    add_import(commands)

    show = add_command(commands, "show", "what a bundle says about itself (nothing is verified)")
    show.add_argument("bundle", type=Path, metavar="X.sfm")
    show.add_argument("--json", action="store_true", help="the whole manifest, for programs")
    show.set_defaults(run=_show)

    verify = add_command(commands, "verify", "check a bundle's signature and every file in it")
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

    sign = add_command(commands, "sign", "sign a bundle, or sign it anew")
    sign.add_argument("bundle", type=Path, metavar="X.sfm")
    sign.add_argument("--key", type=Path, metavar="KEY.key", required=True)
    sign.add_argument("--out", type=Path, metavar="Y.sfm", help="default: in place")
    sign.add_argument("--overwrite", action="store_true", help="replace a Y.sfm that exists")
    sign.set_defaults(run=_sign)

    keygen = add_command(commands, "keygen", "make a key pair: NAME.key signs, NAME.pub verifies")
    keygen.add_argument("name", type=Path, metavar="NAME", help="where, without an ending")
    keygen.set_defaults(run=_keygen)
    add_store(commands)


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
        "input": f"{_sizes(manifest)}; {spec.colour}, letterbox {spec.letterbox}",
        "classes": _classes(manifest),
    }
    for role, file in manifest.files.items():
        lines[role] = _file(file)
    if manifest.golden_files:
        lines["golden"] = f"{len(manifest.golden_files)} frames to test it with"
    if manifest.engines:
        lines["engines"] = f"{len(manifest.engines)}, for devices that equal who built them"
    for title, text in lines.items():
        print(f"{title:10} {text}")
    return 0


def _sizes(manifest: Manifest) -> str:
    return ", ".join(f"{spec.width}x{spec.height}" for spec in manifest.inputs())


def _file(file: NetworkSpec) -> str:
    """What may run it, and whether it has thresholds of its own."""
    runtimes = " or ".join(file.runtimes) or "any runtime"
    own = "" if file.thresholds is None else "; thresholds of its own"
    return f"{file.path}, {file.bytes / 1e6:.1f} MB ({file.bytes} bytes), for {runtimes}{own}"


def _expiry(manifest: Manifest) -> str:
    if manifest.expires is None:
        return "never"
    return f"{manifest.expires:%Y-%m-%d}" + (", which is over" if manifest.has_expired() else "")


def _classes(manifest: Manifest) -> str:
    """Names as --classes takes them, with their thresholds, and their ids where they are several."""
    ids: dict[str, list[int]] = {}
    for spec in manifest.classes:
        ids.setdefault(spec.name, []).append(spec.id)
    return ", ".join(
        joined_names([name])
        + (f" (from {manifest.threshold(name):g})" if name in manifest.thresholds else "")
        + (f" (ids {', '.join(map(str, each))})" if len(each) > 1 else "")
        for name, each in ids.items()
    )


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
    overwrite = args.overwrite or args.out is None
    check_output_file(out, overwrite=overwrite)
    sweep_around([out])
    with output_path(out, overwrite=overwrite) as written:
        manifest = sign_bundle(args.bundle, written, key)
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
    except OSError as error:
        raise OutputError(f"{error.filename}: can't write the key ({error.strerror})") from error
    try:
        write_output_file(public, key.public.to_line().encode())
    except OutputError:
        private.unlink()  # half a pair is of no use, and would stand in the way of a whole one
        raise
    print(f"key {key.public.id}: keep {private} secret, hand out {public}")
    return 0
