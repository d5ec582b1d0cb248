"""Choose: which network of a bundle runs on this machine, on what, and why.

Today there is one runtime. TensorRT will be asked here first, for an engine that this machine built
from the same file; where it can't be had the reason says so, and ONNX Runtime runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.runtime.onnxruntime import OnnxRuntimeNetwork

if TYPE_CHECKING:
    from models.bundle import Bundle
    from models.manifest import Manifest, Role
    from models.runtime.network import Network

_CPU_PREFERENCE: tuple[Role, ...] = ("fp32", "int8", "fp16")
"""What a CPU runs best of what a bundle holds.

YOLOv8n-seg at 320 px on one thread of an x86 server: 26 ms in FP32, 201 ms in a dynamically
quantised INT8 file. FP16 is widened to FP32 there, for nothing.
"""

_CPU_RUNTIME = "onnxruntime-cpu"


@dataclass(frozen=True, slots=True)
class Chosen:
    """A bundle's network, loaded, and what a report has to say about it.

    Attributes:
        network: it runs until it is closed.
        precision: which of the bundle's files it is.
        sha256: of that file, as in the manifest.
        runtime: what computes it.
        reason: why this file on this runtime, in a sentence.
    """

    network: Network
    precision: Role
    sha256: str
    runtime: str
    reason: str


def choose_network(bundle: Bundle, *, threads: int = 1, precision: Role | None = None) -> Chosen:
    """Load what suits this machine best of a bundle's networks.

    Args:
        bundle: verified.
        threads: threads that share the work of one run.
        precision: this file and no other; None for what suits best.

    Raises:
        BundleError: the bundle has no network of this precision.
        ModelError: the network can't be loaded, or contradicts the manifest.
    """
    manifest = bundle.manifest
    role = precision or _suits_cpu(manifest)
    network = OnnxRuntimeNetwork(
        bundle.model_bytes(role),
        threads,
        inputs=manifest.inputs(),
        outputs=manifest.outputs,
        precision=role,
    )
    return Chosen(
        network,
        role,
        manifest.files[role].sha256,
        _CPU_RUNTIME,
        _reason(role, tuple(manifest.files), asked=precision is not None),
    )


def _suits_cpu(manifest: Manifest) -> Role:
    return next(role for role in _CPU_PREFERENCE if role in manifest.files)


def _reason(role: Role, there: tuple[Role, ...], *, asked: bool) -> str:
    if asked:
        return f"{role} was asked for"
    if len(there) == 1:
        return f"the bundle holds {role} only"
    return f"of {', '.join(there)} a CPU runs {role} best"
