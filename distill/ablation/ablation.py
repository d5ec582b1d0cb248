"""Ablation: every arm with every seed, trained and measured once, whatever interrupts it."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import dataclass
from statistics import mean, stdev
from typing import TYPE_CHECKING, Any

from distill.ablation.arms import Arm, arm_config
from distill.files import sha256_of
from distill.run_folder import RunFolder
from models.whole_file import whole_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from distill.student.config import DistillConfig

    Train = Callable[[DistillConfig], Path]
    Measure = Callable[[Path], dict[str, Any]]

MASK_MAP = "mask_map"
"""The figure that arms are compared by: mask mAP, IoU 0.50 to 0.95."""


@dataclass(frozen=True)
class ArmResult:
    """What came of one arm.

    Attributes:
        arm: which.
        figures: one for each seed, in their order: numbers by name, among them `MASK_MAP`.
    """

    arm: Arm
    figures: tuple[dict[str, Any], ...]

    def values(self, name: str = MASK_MAP) -> list[float]:
        """A figure of every seed."""
        return [figures[name] for figures in self.figures]

    def mean(self, name: str = MASK_MAP) -> float:
        """Over the seeds."""
        return mean(self.values(name))

    def spread(self, name: str = MASK_MAP) -> float | None:
        """Sample standard deviation over the seeds; None of one."""
        values = self.values(name)
        return stdev(values) if len(values) > 1 else None

    def span(self) -> float:
        """From the worst seed to the best."""
        return max(self.values()) - min(self.values())


def run_ablation(
    config: DistillConfig,
    arms: Sequence[Arm],
    seeds: int,
    folder: Path,
    train: Train,
    measure: Measure,
    test: str,
    progress: Callable[[Sequence[tuple[Arm, int]]], Iterable[tuple[Arm, int]]] = iter,
) -> tuple[ArmResult, ...]:
    """Train and measure what is not yet done; all arms with one seed before the next.

    Args:
        config: the whole recipe.
        arms: which, in the order of `ARMS`.
        seeds: how many, counted from the config's.
        folder: gets a folder for each arm and seed, named `arm-seedN`; the same call goes on there.
        train: trains a run, or goes on with it, and gives its weights.
        measure: figures of weights, among them `MASK_MAP`, and their `sha256`.
        test: what tells the images that `measure` looks at from others, such as a hash; figures
            on others are measured anew.
        progress: wraps the pairs of arm and seed, such as `distill.progress.progress`.

    Raises:
        UsageError: another process is at work there, or the config lacks data for an arm.
        OutputError: the folder can't be written to.
    """
    runs = {
        (arm, seed): arm_config(config, arm, seed, folder / f"{arm.name}-seed{seed}")
        for seed in range(config.seed, config.seed + seeds)
        for arm in arms
    }
    with closing(RunFolder(folder)) as held:
        held.hold()
        found = {pair: _figures(runs[pair], train, measure, test) for pair in progress(list(runs))}
    return tuple(
        ArmResult(arm, tuple(figures for (other, _), figures in found.items() if other == arm))
        for arm in arms
    )


def _figures(run: DistillConfig, train: Train, measure: Measure, test: str) -> dict[str, Any]:
    path = run.run / "result.json"
    weights = train(run)  # which sees, too, that what is there is this very run
    if path.exists():
        known = json.loads(path.read_bytes())
        figures: dict[str, Any] = known["figures"]
        if known["test"] == test and figures["sha256"] == sha256_of(weights):
            return figures
    figures = measure(weights)
    with whole_file(path) as file:
        file.write(json.dumps({"test": test, "figures": figures}, indent=1).encode())
    return figures
