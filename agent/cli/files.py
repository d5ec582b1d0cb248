"""Files that a command names beside its inputs: bundles with their keys, pictures."""

from __future__ import annotations

import importlib
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from agent.errors import UsageError
from agent.output_file import check_output_file

if TYPE_CHECKING:
    import argparse

    from models.bundle import Bundle


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Which bundle, and who must have signed it."""
    model = parser.add_argument_group("model")
    model.add_argument(
        "--model",
        type=Path,
        required=True,
        metavar="X.sfm",
        help="the bundle, or with --allow-unsigned an ONNX export as it is",
    )
    add_trust_arguments(model)


def add_trust_arguments(model: argparse._ActionsContainer) -> None:
    """Who must have signed a bundle, and what a person takes all the same."""
    model.add_argument(
        "--trust",
        type=Path,
        action="append",
        default=[],
        metavar="KEY.pub",
        help="a key that may have signed it; can be given several times",
    )
    model.add_argument(
        "--allow-unsigned", action="store_true", help="run a bundle that nobody has signed"
    )
    model.add_argument(
        "--allow-expired", action="store_true", help="run a bundle whose time is over"
    )


def open_bundle(args: argparse.Namespace) -> Bundle:
    """The bundle that `add_model_arguments` asked for.

    Raises:
        ModelError: it is damaged, has expired, or is not signed by a trusted key.
    """
    from models.bundle import Bundle
    from models.errors import ExpiredError

    if args.model.suffix.lower() == ".onnx":
        return _unpacked(args)
    trusted = []
    if args.trust:
        from models.signing import load_public

        trusted = [load_public(path) for path in args.trust]
    try:
        return Bundle.open(
            args.model,
            trusted,
            allow_unsigned=args.allow_unsigned,
            allow_expired=args.allow_expired,
        )
    except ExpiredError as error:
        raise ExpiredError(f"{error}, or run it anyway with --allow-expired") from error


def _unpacked(args: argparse.Namespace) -> Bundle:
    """A network that nobody has packed yet, where a person takes it as it is."""
    from models.bundle import Bundle
    from models.errors import ModelError, TrustError
    from models.importing import import_onnx
    from models.manifest import MAX_MODEL_BYTES, name_of_file
    from models.onnx_file.embed import read_onnx

    path, bundle = args.model, f"{args.model.stem}.sfm"
    try:
        model = read_onnx(path, MAX_MODEL_BYTES)
    except OSError as error:
        raise ModelError(f"{path}: can't read the model ({error.strerror})") from error
    if not args.allow_unsigned:
        importing = shlex.join(["sfumato", "model", "import", str(path), "--out", bundle])
        signing = shlex.join(["sfumato", "model", "sign", bundle, "--key", "KEY.key"])
        raise TrustError(
            f"{path}: not a bundle yet; make one with `{importing}`, then `{signing}`, "
            "or run it as it is with --allow-unsigned"
        )
    try:
        return Bundle.unsigned(*import_onnx(model, name_of_file(path.stem)))
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error


def check_picture(path: Path, *, overwrite: bool) -> None:
    """Refuse a picture's path that can't go well, before a run is spent on it.

    Raises:
        UsageError: it is not named as a PNG; a video would be overwritten by a slip of the hand.
        OutputError: it exists already, or can't be written to.
    """
    if path.suffix.lower() != ".png":
        raise UsageError(f"{path}: the picture is a PNG; let its name end in .png")
    check_output_file(path, overwrite=overwrite)


def check_plots(option: str) -> None:
    """Refuse a plot that nothing here can draw, before a run is spent on it.

    Raises:
        UsageError: the extra is missing.
    """
    try:
        importlib.import_module("matplotlib")
    except ImportError as error:
        raise UsageError(f"{option} needs the extra `plots`: pip install '.[plots]'") from error
