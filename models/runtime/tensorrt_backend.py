"""TensorRtBackend: TensorRT in the choice of a runtime. Never run on hardware."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from models.errors import InferenceError
from models.runtime.backend import files_for
from models.runtime.tensorrt_versions import tensorrt

if TYPE_CHECKING:
    from models.bundle import Bundle
    from models.manifest import Manifest, Role, RuntimeName
    from models.runtime.engine_build import BuildWatch
    from models.runtime.machine_engines import MachineEngines
    from models.runtime.network import Network

ENGINES = "engines"
"""Name of the folder of what was built, beside the file of what was chosen."""

_NOWHERE = Path(os.devnull, ENGINES)
"""Below what is no folder nothing can be kept."""


class TensorRtBackend:
    """A `models.runtime.backend.Backend`.

    Args:
        folder: where engines, compiled kernels and the times of TensorRT's kernels are kept; None:
            nowhere.
        watch: is told what is built and how far it is, and may cancel; None: nobody does.
    """

    name: RuntimeName = "tensorrt"
    on_cpu = False

    def __init__(self, folder: Path | None = None, watch: BuildWatch | None = None) -> None:
        self._folder, self._watch = folder or _NOWHERE, watch
        self._engines: MachineEngines | None = None

    def why_not(self) -> str | None:
        """What is missing: TensorRT, pycuda, or a GPU that can be used."""
        try:
            self.engines()
        except InferenceError as error:
            return str(error)
        return None

    def version(self) -> str:
        """Of TensorRT, and what it runs on."""
        return self.engines().version

    def gpu_name(self) -> str:
        """What it runs on, as the driver calls it; asked where `why_not` is None."""
        return self.engines().gpu.name

    def roles(self, manifest: Manifest) -> tuple[Role, ...]:
        """INT8, and what it has to be faster than: FP16, or FP32 where there is none.

        Each costs minutes to build, so FP32 is left out beside FP16.
        """
        there = [role for role in files_for(self.name, manifest) if role != "uint8"]
        return tuple(role for role in there if role != "fp32" or "fp16" not in there)

    def load(self, bundle: Bundle, role: Role, threads: int) -> Network:  # noqa: ARG002 a GPU's own
        """An engine, ready to run; building it may take minutes."""
        return self.engines().network(bundle, role)

    def engines(self) -> MachineEngines:
        """TensorRT and the GPU.

        Raises:
            InferenceError: one is missing.
        """
        if self._engines is None:
            library = tensorrt()
            # What most machines have no use for takes 12 ms.
            from models.runtime.engine_build import Unwatched  # noqa: PLC0415
            from models.runtime.machine_engines import MachineEngines  # noqa: PLC0415

            self._engines = MachineEngines(library, self._folder, self._watch or Unwatched())
        return self._engines
