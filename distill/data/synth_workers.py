"""Synth workers: processes that render scenes."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait as wait_for
from typing import TYPE_CHECKING

import cv2

from distill.data.scenes.shoot import shoot
from distill.errors import DistillError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from distill.data.scenes.shoot import Line, SynthRun


def rendered(run: SynthRun, indices: list[int], workers: int) -> Iterator[Line]:
    """Render scenes, and give the line of each in the order in which they are finished.

    Raises:
        DistillError: a process died.
    """
    if workers == 1 or len(indices) < 2:
        for index in indices:
            yield shoot(run, index)
        return
    # Spawned, because a fork copies the locks of other threads as they are.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(workers, len(indices)), context, _begin_worker)
    queue = iter(indices)
    waiting: set[Future[Line]] = set()
    try:
        for index in queue:
            waiting.add(pool.submit(shoot, run, index))
            if len(waiting) >= 4 * workers:
                ready, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for future in ready:
                    yield future.result()
        while waiting:
            ready, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for future in ready:
                yield future.result()
    except BrokenProcessPool as error:
        raise DistillError(
            "a worker died, perhaps for want of memory; the same command goes on from there"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _begin_worker() -> None:
    """One thread for each process; Ctrl-C is the parent's business, and so is its death."""
    cv2.setNumThreads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        sentinel = parent.sentinel

        def follow() -> None:
            wait_for([sentinel])
            os._exit(1)

        threading.Thread(target=follow, daemon=True).start()
