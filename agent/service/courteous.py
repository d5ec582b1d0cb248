"""Courteous: a network that is run beside streams, and rests as long as it ran."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    import numpy.typing as npt

    from models.runtime.network import Runnable


@final
class Courteous:
    """Takes half of one worker's time at most; any number of threads may run a network at once.

    Args:
        now: a monotonic clock, seconds.
        rest: waits for so many seconds.
    """

    def __init__(
        self,
        network: Runnable,
        now: Callable[[], float] = time.monotonic,
        rest: Callable[[float], None] = time.sleep,
    ) -> None:
        self._network, self._now, self._rest = network, now, rest

    def run(self, batch: npt.NDArray[np.float32], /) -> Sequence[npt.NDArray[Any]]:
        """See `Runnable`."""
        began_s = self._now()
        outputs = self._network.run(batch)
        self._rest(self._now() - began_s)
        return outputs
