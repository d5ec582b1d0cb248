"""Start-up: what is done so that a command begins soon."""

from __future__ import annotations

import gc
import os
import sys
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


ARRAYS_ON_THEIR_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OPENCV_FOR_THREADS_NUM": "1"}
"""What a process has in its environment for `keep_arrays_on_their_thread`."""


def keep_arrays_on_their_thread() -> None:
    """Have NumPy and OpenCV compute on the thread that asks; before they are imported.

    They else start a thread for each core and have them wait by spinning, beside detectors, a
    decoder and an encoder that keep all cores busy. Of the computing time of a clip of ten seconds
    (720p, 320 px network, two cores) OpenBLAS takes 2 % for that and OpenCV 1 %, and nobody waits
    less.
    """
    for name, threads in ARRAYS_ON_THEIR_THREAD.items():
        os.environ.setdefault(name, threads)


_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
_MOST_KEPT = 64 << 20
"""Bytes at the end of a thread's memory that stay there. Chosen: a pipeline's pictures of 1080p."""
_LEAST_APART = 32 << 20
"""Bytes from which on memory is taken apart, and given back as soon as it is free: the most that
glibc allows, and more than a picture of 4K needs."""


def keep_memory() -> None:
    """Let the next picture have the memory of one before, which else goes back to the system.

    Every picture's pages are then fresh ones that the kernel clears: of the computing time of a
    clip of a minute (720p, two cores) that is 2 %, and the peak of memory is no lower for it. Where
    the C library is not glibc nothing changes.
    """
    import ctypes  # NumPy imports it anyway

    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        libc.mallopt(_M_TRIM_THRESHOLD, _MOST_KEPT)
        libc.mallopt(_M_MMAP_THRESHOLD, _LEAST_APART)


def take_long_turns() -> None:
    """Have the kernel take this process' threads for ones that compute; before others are started.

    A thread that wakes up else takes the place of one that computes, which may hold Python's lock:
    decoders, encoders and detectors wake each other thousands of times a second, wait for that lock,
    and find their data out of the core's cache. With Linux' SCHED_BATCH each waits for another's turn
    to end. Measured on two cores, 720p, YOLOv8n-seg in 8 bits: of a file 2 % more frames a second at
    640 px, 3 % at 320 px; of five browsers' cameras 12 % more pictures at 320 px. Five at 360p are
    shown no later for it. Who started this process under another policy has it kept; processes that
    it starts inherit it.
    """
    if sys.platform != "linux":
        return
    with suppress(OSError):  # a sandbox may not allow it
        if os.sched_getscheduler(0) == os.SCHED_OTHER:
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


_keeps_modules = threading.Event()
"""Set where `keep_modules` was called: to count what is frozen takes 2 ms."""


def keep_modules() -> None:
    """Never look for garbage in what modules are made of, neither now nor in what `importing` adds.

    It stays until the process ends, which has to be a command's own: what another one has lost by
    now would stay, too.
    """
    _keeps_modules.set()
    gc.freeze()


@contextmanager
def importing() -> Iterator[None]:
    """Import without looking for garbage; after `keep_modules`, in what came of it later, either.

    The former takes 0.02 s of the 0.5 s that `blur` computes until all of its modules are there, the
    latter 0.014 s, all at once, as soon as garbage is looked for again.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if _keeps_modules.is_set():
            gc.freeze()
        if was_enabled:
            gc.enable()
