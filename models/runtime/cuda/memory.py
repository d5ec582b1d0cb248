"""CudaMemory: memory of a GPU, kept for the next who asks for as much.

CUDA takes memory back only once the GPU has done all that it was asked, so giving it back for each
frame would make everybody wait. All work is in one stream: what is asked of memory that is lent
again is done after what was asked before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_SPARE_BYTES = 1 << 26
"""Kept for later; beyond, memory is given back. Chosen, not measured: a frame of 4K has 12 MB."""


class CudaMemory:
    """Allocations of one context, on its thread. pycuda's objects are held here alone.

    Args:
        driver: `pycuda.driver`.
        finish: waits until the GPU has done all that it was asked.

    Attributes:
        lent_bytes: what is in use.
        spare_bytes: what is kept.
    """

    def __init__(self, driver: Any, finish: Callable[[], None]) -> None:
        self._driver, self._finish = driver, finish
        self._lent: dict[int, tuple[int, Any]] = {}
        self._spare: dict[int, list[Any]] = {}
        self.lent_bytes = self.spare_bytes = 0

    def alloc(self, size_bytes: int) -> int:
        """Memory by its address, perhaps with what somebody left in it.

        Raises:
            pycuda.driver.MemoryError: there is not enough of it.
        """
        size = _rounded(size_bytes)
        if self._spare.get(size):
            memory = self._spare[size].pop()
            self.spare_bytes -= size
        else:
            memory = self._new(size)
        self._lent[int(memory)] = size, memory
        self.lent_bytes += size
        return int(memory)

    def free(self, address: int) -> None:
        """Take memory back; what was asked of the GPU may still read and write there."""
        size, memory = self._lent.pop(address)
        self.lent_bytes -= size
        if self.spare_bytes + size > MOST_SPARE_BYTES:
            self._finish()
            memory.free()
            return
        self._spare.setdefault(size, []).append(memory)
        self.spare_bytes += size

    def give_back(self) -> None:
        """Give back to CUDA what nobody uses."""
        self._finish()
        while self._spare:
            for memory in self._spare.popitem()[1]:
                memory.free()
        self.spare_bytes = 0

    def lent(self) -> list[int]:
        """Addresses of what is in use."""
        return list(self._lent)

    def _new(self, size: int) -> Any:
        try:
            return self._driver.mem_alloc(size)
        except self._driver.MemoryError:
            if not self._spare:
                raise
            self.give_back()
            return self._driver.mem_alloc(size)


def _rounded(size_bytes: int) -> int:
    """One of few sizes, at most an eighth larger, so that what is given back fits the next."""
    step = max(256, 1 << max(0, size_bytes.bit_length() - 4))
    return -(-size_bytes // step) * step
