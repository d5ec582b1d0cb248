"""A device whose models change."""

import time

import pytest
from updates import UpdatedDevice

LONG_S = 20.0
"""What a test waits at most for something that takes no time."""


@pytest.fixture
def device(tmp_path):
    return UpdatedDevice(tmp_path)


@pytest.fixture
def bare(tmp_path):
    """A device whose configuration names no bundle."""
    return UpdatedDevice(tmp_path, own=False)


@pytest.fixture
def threaded(tmp_path):
    """A device that does everything by itself."""
    device = UpdatedDevice(tmp_path, threaded=True)
    yield device
    device.updater.end()


@pytest.fixture
def wait():
    def wait(condition):
        until = time.monotonic() + LONG_S
        while not condition():
            assert time.monotonic() < until
            time.sleep(0.002)

    return wait
