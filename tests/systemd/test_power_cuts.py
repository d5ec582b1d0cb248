"""Power is cut at random, and every start after it is ready, with nothing to repair by hand."""

import random
import secrets
import time

import pytest
from worlds import leaks, lumas

from tests.systemd.conftest import CAMERA

CUTS = 20


@pytest.mark.slow
def test_every_start_after_a_power_cut_is_ready(boot):
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    moments = random.Random(seed)
    service = boot(CAMERA)
    for cut in range(CUTS):
        if cut % 2:  # in stopping and starting, too
            service.systemctl("restart", "--no-block")
        time.sleep(moments.uniform(0, 3))
        service.machine.power_cut()
        service.machine.boot()
        assert service.state == "active (running)", (cut, service.said)
        assert service.shown("NRestarts") == "0", (cut, service.said)
    service.systemctl("stop")
    named = service.recordings()
    assert len(named) >= 2
    for path in named:
        pictures = lumas(path)
        assert pictures, path
        assert leaks(pictures) == {}, path
