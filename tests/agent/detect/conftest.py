"""Pools whose detections are let go one by one, in a time that is turned by hand."""

import queue
import threading

import numpy as np
import pytest
from worlds import HandClock, Thing, World, linear

from agent.detect.pool import DetectorPool
from models.instances import Instances

TIMEOUT_S = 20.0


class Stepped:
    """Ends one detection whenever it is told to; a frame's luma says which stream it is of."""

    def __init__(self):
        self._begun = queue.Queue()
        self._go = threading.Semaphore(0)

    def detect(self, frame):
        self._begun.put(int(frame.planes[0][0, 0]))
        assert self._go.acquire(timeout=60)
        return Instances(np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty(0, int))

    def next(self):
        """The stream whose frame is being detected now."""
        return self._begun.get(timeout=60)

    def finish(self):
        self._go.release()


@pytest.fixture
def world():
    return World(Thing(linear(10, 8, 2)))


@pytest.fixture
def clock():
    return HandClock()


@pytest.fixture
def pool_of():
    """Pools that are closed in the end."""
    pools = []

    def make(detector, workers=1, now=None):
        pools.append(DetectorPool(detector, workers, TIMEOUT_S, now or HandClock()))
        return pools[-1]

    yield make
    for pool in pools:
        pool.close()


@pytest.fixture
def stepped():
    detector = Stepped()
    yield detector
    detector.finish()
