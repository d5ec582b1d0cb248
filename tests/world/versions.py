"""Bundles that differ in their version, with a network that is never loaded."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING

from models.bundle import write_bundle
from models.manifest import ClassSpec, InputSpec, Manifest, NetworkSpec

if TYPE_CHECKING:
    from pathlib import Path


def write_version(folder: Path, version: int) -> Path:
    """An unsigned one, `world-vVERSION.sfm`."""
    model = f"no network {version}".encode()
    manifest = Manifest(
        name="world",
        version=version,
        created=datetime(2026, 1, 2, tzinfo=timezone.utc),
        family="yolo_seg",
        class_count=1,
        classes=(ClassSpec(id=0, name="person"),),
        input=InputSpec(height=64, width=64),
        files={"fp32": NetworkSpec.of("model.onnx", model)},
    )
    path = folder / f"world-v{version}.sfm"
    write_bundle(path, manifest, {"fp32": model})
    return path
