"""Power is cut at random, and every start after it is ready, with nothing to repair by hand."""

import secrets
import time

import numpy as np
import pytest
from worlds import leaks, lumas

from tests.systemd.conftest import CAMERA
from tests.systemd.service import until

DEVICES, CUTS = 4, 5


@pytest.mark.slow
@pytest.mark.parametrize("device", range(DEVICES))
def test_every_start_after_a_power_cut_is_ready(boot, device):
    seed = secrets.randbits(32)
    print(f"device {device}, seed {seed}")  # noqa: T201 pytest shows it where the test fails
    moments = np.random.default_rng(seed)
    service = boot(CAMERA)
    for cut in range(CUTS):
        if cut % 2:  # in stopping and starting, too
            service.systemctl("restart", "--no-block")
        time.sleep(moments.uniform(0, 3))
        service.machine.power_cut()
        service.machine.boot()
        assert service.state == "active (running)", (cut, service.said)
        assert service.shown("NRestarts") == "0", (cut, service.said)
    until(lambda: len(service.recordings()) >= 2)
    service.systemctl("stop")
    for path in service.recordings():
        pictures = lumas(path)
        assert pictures, path
        assert leaks(pictures) == {}, path
