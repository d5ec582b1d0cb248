"""The machine's GPU, which a process opens once: all that uses it shares one owner thread."""

from __future__ import annotations

import atexit
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING

from models.errors import InferenceError
from models.runtime.cuda.compiler import compiled
from models.runtime.cuda.owner import CudaGpu
from models.runtime.kernel_sources import kernel_sources

if TYPE_CHECKING:
    from pathlib import Path

    from models.runtime.gpu import Gpu


@cache
def machine_gpu(kernels: Path) -> Gpu:
    """The first GPU of this machine; it is closed when the process ends.

    Args:
        kernels: a folder that keeps our kernels as they were compiled; it need not exist.

    Raises:
        InferenceError: there is no GPU that can be used, or no pycuda.
    """
    gpu = CudaGpu(lambda capability: compiled(kernel_sources(), capability, kernels))

    def close() -> None:
        with suppress(InferenceError):  # it hangs, and the process ends all the same
            gpu.close()

    atexit.register(close)
    return gpu
