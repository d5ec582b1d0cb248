"""Companion: losses of a run beside those on labels, and what learns because of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import Tensor, nn

    from distill.finetune.batch import Batch
    from models.nets.head import RawOutputs


class Companion(Protocol):
    """What goes along with the network that a run trains.

    Attributes:
        module: learns with the network, and is in the run's snapshot, but in no weights that it
            keeps. It is not shared between processes: a run with a companion has one.
    """

    module: nn.Module

    def losses(self, raw: RawOutputs, batch: Batch, step: int) -> dict[str, Tensor]:
        """Scalars by name, ready to be added to the others; there may be none.

        Args:
            raw: what the network has just said.
            batch: about which images.
            step: of the run, counted from 0.
        """
        ...
