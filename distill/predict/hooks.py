"""Forward hooks that collect the outputs of chosen modules."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor, nn


@contextmanager
def tap(modules: Sequence[nn.Module]) -> Iterator[dict[nn.Module, Tensor]]:
    """Collect the latest output of each of these modules by module."""
    seen: dict[nn.Module, Tensor] = {}

    def keep(module: nn.Module, _inputs: object, output: Tensor) -> None:
        seen[module] = output

    handles = [module.register_forward_hook(keep) for module in modules]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()
