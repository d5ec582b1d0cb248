"""A `CudaGpu` on a simulated machine, with the package's kernels compiled for this CPU."""

from __future__ import annotations

import gc
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from simulated_cuda import SimulatedCuda

from models.runtime.cuda.owner import CudaGpu
from models.runtime.kernel_sources import kernel_sources
from tests.cuda.compile import compile_for_cpu

if TYPE_CHECKING:
    from pathlib import Path


def compiled_code(folder: Path, source: str | None = None) -> bytes:
    """What stands for the cubin of a source, or of the package's; skips where there is no g++."""
    if shutil.which("g++") is None:
        pytest.skip("needs g++")
    target = folder / "kernels.so"
    compile_for_cpu("\n".join(kernel_sources().values()) if source is None else source, target)
    return target.read_bytes()


@contextmanager
def opened_gpu(code: bytes, world: SimulatedCuda | None = None):
    """A GPU; in the end no rule may have been broken, and no memory on it be left."""
    world = world or SimulatedCuda()
    gpu = CudaGpu(lambda _capability: code, driver=world)
    try:
        yield gpu
        lent = 0 if world.lasting else gpu.do(lambda work: work.memory.lent_bytes)
        assert not lent, "memory of the GPU was not given back"
    finally:
        gpu.close()
        gc.collect()
        world.check()


class FailsAfter(dict):
    """For `SimulatedCuda.breaks`: a call that fails once, after so many of them went well."""

    def __init__(self, call: str, times: int, error: Exception) -> None:
        super().__init__()
        self.call, self.times, self.error = call, times, error

    def pop(self, call, default=None):
        if call != self.call:
            return default
        self.times -= 1
        return self.error if self.times == -1 else default
