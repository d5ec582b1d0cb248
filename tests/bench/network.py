"""The network under test, as a bundle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.bundle import Bundle, write_bundle
from models.importing import import_onnx

if TYPE_CHECKING:
    from pathlib import Path


def bundle_of(onnx: Path, folder: Path) -> Path:
    """Import an ONNX file with all of its classes; the bundle's path in `folder`."""
    path = folder / f"{onnx.stem}.sfm"
    if not path.exists():
        manifest, files = import_onnx(onnx.read_bytes(), onnx.stem)
        write_bundle(path, manifest, files)
    return path


def opened(onnx: Path, folder: Path) -> Bundle:
    """The same, opened."""
    return Bundle.open(bundle_of(onnx, folder), allow_unsigned=True)
