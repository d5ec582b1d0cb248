"""EngineKey: all that an engine depends on, so that one is run only where it was made for."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from models.manifest import Role, Sha256, Size  # noqa: TC001 pydantic reads them
from models.strict_model import StrictModel

if TYPE_CHECKING:
    from models.runtime.gpu import GpuIdentity

_L4T = Path("/etc/nv_tegra_release")
_L4T_RELEASE = re.compile(r"R(\d+) \(release\), REVISION: (\d+(?:\.\d+)*)")

_MACHINE = ("tensorrt", "compute_capability", "device", "driver_or_l4t", "options")
"""What two engines of one device have in common, whatever they are made of."""


class EngineKey(StrictModel):
    """Two engines with equal keys are one; TensorRT itself has no such question to ask.

    Attributes:
        onnx_sha256: of the network that it was built from.
        tensorrt: version of TensorRT, in full.
        compute_capability: of the GPU, as in `8.7`.
        device: the GPU's name. Two boards of one name may differ in clocks, and so in what is
            fastest, never in what is right.
        driver_or_l4t: release of Jetson Linux; elsewhere the CUDA version that the driver speaks.
        precision: of the network.
        sizes: width, height of its inputs, pixels.
        batch: the most images of a run.
        options: version of how we build: other flags, other engines.
    """

    onnx_sha256: Sha256
    tensorrt: str = Field(min_length=1, max_length=100)
    compute_capability: str = Field(min_length=1, max_length=20)
    device: str = Field(min_length=1, max_length=200)
    driver_or_l4t: str = Field(min_length=1, max_length=100)
    precision: Role
    sizes: tuple[Size, ...] = Field(min_length=1, max_length=16)
    batch: int = Field(ge=1, le=256)
    options: int = Field(ge=1)

    @property
    def digest(self) -> str:
        """SHA-256 of all of it, in hex."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()

    def unlike(self, other: EngineKey) -> tuple[str, ...]:
        """Names of the parts in which another one differs."""
        names = type(self).model_fields
        return tuple(name for name in names if getattr(self, name) != getattr(other, name))

    def is_of_another_machine(self, other: EngineKey) -> bool:
        """Whether the other's device, or what is installed there, differs from this one's."""
        return any(name in _MACHINE for name in self.unlike(other))


def system_of(gpu: GpuIdentity, l4t: Path = _L4T) -> str:
    """What the key calls `driver_or_l4t`.

    Args:
        gpu: the GPU.
        l4t: where a Jetson says which Jetson Linux it has: `# R36 (release), REVISION: 4.3, …`.
    """
    try:
        found = _L4T_RELEASE.search(l4t.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        found = None
    return f"L4T {found[1]}.{found[2]}" if found else f"CUDA {gpu.driver}"
