"""Inputs with their outputs, from what a command line says."""

from __future__ import annotations

import sys
import unicodedata
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agent.cli.folder import look_into
from agent.errors import InputError, OutputError, UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from agent.cli.folder import PassedOver


@dataclass(frozen=True, slots=True)
class Kind:
    """What a command takes and gives.

    Attributes:
        noun: what one is called.
        suffixes: which files of a folder are inputs, lower case with the dot.
        written: suffixes that an output keeps.
        other: what an output ends in else.
        called: what stands before the ending of an output that is not named.
    """

    noun: str
    suffixes: frozenset[str]
    written: frozenset[str]
    other: str
    called: str = "redacted"

    def suffix_of(self, path: Path) -> str:
        """What the output of `path` ends in."""
        return path.suffix if path.suffix.lower() in self.written else self.other


@dataclass(frozen=True, slots=True)
class Inputs:
    """What is to be done.

    Attributes:
        pairs: inputs with their outputs.
        passed_over: what else is in the folders that were named.
    """

    pairs: list[tuple[Path, Path]]
    passed_over: list[PassedOver]


def add_path_arguments(parser: argparse.ArgumentParser, noun: str, beside: str) -> None:
    """Inputs, outputs, and whether these may replace anything.

    Args:
        noun: what an input is.
        beside: an output that is not named.
    """
    parser.add_argument(
        "paths",
        nargs="+",
        type=Path,
        metavar="IN [OUT]",
        help=f"one {noun} and its output (default: beside it, like {beside}), "
        f"or any number of {noun}s and folders with --out-dir",
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument("-o", "--output", type=Path, metavar="OUT", help="the output, by name")
    where.add_argument("--out-dir", type=Path, metavar="DIR", help="folder for the outputs")
    parser.add_argument("--overwrite", action="store_true", help="replace outputs that exist")


def inputs_of(args: argparse.Namespace, kind: Kind) -> Inputs:
    """What the arguments of `add_path_arguments` name; what is passed over is said.

    Raises:
        UsageError: it can't be told which is which, or two outputs would be one file.
        InputError: a folder holds nothing to redact, or can't be looked into.
        OutputError: the output folder can't be made.
    """
    if args.out_dir is None:
        return Inputs([_single(args.paths, args.output, kind)], [])
    found, passed_over = [], []
    for path in args.paths:
        if not _is_folder(path):
            found.append(path)
            continue
        files, others = look_into(path, kind.suffixes, kind.noun)
        _say_passed_over(others)
        if not files:
            raise InputError(f"{path}: holds no file to redact")
        found += files
        passed_over += others
    try:
        args.out_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{args.out_dir}: {error.strerror}") from error
    return Inputs(_into_folder(found, args.out_dir, kind), passed_over)


def _single(paths: Sequence[Path], output: Path | None, kind: Kind) -> tuple[Path, Path]:
    if len(paths) > (2 if output is None else 1):
        said = "no --out-dir to write to" if output is None else "-o names one output"
        raise UsageError(f"{len(paths)} paths, but {said}")
    source = paths[0]
    if _is_folder(source):
        raise UsageError(f"{source} is a folder; say with --out-dir where its files go")
    if output is not None:
        return source, output
    if len(paths) == 1:
        return source, source.with_name(f"{source.stem}.{kind.called}{kind.suffix_of(source)}")
    return source, paths[1]


def _into_folder(inputs: Sequence[Path], out_dir: Path, kind: Kind) -> list[tuple[Path, Path]]:
    inputs = list({path.absolute(): path for path in inputs}.values())  # named twice is once
    names = [f"{path.stem}{kind.suffix_of(path)}" for path in inputs]
    doubled = _doubled(names)
    for at, path in enumerate(inputs):  # a camera's clip.MP4 and clip.LRV stay two
        if _key(names[at]) in doubled and kind.suffix_of(path) != path.suffix:
            names[at] = f"{path.name}{kind.other}"
    if doubled := _doubled(names):
        name = next(name for name in names if _key(name) in doubled)
        raise UsageError(f"two inputs would both become {out_dir / name}; rename one")
    return [(path, out_dir / name) for path, name in zip(inputs, names, strict=True)]


def _doubled(names: Sequence[str]) -> set[str]:
    return {key for key, count in Counter(map(_key, names)).items() if count > 1}


def _key(name: str) -> str:
    """Names of one key are one file on some disks: they may fold case, and compose accents."""
    return unicodedata.normalize("NFC", name).casefold()


def _say_passed_over(passed_over: Sequence[PassedOver]) -> None:
    for each in passed_over:
        if not each.quiet:
            print(f"sfumato: passed over: {each.path}: {each.reason}", file=sys.stderr)
    if quiet := [each for each in passed_over if each.quiet]:
        print(
            f"sfumato: passed over: {quiet[0].path.parent}: {len(quiet)} of Apple's ._ files, "
            "which hold attributes",
            file=sys.stderr,
        )


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a name too long; whoever opens it will say so
        return False
