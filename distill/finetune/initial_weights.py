"""Initial weights: the network that a run begins with."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch

from distill.errors import UsageError
from models.nets.checkpoint import read_checkpoint
from models.nets.head_choice import replace_head
from models.nets.rtmdet_ins import RTMDetIns

if TYPE_CHECKING:
    from distill.finetune.config import Model


class InitialNetwork(NamedTuple):
    """A network and where its weights came from, for the files that come of it."""

    net: RTMDetIns
    source: str
    source_sha256: str


def initial_network(model: Model, seed: int) -> InitialNetwork:
    """Read the weights, or draw them from the seed.

    Raises:
        ModelError: the weights can't be used, or are of another size.
        UsageError: they know other classes, and nothing says what to do about it.
    """
    torch.manual_seed(seed)
    if model.weights is None:
        return InitialNetwork(RTMDetIns(model.size, len(model.classes)), "", "")
    checkpoint = read_checkpoint(model.weights, size=model.size)
    net, known = checkpoint.net(), checkpoint.classes
    if model.head != "keep":
        net = replace_head(net, known, model.classes, model.head)
    elif known != model.classes:
        some = ", ".join(known[:5]) + (", ..." if len(known) > 5 else "")
        raise UsageError(
            f"{model.weights} knows {len(known)} classes ({some}), model.classes has "
            f"{', '.join(model.classes)}; choose model.head: fresh, or from:CLASS"
        )
    return InitialNetwork(net, checkpoint.source, checkpoint.source_sha256)
