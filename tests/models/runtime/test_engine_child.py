"""The process that builds an engine, with a simulated TensorRT, asked as its parent asks it."""

import json
import os
import signal
import subprocess
import sys

import gpu_process
import pytest

from tests.models.runtime.gpu_world import SIZE, image_network

ENOUGH = "5000"
"""Steps that say more than a pipe holds: until somebody reads, the build goes no further."""


@pytest.fixture
def child(tmp_path):
    """One that was told what to build."""
    onnx = image_network()
    order = {
        "parent": os.getpid(),
        "onnx_bytes": len(onnx),
        "sizes": [SIZE],
        "batch": 1,
        "workspace_bytes": 1 << 20,
        "timing_cache": str(tmp_path / "timing"),
    }
    with subprocess.Popen(
        [sys.executable, "-m", "models.runtime.engine_child"],
        cwd=gpu_process.ROOT,
        env=gpu_process.environment() | {"SIMULATED_STEPS": ENOUGH},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        process.stdin.write(json.dumps(order).encode() + b"\n" + onnx)
        process.stdin.close()
        yield process
        process.kill()


def test_a_build_that_is_asked_to_end_does(child):
    """Although TensorRT holds the thread that it was called on until it is done."""
    for _ in range(200):  # it is in the midst of it
        assert "share" in json.loads(child.stdout.readline())
    child.send_signal(signal.SIGTERM)
    *steps, last = child.stdout.read().splitlines()
    assert len(steps) < int(ENOUGH)
    assert json.loads(last) == {"error": "building the engine was cancelled"}
    assert child.wait(10) == 1


def test_a_build_that_is_not_ends_with_a_plan(child):
    lines = iter(child.stdout.readline, b"")
    told = next(said for line in lines if "plan_bytes" in (said := json.loads(line)))
    assert len(child.stdout.read()) == told["plan_bytes"]
    assert child.wait(10) == 0
