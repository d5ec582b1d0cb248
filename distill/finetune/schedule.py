"""Schedule: which stage a step belongs to, and how fast it learns."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from distill.finetune.config import FinetuneConfig, Stage

_FIRST_FACTOR = 1e-5
"""Where a warm-up begins (RTMDet's configs)."""


class Position(NamedTuple):
    """Where in the run a step stands; steps count from 0."""

    number: int  # of the stage, from 0
    stage: Stage
    step: int  # within the stage

    @property
    def strong(self) -> bool:
        """Whether mosaic and mixup are on."""
        return self.step < self.stage.strong_share * self.stage.steps


def position_of(config: FinetuneConfig, step: int) -> Position:
    """The stage of a step of the run."""
    first = 0
    for number, stage in enumerate(config.stages):
        if step < first + stage.steps:
            return Position(number, stage, step - first)
        first += stage.steps
    raise ValueError(f"step {step} is not one of the run's {config.steps}")


def learning_rate(config: FinetuneConfig, step: int) -> float:
    """The learning rate of a step.

    Every stage rises to its own `lr`, because parameters that were frozen meet the optimizer for
    the first time; then the rate is flat; over the run's last part it falls along a cosine
    (RTMDet's flat-cosine, which falls over the second half).
    """
    schedule = config.schedule
    position = position_of(config, step)
    rise = 1.0
    if position.step < schedule.warmup_steps:
        rise = _FIRST_FACTOR + (1 - _FIRST_FACTOR) * position.step / schedule.warmup_steps
    turn = schedule.flat_share * config.steps
    fall = 1.0
    if step > turn:
        done = (step - turn) / (config.steps - turn)
        fall = schedule.floor + (1 - schedule.floor) * (1 + math.cos(math.pi * done)) / 2
    return position.stage.lr * rise * fall
