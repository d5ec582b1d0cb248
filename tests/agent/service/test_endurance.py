"""What an agent holds doesn't grow with how long it runs.

`PYTHONPATH=.:tests/agent python tests/world/tireless.py 1000 3000000` is longer: an hour.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]

RECONNECTIONS, FRAMES = 200, 20_000


@pytest.mark.slow
def test_reconnections_and_frames_leave_nothing_behind():
    done = subprocess.run(
        [sys.executable, ROOT / "tests/world/tireless.py", str(RECONNECTIONS), str(FRAMES)],
        capture_output=True,
        check=True,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests' / 'agent'}"},
    )
    found = json.loads(done.stdout)
    early, late = found["early"], found["late"]
    assert FRAMES <= found["frames"] <= FRAMES + FRAMES // RECONNECTIONS  # one more had begun
    assert found["reconnections"] >= RECONNECTIONS
    assert found["whole"] == {}
    assert late["descriptors"] == early["descriptors"]
    assert late["threads"] == early["threads"]
    assert late["resident_bytes"] - early["resident_bytes"] <= 10e6
