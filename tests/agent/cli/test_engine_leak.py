"""On a real video an engine of a simulated machine hides what the CPU hides."""

import os

import pytest
from gpu_process import environment

from tests.bench.davis import Sequence
from tests.bench.engines import scored
from tests.bench.network import bundle_of

pytestmark = pytest.mark.slow


def test_the_leak_by_an_engine_is_that_of_the_cpu(data, tmp_path):
    """All six clips: `make bench BENCH=engines`."""
    bundle = bundle_of(data / "weights" / "coco-yolov8n-seg-320.onnx", tmp_path)
    sequence = Sequence("libby", "dog", alone=True)
    found = dict(
        scored(sequence, bundle, data / "davis", tmp_path, machine)
        for machine in (os.environ, environment())
    )
    assert found.keys() == {"onnxruntime-cpu", "tensorrt"}
    assert found["tensorrt"] == found["onnxruntime-cpu"]
    assert 0 < found["tensorrt"].leak < 0.5  # the dog jumps out of what 320 px can see
