"""Start-up: what is done so that a command begins soon."""

from __future__ import annotations

import gc
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def keep_algebra_on_its_thread() -> None:
    """Have NumPy compute products on the thread that asks for them; before it is imported.

    OpenBLAS else starts a thread for each core and has them wait by spinning, beside detectors,
    a decoder and an encoder that keep all cores busy: 2 % of the computing time of a clip of ten
    seconds (720p, 320 px network, two cores), and nobody waits less.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


@contextmanager
def importing() -> Iterator[None]:
    """Import without looking for garbage: what modules are made of stays.

    It takes 0.02 s of the 0.5 s that `blur` computes until all of its modules are there.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
