"""Files that a command names: inputs with their outputs, bundles with their keys."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from agent.errors import InputError, OutputError, UsageError
from agent.output_file import check_output_file

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

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


_VIDEOS = frozenset({".mp4", ".mov", ".mkv"})


def pairs_of(
    paths: Sequence[Path],
    out_dir: Path | None,
    suffixes: frozenset[str],
    *,
    written: frozenset[str] = _VIDEOS,
    other: str = ".mp4",
    called: str = "redacted",
) -> list[tuple[Path, Path]]:
    """Inputs with their outputs, from what the command line says.

    Args:
        suffixes: which files of a folder are inputs, lower case with the dot.
        written: which of them an output keeps.
        other: what an output ends in else.
        called: what stands before the ending of an output that is not named.

    Raises:
        UsageError: it can't be told which is which, or two outputs would be one file.
        InputError: a folder holds nothing to redact.
        OutputError: the output folder can't be made.
    """

    def suffix_of(path: Path) -> str:
        return path.suffix if path.suffix.lower() in written else other

    if out_dir is None:
        return [_single(paths, suffix_of, called)]
    inputs = [found for path in paths for found in _expand(path, suffixes)]
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{out_dir}: {error.strerror}") from error
    pairs = [(path, out_dir / f"{path.stem}{suffix_of(path)}") for path in inputs]
    names = [target.name for _, target in pairs]
    if doubled := {name for name in names if names.count(name) > 1}:
        raise UsageError(f"two inputs would both become {out_dir / min(doubled)}; rename one")
    return pairs


def _single(
    paths: Sequence[Path], suffix_of: Callable[[Path], str], called: str
) -> tuple[Path, Path]:
    if len(paths) > 2:
        raise UsageError(f"{len(paths)} paths, but no --out-dir to write to")
    source = paths[0]
    if _is_folder(source):
        raise UsageError(f"{source} is a folder; say with --out-dir where its files go")
    if len(paths) == 2:
        return source, paths[1]
    return source, source.with_name(f"{source.stem}.{called}{suffix_of(source)}")


def _expand(path: Path, suffixes: frozenset[str]) -> list[Path]:
    if not _is_folder(path):
        return [path]
    found = sorted(p for p in path.iterdir() if p.suffix.lower() in suffixes and p.is_file())
    if not found:
        raise InputError(f"{path}: holds no file to redact")
    return found


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a name too long; whoever opens it will say so
        return False


def check_picture(path: Path) -> None:
    """Refuse a picture's path that can't go well, before a run is spent on it.

    Raises:
        UsageError: it is not named as a PNG; a video would be overwritten by a slip of the hand.
        OutputError: it can't be written to.
    """
    if path.suffix.lower() != ".png":
        raise UsageError(f"{path}: the picture is a PNG; let its name end in .png")
    check_output_file(path)
