"""Arms: the same run five times, each with one thing more to learn from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from distill.errors import UsageError
from distill.student.config import TERMS

if TYPE_CHECKING:
    from pathlib import Path

    from distill.student.config import DistillConfig


@dataclass(frozen=True)
class Arm:
    """What one arm of an ablation learns from.

    Attributes:
        name: for folders, and the command line, to which arms are rungs of a ladder.
        adds: what it has that the one before has not, for tables.
        pseudo: whether it sees pseudo-labels.
        losses: which of the config's weights stay.
    """

    name: str
    adds: str
    pseudo: bool
    losses: tuple[str, ...]


ARMS = (
    Arm("gt", "labels only", pseudo=False, losses=()),
    Arm("pseudo", "+ pseudo-labels (the control)", pseudo=True, losses=()),
    Arm("feature", "+ features", pseudo=True, losses=("feature",)),
    Arm(
        "class-box",
        "+ class maps and boxes",
        pseudo=True,
        losses=("feature", "class_maps", "boxes"),
    ),
    Arm("mask", "+ masks (the whole recipe)", pseudo=True, losses=TERMS),
)
CONTROL = ARMS[1]


def arms_named(names: str) -> tuple[Arm, ...]:
    """The arms of these names, separated by commas, in the order of `ARMS`.

    Raises:
        UsageError: there is no such arm.
    """
    wanted = names.split(",")
    known = [arm.name for arm in ARMS]
    for name in wanted:
        if name not in known:
            raise UsageError(f"there is no rung '{name}'; there are {', '.join(known)}")
    return tuple(arm for arm in ARMS if arm.name in wanted)


def arm_config(config: DistillConfig, arm: Arm, seed: int, folder: Path) -> DistillConfig:
    """The run of an arm: as many steps and images, the same start; nothing else differs.

    Raises:
        UsageError: the config has no data for it.
    """
    data = config.data
    if not arm.pseudo:
        if not data.labelled:
            raise UsageError(
                "rung gt needs data.labelled, which is empty; leave it out with --rungs"
            )
        data = data.model_copy(update={"pseudo": ()})
    elif not data.pseudo:
        raise UsageError(f"rung {arm.name} needs data.pseudo, which is empty")
    losses = config.distill.only(*arm.losses)
    changes = {"data": data, "distill": losses, "seed": seed, "run": folder}
    return config.model_copy(update=changes)
