"""Optimizer: AdamW over parameter groups, and which parameters a stage trains."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch.optim import AdamW

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import nn
    from torch.optim import Optimizer

    from distill.finetune.config import Stage
    from models.nets.rtmdet_ins import RTMDetIns


def build_optimizer(
    net: RTMDetIns, weight_decay: float, auxiliary: Iterable[nn.Parameter] = ()
) -> AdamW:
    """AdamW (Loshchilov & Hutter, 2019) for the whole run.

    Args:
        net: the network.
        weight_decay: per unit of learning rate; of all but norms and biases.
        auxiliary: what learns beside it.

    `net.parameters()` names shared ones once, so that no tower is
    stepped twice. While a part is frozen it has no gradients, and AdamW leaves it alone.
    """
    backbone = {id(parameter) for parameter in net.backbone.parameters()}
    parameters = [*net.parameters(), *auxiliary]
    groups = [
        {
            "params": [
                parameter
                for parameter in parameters
                if (id(parameter) in backbone) == in_backbone and (parameter.ndim > 1) == decays
            ],
            "weight_decay": weight_decay if decays else 0.0,
            "in_backbone": in_backbone,
        }
        for in_backbone in (True, False)
        for decays in (True, False)
    ]
    return AdamW(groups, lr=0.0)


def set_learning_rate(optimizer: Optimizer, rate: float, stage: Stage) -> None:
    """The rate of the next step, lower in the backbone where the stage says so."""
    for group in optimizer.param_groups:
        group["lr"] = rate * (stage.backbone_lr_factor if group["in_backbone"] else 1.0)


def set_trained(net: RTMDetIns, stage: Stage) -> None:
    """Freeze and thaw for a stage.

    What is frozen is in eval mode, too: batch norm would else go on to learn the statistics of
    the new images, and its neighbours would no longer fit.
    """
    net.train()
    for part in (net.backbone, net.neck):
        part.train(stage.trains == "all")
        part.requires_grad_(stage.trains == "all")


def trained(net: nn.Module) -> list[nn.Parameter]:
    """The parameters that are not frozen, each once."""
    return [parameter for parameter in net.parameters() if parameter.requires_grad]
