"""Proof: that a bundle is one that this device trusts, and that its network works here."""

from __future__ import annotations

import time
from itertools import islice
from typing import TYPE_CHECKING

from agent.update.audible import AudibleBackend
from agent.update.ports import RefusedError, UnavailableError
from models.bundle import Bundle
from models.errors import ModelError, TrustError
from models.golden import golden_frames
from models.runtime.backends import device_backends
from models.runtime.choice_cache import CHOICES, ChoiceCache
from models.runtime.choose import choose_network
from models.runtime.onnxruntime_backend import OnnxRuntimeCpu
from models.runtime.tensorrt_backend import ENGINES
from models.self_test import look
from models.signing import load_public

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.update.work_order import Prove
    from models.runtime.choose import Chosen
    from models.runtime.engine_build import BuildWatch

MOST_OF_TIMEOUT = 0.25
"""Of the time after which a detection is a fault, what one may take here, alone. Chosen, not
measured: as many run at once as there are workers, beside decoders and encoders. Whether a model is
slower than the one before is found out while it is on probation."""

_LOOKS = 2


def prove(work: Prove, watch: BuildWatch, alive: Callable[[], object]) -> None:
    """Open, load and run it on its golden frames; engines are built where there is a GPU.

    Args:
        watch: is asked several times a second while one is built.
        alive: is called at each load and each run, which may hang.

    Raises:
        UnavailableError: the device's own keys can't be read.
        RefusedError: it is not trusted, has expired or is damaged; or it can't be loaded, sees
            other things than it should, or is too slow.
    """
    try:
        trusted = [load_public(path) for path in work.trust]
    except TrustError as error:
        raise UnavailableError(str(error)) from error
    try:
        bundle = Bundle.open(work.bundle, trusted, allow_unsigned=work.allow_unsigned)
        if not bundle.manifest.golden_files:
            raise RefusedError(
                f"bundle {bundle.manifest.name} holds no golden frames to test it with; "
                "pack it with some"
            )
        cache = None if work.choices is None else ChoiceCache(work.choices / CHOICES)
        engines = None if work.choices is None else work.choices / ENGINES
        backends = [AudibleBackend(each, alive) for each in device_backends(engines, watch)]
        chosen = choose_network(bundle, backends=backends, cache=cache, prove=True)
        took_s = _seconds(bundle, chosen)
    except ModelError as error:
        raise RefusedError(str(error)) from error
    if took_s > (most_s := MOST_OF_TIMEOUT * work.detect_timeout_s):
        raise RefusedError(
            f"bundle {bundle.manifest.name} takes {took_s:.3g} s to look at a frame here; "
            f"{most_s:.3g} s are allowed, a quarter of detect_timeout_s"
        )


def _seconds(bundle: Bundle, chosen: Chosen) -> float:
    """How long it takes to look at a golden frame: the thread's own time, where the CPU computes.

    This process is nice, so what it waits for on a busy machine says nothing.
    """
    clock = time.thread_time if chosen.runtime == OnnxRuntimeCpu.name else time.perf_counter
    took_s = []
    for frame in islice(golden_frames(bundle), 1):
        for _ in range(_LOOKS):
            began_s = clock()
            look(frame.image, bundle.manifest, chosen.network, frame.size)
            took_s.append(clock() - began_s)
    return min(took_s)
