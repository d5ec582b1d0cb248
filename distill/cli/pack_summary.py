"""What `sfumato-distill pack` says when it is done."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator
    from pathlib import Path

    from distill.pack.bundle import Packed
    from models.signing import PrivateKey


def report(args: argparse.Namespace, packed: Packed, key: PrivateKey | None) -> None:
    """Print what is in the bundle, who signed it, and what its frames show."""
    sealed = f"signed by {key.public.id}" if key else "unsigned, so it needs --allow-unsigned"
    for line in (*_lines(args.out, packed, sealed), f"golden frames: {_travels(args)}"):
        print(line)


def _lines(out: Path, packed: Packed, sealed: str) -> Iterator[str]:
    """What is in the bundle, and how close it is to PyTorch."""
    manifest = packed.manifest
    first, *others = (f"{spec.width}x{spec.height}" for spec in manifest.inputs())
    also = f" ({', '.join(others)})" if others else ""
    yield (
        f"{out}: {manifest.family} {first}{also} {', '.join(manifest.files)}, "
        f"{out.stat().st_size / 1e6:.1f} MB, {sealed}"
    )
    for role, parity in packed.parity.items():
        raw = "" if parity.raw is None else f", raw outputs within {parity.raw:.1g}"
        yield (
            f"ONNX Runtime in {role} against PyTorch: {parity.compared} objects in "
            f"{len(manifest.golden_files)} golden frames{raw}; worst: {parity.line}"
        )
    if manifest.engines:
        yield f"engines: {len(manifest.engines)}, for devices that equal those that built them"
    for role in ("int8", "uint8"):
        if role in manifest.files and manifest.thresholds and not manifest.files[role].thresholds:
            yield (
                f"{role}: thresholds were taken from FP32, whose scores are a little others; "
                f"evaluate --sweep of {manifest.files[role].path}, too, gives it its own"
            )


def _travels(args: argparse.Namespace) -> str:
    """What the frames show to whoever has the bundle."""
    if args.redact_background:
        return "labelled objects as they are, all else dissolved"
    if args.golden_shows_nobody:
        return "pictures as they are; they travel to every device"
    return "rendered; nobody is in them"
