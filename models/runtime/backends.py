"""Backends: the runtimes that a device may have, the preferred one first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.runtime.onnxruntime_backend import OnnxRuntimeCpu, OnnxRuntimeCuda
from models.runtime.tensorrt_backend import TensorRtBackend

if TYPE_CHECKING:
    from pathlib import Path

    from models.runtime.backend import Backend
    from models.runtime.engine_build import BuildWatch


def device_backends(
    engines: Path | None = None, watch: BuildWatch | None = None
) -> tuple[Backend, ...]:
    """All of them; each says itself whether it is there.

    Args:
        engines: a folder for what is built for this machine, which need not exist; None: nothing
            is kept.
        watch: is told what is built; None: nobody is, and it goes on to the end.
    """
    return (TensorRtBackend(engines, watch), OnnxRuntimeCuda(), OnnxRuntimeCpu())
