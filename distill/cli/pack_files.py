"""Which networks `sfumato-distill pack` puts into a bundle, and which of them come from elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from distill.errors import UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from distill.pack.bundle import Stored
    from distill.pack.manifest import NetworkFile
    from distill.pack.precisions import Asked
    from distill.pack.student import Student
    from models.manifest import Role


def split(args: argparse.Namespace) -> tuple[tuple[Stored, ...], tuple[Asked, ...]]:
    """The precisions that are exported here, and those that `sfumato-distill quantize` made.

    Raises:
        UsageError: its folder is missing, or for nothing.
    """
    ours = {"fp32", "fp16"} if args.target == "cpu" else {"fp32"}
    elsewhere = tuple(name for name in args.precision if name not in ours)
    if elsewhere and not args.quantized:
        raise UsageError(
            f"{elsewhere[0]} for {args.target} is made by sfumato-distill quantize; name its "
            "folder with --quantized"
        )
    if args.quantized and not elsewhere:
        raise UsageError(
            f"--quantized: {', '.join(args.precision)} for {args.target} is not from there; add "
            "int8 to --precision"
        )
    return tuple(name for name in args.precision if name in ours), elsewhere


def quantised(
    args: argparse.Namespace, student: Student, asked: Sequence[Asked]
) -> dict[Role, NetworkFile]:
    """Of the folder that `sfumato-distill quantize` filled, what these precisions mean.

    Raises:
        InputError: it is of another student or other sizes, or can't be read.
        ModelError: a file did not pass.
    """
    if not asked:
        return {}
    import hashlib

    from distill.pack.figures import read_file_thresholds
    from distill.pack.manifest import NetworkFile
    from distill.pack.precisions import quantised_files

    files = quantised_files(args.quantized, asked, args.target, student.sha256, student.sizes)
    found = {}
    for role, file in files.items():
        sha256 = hashlib.sha256(file.model).hexdigest()
        own = args.thresholds and read_file_thresholds(args.thresholds, student.classes, sha256)
        found[role] = NetworkFile(file.model, file.runtimes, own)
    return found
