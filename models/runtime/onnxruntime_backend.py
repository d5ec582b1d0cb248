"""Backends of ONNX Runtime: on the CPU, and on an NVIDIA GPU by its CUDA provider."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from models.runtime.backend import files_for
from models.runtime.onnxruntime import (
    CPU,
    CUDA,
    OnnxRuntimeNetwork,
    available_providers,
    runtime_version,
)

if TYPE_CHECKING:
    from models.bundle import Bundle
    from models.manifest import Manifest, Role, RuntimeName
    from models.runtime.network import Network
    from models.runtime.onnxruntime import Provider


class OnnxRuntimeCpu:
    """The one that is always there."""

    name: RuntimeName = "onnxruntime-cpu"
    on_cpu = True
    _provider: ClassVar[Provider] = CPU

    def why_not(self) -> str | None:
        """Nothing: ONNX Runtime is what Sfumato is installed with."""
        return None

    def version(self) -> str:
        """Of ONNX Runtime."""
        return runtime_version()

    def roles(self, manifest: Manifest) -> tuple[Role, ...]:
        """What may be run here."""
        return files_for(self.name, manifest)

    def load(self, bundle: Bundle, role: Role, threads: int) -> Network:
        """A session; see `models.runtime.backend.Backend`."""
        manifest = bundle.manifest
        return OnnxRuntimeNetwork(
            bundle.model(role),
            threads,
            inputs=manifest.inputs(),
            outputs=manifest.outputs,
            precision=role,
            provider=self._provider,
        )


class OnnxRuntimeCuda(OnnxRuntimeCpu):
    """An ONNX Runtime that was built with CUDA (`onnxruntime-gpu`); never run on hardware by us."""

    name: RuntimeName = "onnxruntime-cuda"
    on_cpu = False
    _provider: ClassVar[Provider] = CUDA

    def why_not(self) -> str | None:
        """Whether it was built with CUDA; whether CUDA starts is seen when a file is loaded."""
        if CUDA in available_providers():
            return None
        return "this ONNX Runtime was built without CUDA (onnxruntime-gpu has it)"
