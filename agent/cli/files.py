"""Files that a command names: inputs with their outputs, bundles with their keys."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from agent.errors import InputError, OutputError, UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from models.bundle import Bundle


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Which bundle, and who must have signed it."""
    model = parser.add_argument_group("model")
    model.add_argument("--model", type=Path, required=True, metavar="X.sfm", help="the bundle")
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


def open_bundle(args: argparse.Namespace) -> Bundle:
    """The bundle that `add_model_arguments` asked for.

    Raises:
        ModelError: it is damaged, or not signed by a trusted key.
    """
    from models.bundle import Bundle

    trusted = []
    if args.trust:
        from models.signing import load_public

        trusted = [load_public(path) for path in args.trust]
    return Bundle.open(args.model, trusted, allow_unsigned=args.allow_unsigned)


def pairs_of(
    paths: Sequence[Path], out_dir: Path | None, suffixes: frozenset[str]
) -> list[tuple[Path, Path]]:
    """Inputs with their outputs, from what the command line says.

    Args:
        suffixes: which files of a folder are inputs, lower case with the dot.

    Raises:
        UsageError: it can't be told which is which, or two outputs would be one file.
        InputError: a folder holds nothing to redact.
        OutputError: the output folder can't be made.
    """
    if out_dir is None:
        return [_single(paths)]
    inputs = [found for path in paths for found in _expand(path, suffixes)]
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{out_dir}: {error.strerror}") from error
    pairs = [(path, out_dir / _output_name(path)) for path in inputs]
    names = [target.name for _, target in pairs]
    if doubled := {name for name in names if names.count(name) > 1}:
        raise UsageError(f"two inputs would both become {out_dir / min(doubled)}; rename one")
    return pairs


def _single(paths: Sequence[Path]) -> tuple[Path, Path]:
    if len(paths) > 2:
        raise UsageError(f"{len(paths)} paths, but no --out-dir to write to")
    if paths[0].is_dir():
        raise UsageError(f"{paths[0]} is a folder; say with --out-dir where its videos go")
    if len(paths) == 2:
        return paths[0], paths[1]
    return paths[0], paths[0].with_name(f"{paths[0].stem}.redacted{_output_name(paths[0])[-4:]}")


_KEPT = frozenset({".mp4", ".mov", ".mkv", ".png", ".jpg"})


def _output_name(path: Path) -> str:
    """The input's name, in a container or format that we write."""
    return path.name if path.suffix.lower() in _KEPT else f"{path.stem}.mp4"


def _expand(path: Path, suffixes: frozenset[str]) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(p for p in path.iterdir() if p.suffix.lower() in suffixes and p.is_file())
    if not found:
        raise InputError(f"{path}: holds no file to redact")
    return found


def write_text(path: Path, text: str) -> None:
    """Write a small file.

    Raises:
        OutputError: it can't be written.
    """
    try:
        path.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{path}: {error.strerror}") from error
