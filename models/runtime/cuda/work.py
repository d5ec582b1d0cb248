"""CudaWork: what the owner thread of a GPU does with it, by pycuda's driver interface."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from models.errors import InferenceError
from models.runtime.cuda.memory import CudaMemory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from models.runtime.gpu import Closable, Dim

    Kernels = Callable[[str], bytes]
    """Compiled kernels of the project, for a compute capability such as `8.7`."""

_MIB = 1 << 20


class CudaEvent:
    """A `models.runtime.gpu.GpuEvent`.

    pycuda's object is held here alone, so that it dies on the thread that owns it.
    """

    def __init__(self, driver: Any, stream: Any, *, timed: bool) -> None:
        self._stream = stream
        flags = driver.event_flags
        self._event: Any = driver.Event(flags.DEFAULT if timed else flags.DISABLE_TIMING)

    def record(self) -> None:
        """Let it be the point behind all that was asked so far."""
        self._event.record(self._stream)

    def seconds_since(self, earlier: CudaEvent, /) -> float:
        """How long the GPU took from one to the other."""
        return float(self._event.time_since(earlier._event)) / 1000

    def happened(self) -> bool:
        """Whether the GPU has come to it, or something before it failed (which raises)."""
        return bool(self._event.query())

    def wait(self) -> None:
        """Wait for it."""
        self._event.synchronize()

    @property
    def is_open(self) -> bool:
        """Whether it was not given back yet."""
        return self._event is not None

    def close(self) -> None:
        """Give it back."""
        self._event = self._stream = None


class CudaWork:
    """A `models.runtime.gpu.GpuWork`. Made, used and released on one thread, in a context.

    pycuda frees memory, streams and events when their Python objects die, on whatever thread that
    is; so all of them are held here, and others know addresses.

    Attributes:
        memory: what `alloc` takes from.
    """

    def __init__(self, driver: Any, compute_capability: str, kernels: Kernels) -> None:
        """Begin a stream of work.

        Args:
            driver: `pycuda.driver`.
            compute_capability: of the GPU.
            kernels: called when the first kernel is launched.
        """
        self._driver, self._kernels = driver, kernels
        self._compute_capability = compute_capability
        self._stream: Any = driver.Stream()
        self.memory = CudaMemory(driver, self.finish)
        self._pinned: dict[int, npt.NDArray[Any]] = {}
        self._events: list[CudaEvent] = []
        self._adopted: list[Closable] = []
        self._functions: dict[str, Any] = {}
        self._module: Any = None
        self._staging: npt.NDArray[np.uint8] | None = None
        self._staged = self.event()

    @property
    def stream(self) -> int:
        """Handle of the stream."""
        return int(self._stream.handle)

    def alloc(self, size_bytes: int) -> int:
        """Memory on the GPU, by its address."""
        with self._enough(size_bytes, "on the GPU"):
            return self.memory.alloc(size_bytes)

    def free(self, address: int) -> None:
        """Take memory back; what was asked before may still use it."""
        self.memory.free(address)

    def pinned(self, shape: tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
        """An array that the GPU reads and writes by itself."""
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        with self._enough(size, "for what passes to the GPU"):
            array: npt.NDArray[Any] = self._driver.pagelocked_empty(shape, dtype)
        self._pinned[id(array)] = array
        return array

    def unpin(self, array: npt.NDArray[Any]) -> None:
        """Give such an array's memory back."""
        base: Any = self._pinned.pop(id(array)).base
        base.free()

    def send(self, address: int, pinned: npt.NDArray[Any]) -> None:
        """Begin to copy a pinned array to the GPU."""
        self._driver.memcpy_htod_async(address, pinned, self._stream)

    def fetch(self, pinned: npt.NDArray[Any], address: int) -> None:
        """Begin to fill a pinned array from the GPU."""
        self._driver.memcpy_dtoh_async(pinned, address, self._stream)

    def upload(self, address: int, array: npt.NDArray[Any]) -> None:
        """Copy an array's bytes to the GPU."""
        staging = self._stage(array)
        np.copyto(staging.view(array.dtype).reshape(array.shape), array)
        self.send(address, staging)
        self._staged.record()

    def download(self, array: npt.NDArray[Any], address: int) -> None:
        """Fill an array from the GPU."""
        staging = self._stage(array)
        self.fetch(staging, address)
        self.finish()
        np.copyto(array, staging.view(array.dtype).reshape(array.shape))

    def _stage(self, array: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
        """As many bytes as the array has, of memory that is pinned; nothing else uses them."""
        self._staged.wait()
        if self._staging is None or self._staging.nbytes < array.nbytes:
            if self._staging is not None:
                old, self._staging = self._staging, None
                self.unpin(old)
            self._staging = self.pinned((array.nbytes,), np.uint8)
        return self._staging[: array.nbytes]

    def launch(self, kernel: str, grid: Dim, block: Dim, *arguments: Any) -> None:
        """Begin a kernel."""
        passed = [np.uint64(each) if isinstance(each, int) else each for each in arguments]
        self._function(kernel)(*passed, grid=grid, block=block, stream=self._stream)

    def _function(self, kernel: str) -> Any:
        if kernel not in self._functions:
            if self._module is None:
                compiled = self._kernels(self._compute_capability)
                self._module = self._driver.module_from_buffer(compiled)
            self._functions[kernel] = self._module.get_function(kernel)
        return self._functions[kernel]

    def finish(self) -> None:
        """Wait until all that was asked is done."""
        self._stream.synchronize()

    def event(self, *, timed: bool = False) -> CudaEvent:
        """A new one."""
        event = CudaEvent(self._driver, self._stream, timed=timed)
        self._events = [*(each for each in self._events if each.is_open), event]
        return event

    def adopt(self, thing: Closable) -> None:
        """Have this closed first."""
        self._adopted.append(thing)

    def disown(self, thing: Closable) -> None:
        """Forget what was adopted."""
        self._adopted.remove(thing)

    def release(self) -> None:
        """Give everything back, what was made last first; what can't be is reported to nobody.

        A context in which something failed for good refuses every call, and goes with its process.
        """
        refusals = contextlib.suppress(self._driver.Error, InferenceError)
        with refusals:
            self.finish()
        for thing in reversed(self._adopted[:]):
            with refusals:
                thing.close()
        self._functions.clear()
        self._module = self._staging = None
        for event in self._events:
            event.close()
        for array in list(self._pinned.values()):
            with refusals:
                self.unpin(array)
        for address in self.memory.lent():
            with refusals:
                self.free(address)
        with refusals:
            self.memory.give_back()
        self._stream = None

    @contextlib.contextmanager
    def _enough(self, size_bytes: int, where: str) -> Iterator[None]:
        """Say how much memory was not to be had."""
        try:
            yield
        except self._driver.MemoryError as error:
            size = f"{max(1, round(size_bytes / _MIB))} MiB"
            raise InferenceError(f"there is not enough memory {where}: {size} more") from error
