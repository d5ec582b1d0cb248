"""Samples: image i of a run is a pure function of the run's settings and i.

Nothing depends on what was drawn before, on the number of loader processes or of GPUs. That is
what makes a resumed run see exactly the images that it would have seen.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from torch.utils.data import Dataset

from distill.data.next_readable import next_readable
from distill.data.repeat_factors import repeat_factors, repeated
from distill.finetune import augment
from distill.finetune.mixup import mixup
from distill.finetune.mosaic import IMAGES, mosaic
from distill.finetune.picture import read_picture
from distill.finetune.placement import compose, random_placement
from distill.finetune.schedule import position_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from distill.data.coco import ImageRecord
    from distill.finetune.config import FinetuneConfig
    from distill.finetune.picture import Picture
    from distill.finetune.schedule import Position

_MAX_KEPT_BYTES = 1 << 30
"""A pool that is smaller when decoded is kept in memory, by each loader process.

Chosen, not measured.
"""


class Sample(NamedTuple):
    """An image of the run, and what had to be left out for it (one line each)."""

    picture: Picture
    problems: tuple[str, ...]


class Samples(Dataset[Sample]):
    """All images of a run, in order: batch `step` is `[step * batch_size, (step + 1) * ...)`."""

    def __init__(
        self,
        config: FinetuneConfig,
        own: Sequence[ImageRecord],
        public: Sequence[ImageRecord],
    ) -> None:
        self._config = config
        self._pools = {"own": own, "public": public}
        balance = config.data.balance
        self._factors = {
            name: repeat_factors(pool, balance) for name, pool in self._pools.items() if balance
        }
        self._kept: dict[tuple[str, int], Picture] = {}
        self._keeps = {
            name: sum(map(_decoded_bytes, pool)) <= _MAX_KEPT_BYTES
            for name, pool in self._pools.items()
        }

    def __len__(self) -> int:
        return self._config.steps * self._config.batch_size

    def __getitem__(self, index: int) -> Sample:
        config = self._config
        recipe, size = config.augmentation, config.model.image_size
        position = position_of(config, index // config.batch_size)
        random = np.random.default_rng([config.seed, index])
        problems: list[str] = []
        first = self._read(*self._turn(position, index), problems)

        def partner() -> Picture:
            name = "own" if random.random() < position.stage.own_share else "public"
            return self._read(name, self._any(name, random), problems)

        def varied(picture: Picture, *, strong: bool) -> Picture:
            jitter = augment.random_jitter(recipe, random)
            if strong and random.random() < recipe.mosaic:
                four = [picture, *(partner() for _ in range(IMAGES - 1))]
                order = random.permutation(IMAGES)
                picture = mosaic([four[i] for i in order], size, recipe, jitter, random)
            else:
                where = random_placement(picture.size, size, recipe, random)
                picture = compose(size, [(picture, where)], jitter)
            return augment.flipped(picture, recipe, random)

        picture = varied(first, strong=position.strong)
        if position.strong and random.random() < recipe.mixup:
            picture = mixup(picture, varied(partner(), strong=False))
        return Sample(augment.without_remains(picture), tuple(problems))

    def _turn(self, position: Position, index: int) -> tuple[str, int]:
        """Whose turn it is: pool and image.

        Own images come in even steps, so that every batch has its share, and each pool is gone
        through in a new order every time.
        """
        config = self._config
        count = position.step * config.batch_size + index % config.batch_size
        before = math.floor(count * position.stage.own_share)
        mine = math.floor((count + 1) * position.stage.own_share) > before
        name, turn = ("own", before) if mine else ("public", count - before)
        factors = self._factors.get(name)
        length = len(self._pools[name]) if factors is None else round(factors.sum())
        key = (config.seed, position.number, int(mine), turn // length)
        order = _order(key, length) if factors is None else _balanced(key, tuple(factors))
        return name, int(order[turn % length])

    def _any(self, pool: str, random: np.random.Generator) -> int:
        """An image by chance, each as often as its factor says."""
        factors = self._factors.get(pool)
        if factors is None:
            return int(random.integers(len(self._pools[pool])))
        ends = factors.cumsum()
        return min(int(np.searchsorted(ends, random.random() * ends[-1], "right")), len(ends) - 1)

    def _read(self, pool: str, number: int, problems: list[str]) -> Picture:
        """An image, or the next that can be read."""
        records = self._pools[pool]

        def read(number: int) -> Picture:
            key = (pool, number)
            if key in self._kept:
                return self._kept[key]
            picture = read_picture(records[number])
            if self._keeps[pool]:
                self._kept[key] = picture
            return picture

        return next_readable(read, number, len(records), problems.append)


class Steps:
    """Batches of sample indices from a step on, the share of one process of several."""

    def __init__(self, config: FinetuneConfig, first: int, rank: int, processes: int) -> None:
        self.first, self._config = first, config
        self._rank, self._processes = rank, processes

    def __len__(self) -> int:
        return self._config.steps - self.first

    def __iter__(self) -> Iterator[list[int]]:
        part = self._config.batch_size // self._processes
        for step in range(self.first, self._config.steps):
            # A run of neighbours has its share of own images; every second one would not.
            first = step * self._config.batch_size + self._rank * part
            yield list(range(first, first + part))


def _decoded_bytes(record: ImageRecord) -> int:
    """Three colours, a mask for each object, and one of what does not count."""
    return record.width * record.height * (4 + len(record.annotations))


@lru_cache(maxsize=8)
def _order(key: tuple[int, ...], length: int) -> np.ndarray:
    return np.random.default_rng(key).permutation(length)


@lru_cache(maxsize=8)
def _balanced(key: tuple[int, ...], factors: tuple[float, ...]) -> np.ndarray:
    random = np.random.default_rng(key)
    return random.permutation(repeated(np.array(factors), random))
