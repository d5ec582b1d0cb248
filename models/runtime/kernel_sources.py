"""Kernel sources: the CUDA C that this package ships, and over how many threads it is launched."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from models.runtime.gpu import Dim

_FOLDER = Path(__file__).with_name("kernels")
_FILES = ("resize.cu", "planes.cu", "input.cu", "masks.cu", "hide.cu")
"""One after another they are one source: what an earlier file has, a later one may use."""

_BLOCK: Dim = (32, 8, 1)
"""Threads of a block, a row of 32 of them side by side in memory. Chosen, not measured."""


def kernel_sources() -> dict[str, str]:
    """Texts of all files by their names, in the order in which they are one source."""
    return {name: _FOLDER.joinpath(name).read_text("utf-8") for name in _FILES}


def over(width: int, height: int, depth: int = 1) -> tuple[Dim, Dim]:
    """Grid and block with a thread for each of `width` x `height` x `depth` places, and more."""
    across, down, _ = _BLOCK
    return (-(-width // across), -(-height // down), depth), _BLOCK
