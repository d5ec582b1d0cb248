"""Ladder: every rung with every seed, trained and measured once, whatever interrupts it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from statistics import mean, stdev
from typing import TYPE_CHECKING, Any

from distill.ablation.arms import Rung, variant
from distill.errors import OutputError
from distill.files import sha256_of
from distill.lock import Lock
from models.whole_file import whole_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from distill.student.config import DistillConfig

    Train = Callable[[DistillConfig], Path]
    Measure = Callable[[Path], dict[str, Any]]

MASK_MAP = "mask_map"
"""The figure that rungs are compared by: mask mAP, IoU 0.50 to 0.95."""


@dataclass(frozen=True)
class Step:
    """What came of one rung.

    Attributes:
        rung: which.
        results: one for each seed, in their order: figures by name, among them `MASK_MAP`.
    """

    rung: Rung
    results: tuple[dict[str, Any], ...]

    def values(self, name: str = MASK_MAP) -> list[float]:
        """A figure of every seed."""
        return [result[name] for result in self.results]

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


def climb(
    config: DistillConfig,
    rungs: Sequence[Rung],
    seeds: int,
    folder: Path,
    train: Train,
    measure: Measure,
    test: str,
    progress: Callable[[Sequence[tuple[Rung, int]]], Iterable[tuple[Rung, int]]] = iter,
) -> tuple[Step, ...]:
    """Train and measure what is not yet done; a whole ladder of one seed before the next.

    Args:
        config: the whole recipe.
        rungs: which, from the lowest up.
        seeds: how many, counted from the config's.
        folder: gets a folder for each arm, named `rung-seedN`; the same call goes on there.
        train: trains a run, or goes on with it, and gives its weights.
        measure: figures of weights, among them `MASK_MAP`, and their `sha256`.
        test: what tells the images that `measure` looks at from others, such as a hash; figures
            on others are measured anew.
        progress: wraps the arms, such as `tqdm`.

    Raises:
        UsageError: another process climbs there, or the config lacks data for a rung.
        OutputError: the folder can't be written to.
    """
    runs = {
        (rung, seed): variant(config, rung, seed, folder / f"{rung.name}-seed{seed}")
        for seed in range(config.seed, config.seed + seeds)
        for rung in rungs
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = Lock(folder)
    except OSError as error:
        raise OutputError(f"{folder} can't be written to: {error.strerror}") from error
    try:
        found = {arm: _result(runs[arm], train, measure, test) for arm in progress(list(runs))}
    finally:
        lock.close()
    return tuple(
        Step(rung, tuple(result for (other, _), result in found.items() if other == rung))
        for rung in rungs
    )


def _result(run: DistillConfig, train: Train, measure: Measure, test: str) -> dict[str, Any]:
    path = run.run / "result.json"
    weights = train(run)  # which sees, too, that what is there is this very run
    known = json.loads(path.read_bytes()) if path.exists() else {"test": None}
    if known["test"] != test or known["figures"]["sha256"] != sha256_of(weights):
        known = {"test": test, "figures": measure(weights)}
        with whole_file(path) as file:
            file.write(json.dumps(known, indent=1).encode())
    figures: dict[str, Any] = known["figures"]
    return figures
