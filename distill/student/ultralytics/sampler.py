"""Sampler: which images an epoch shows, in fixed shares, however many there are."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from torch.utils.data import Sampler

from distill.data.repeat_factors import repeated

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from distill.data.repeat_factors import Floats


class ShareSampler(Sampler[int]):
    """Draws from two parts of a data set, each shuffled through before it begins again.

    What epoch e shows is a function of the seed and e alone, so that a run that is resumed sees
    what it would have seen.

    Attributes:
        epoch: which one a pass shows, counted from 0.

    Args:
        labelled: the first images of the data set.
        pseudo: the images after them.
        share: of an epoch's images drawn from the first part; all where the other is empty.
        images: of an epoch, over all processes; a few come twice where they can't be shared evenly.
        seed: of the shuffles.
        rank: number of this process.
        processes: how many share an epoch.
        factors: of either part, how often each image comes up (`distill.data.repeat_factors`);
            once, where there are none.
    """

    def __init__(
        self,
        labelled: int,
        pseudo: int,
        *,
        share: float,
        images: int,
        seed: int,
        rank: int = 0,
        processes: int = 1,
        factors: tuple[Floats, Floats] | None = None,
    ) -> None:
        self._parts = (np.arange(labelled), np.arange(labelled, labelled + pseudo))
        share = {(True, False): 1.0, (False, True): 0.0}.get((bool(labelled), bool(pseudo)), share)
        first = round(images * share)
        self._counts = (first, images - first)
        self._seed, self._rank, self._processes = seed, rank, processes
        self._factors = factors
        self.epoch = 0

    def __len__(self) -> int:
        return math.ceil(sum(self._counts) / self._processes)

    def __iter__(self) -> Iterator[int]:
        chosen = np.concatenate([self._draw(part) for part in (0, 1)])
        np.random.default_rng((self._seed, self.epoch, 2)).shuffle(chosen)
        whole = np.resize(chosen, len(self) * self._processes)  # processes wait for one another
        return iter(whole[self._rank :: self._processes].tolist())

    def set_epoch(self, epoch: int) -> None:
        """Go to an epoch; Ultralytics calls it where several processes train."""
        self.epoch = epoch

    def _draw(self, part: int) -> npt.NDArray[np.int64]:
        """The images of this epoch: a window of endlessly many shuffled passes."""
        indices, count = self._parts[part], self._counts[part]
        factors = self._factors[part] if self._factors else None
        length = len(indices) if factors is None else round(factors.sum())
        begin = self.epoch * count
        drawn: list[npt.NDArray[np.int64]] = []
        while count:
            turn, first = divmod(begin, length)
            random = np.random.default_rng((self._seed, turn, part))
            order = random.permutation(
                indices if factors is None else indices[repeated(factors, random)]
            )
            taken = order[first : first + count]
            drawn.append(taken)
            begin, count = begin + len(taken), count - len(taken)
        return np.concatenate(drawn) if drawn else indices[:0]
