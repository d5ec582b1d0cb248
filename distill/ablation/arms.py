"""Rungs: the same run five times, each with one thing more to learn from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from distill.errors import UsageError
from distill.student.config import TERMS

if TYPE_CHECKING:
    from pathlib import Path

    from distill.student.config import DistillConfig


@dataclass(frozen=True)
class Rung:
    """One step of the ladder.

    Attributes:
        name: for the command line and folders.
        adds: what it has that the one before has not, for tables.
        pseudo: whether it sees pseudo-labels.
        losses: which of the config's weights stay.
    """

    name: str
    adds: str
    pseudo: bool
    losses: tuple[str, ...]


RUNGS = (
    Rung("gt", "labels only", pseudo=False, losses=()),
    Rung("pseudo", "+ pseudo-labels (the control)", pseudo=True, losses=()),
    Rung("feature", "+ features", pseudo=True, losses=TERMS[:1]),
    Rung("class-box", "+ class maps and boxes", pseudo=True, losses=TERMS[:3]),
    Rung("mask", "+ masks (the whole recipe)", pseudo=True, losses=TERMS),
)
CONTROL = RUNGS[1]


def chosen(names: str) -> tuple[Rung, ...]:
    """The rungs of these names, separated by commas, from the lowest up.

    Raises:
        UsageError: there is no such rung.
    """
    wanted = names.split(",")
    known = [rung.name for rung in RUNGS]
    for name in wanted:
        if name not in known:
            raise UsageError(f"there is no rung '{name}'; there are {', '.join(known)}")
    return tuple(rung for rung in RUNGS if rung.name in wanted)


def variant(config: DistillConfig, rung: Rung, seed: int, folder: Path) -> DistillConfig:
    """The run of a rung: as many steps and images, the same start; nothing else differs.

    Raises:
        UsageError: the config has no data for it.
    """
    data = config.data
    if not rung.pseudo:
        if not data.labelled:
            raise UsageError(
                "rung gt needs data.labelled, which is empty; leave it out with --rungs"
            )
        data = data.model_copy(update={"pseudo": ()})
    elif not data.pseudo:
        raise UsageError(f"rung {rung.name} needs data.pseudo, which is empty")
    distil = config.distil.only(*rung.losses)
    changes = {"data": data, "distil": distil, "seed": seed, "run": folder}
    return config.model_copy(update=changes)
