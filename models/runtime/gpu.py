"""Gpu: a GPU as the rest of Sfumato sees it, whoever drives it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt
    from typing_extensions import Self

T = TypeVar("T")

Dim = tuple[int, int, int]
"""Blocks of a grid, or threads of a block, along x, y, z."""


@dataclass(frozen=True, slots=True)
class GpuIdentity:
    """What tells one GPU, and what drives it, from another.

    Attributes:
        name: as the driver calls it, as in `Orin` or `NVIDIA H200`.
        compute_capability: as in `8.7`.
        driver: version of CUDA that the driver speaks, as in `12.6`.
    """

    name: str
    compute_capability: str
    driver: str


class GpuEvent(Protocol):
    """A point in a GPU's stream of work."""

    def record(self) -> None:
        """Let it be the point behind all that was asked so far."""
        ...

    def seconds_since(self, earlier: Self, /) -> float:
        """How long the GPU took from one to the other; both were made to tell, and have happened."""
        ...

    def close(self) -> None:
        """Give it back, on the owner thread."""
        ...


class Closable(Protocol):
    """What holds something of a GPU."""

    def close(self) -> None:
        """Give it back, on the owner thread."""
        ...


class GpuWork(Protocol):
    """What can be asked of a GPU by a call that runs on its owner thread, in one stream.

    All of it is for that thread alone, and what it gives, too: it is not valid once the GPU was
    closed.
    """

    @property
    def stream(self) -> int:
        """The stream's handle, for a library that is told where to work."""
        ...

    def alloc(self, size_bytes: int) -> int:
        """Memory on the GPU, by its address, with whatever is in it.

        Raises:
            InferenceError: there is not enough of it.
        """
        ...

    def free(self, address: int) -> None:
        """Give memory back; what was asked for before may still use it."""
        ...

    def upload(self, address: int, array: npt.NDArray[Any]) -> None:
        """Copy an array's bytes to the GPU; it may be changed once this ends."""
        ...

    def download(self, array: npt.NDArray[Any], address: int) -> None:
        """Fill an array from the GPU, after all that was asked before."""
        ...

    def pinned(self, shape: tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
        """An array in memory of the host that the GPU reads and writes by itself.

        Raises:
            InferenceError: there is not enough of it.
        """
        ...

    def unpin(self, array: npt.NDArray[Any]) -> None:
        """Give such an array's memory back; nothing may look at it any more."""
        ...

    def send(self, address: int, pinned: npt.NDArray[Any]) -> None:
        """Begin to copy a pinned array to the GPU; it is not to be changed until that is done."""
        ...

    def fetch(self, pinned: npt.NDArray[Any], address: int) -> None:
        """Begin to fill a pinned array from the GPU."""
        ...

    def event(self, *, timed: bool = False) -> GpuEvent:
        """A new one; what is not given back before is when the GPU is closed.

        Args:
            timed: whether it keeps the time, which costs a little.
        """
        ...

    def adopt(self, thing: Closable) -> None:
        """Have this closed before the GPU is, unless it is disowned by then."""
        ...

    def disown(self, thing: Closable) -> None:
        """Forget what was adopted."""
        ...

    def launch(self, kernel: str, grid: Dim, block: Dim, *arguments: Any) -> None:
        """Begin a kernel of `models/runtime/kernels/`.

        Args:
            kernel: its name.
            grid: blocks.
            block: threads in each.
            arguments: numpy scalars are passed as what they are, an `int` as an address.

        Raises:
            InferenceError: there is no such kernel, or it can't be launched.
        """
        ...

    def finish(self) -> None:
        """Wait until all that was asked is done.

        Raises:
            InferenceError: something of it failed.
        """
        ...


class Gpu(Protocol):
    """A GPU, from any thread. One thread owns its context; all work is done there, in order."""

    @property
    def identity(self) -> GpuIdentity: ...  # noqa: D102

    def do(self, work: Callable[[GpuWork], T], /, after: GpuEvent | None = None) -> T:
        """Have the owner thread run this call, and give what it gave.

        Args:
            work: the call.
            after: run it once the GPU has come to this point; other threads' calls go first
                meanwhile.

        Raises:
            InferenceError: the GPU was closed, failed for good, or does not answer; else what
                `work` raises.
        """
        ...

    def close(self) -> None:
        """Free all that is left once calls under way are done; later ones get an error.

        Raises:
            InferenceError: they are not done in time.
        """
        ...
