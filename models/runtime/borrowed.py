"""Borrowed: memory of a GPU for one piece of work."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from models.runtime.gpu import GpuWork


@contextmanager
def borrowed(work: GpuWork, size_bytes: int) -> Iterator[int]:
    """The memory's address; what is begun meanwhile may end later.

    Raises:
        InferenceError: there is not enough of it.
    """
    address = work.alloc(size_bytes)
    try:
        yield address
    finally:
        work.free(address)
