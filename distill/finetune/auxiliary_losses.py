"""Auxiliary losses: terms that a run adds to those on labels, and what learns with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import Tensor, nn

    from distill.finetune.batch import Batch
    from models.nets.head import RawOutputs


class AuxiliaryLosses(Protocol):
    """What is trained along with the network of a run."""

    @property
    def module(self) -> nn.Module:
        """Learns with the network, and is in the run's snapshot, but in no weights that it keeps.

        It is not shared between processes: a run that has one has one process.
        """
        ...

    def losses(self, raw: RawOutputs, batch: Batch, step: int) -> dict[str, Tensor]:
        """Scalars by name, ready to be added to the others; there may be none.

        Args:
            raw: what the network has just put out.
            batch: for which images.
            step: of the run, counted from 0.
        """
        ...
