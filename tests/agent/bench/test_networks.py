"""Which files are run, on what, at which sizes and batches."""

import numpy as np
import pytest
from precisions import SLOW, write_precisions

from agent.bench.networks import NetworkBench, sizes_of
from models.bundle import Bundle
from models.errors import InferenceError, ModelError
from models.input_spec import InputSpec
from models.runtime.onnxruntime_backend import OnnxRuntimeCpu


class Runtime:
    """A runtime of a world in which networks do nothing, and take at most so many images."""

    name, on_cpu = "tensorrt", False

    def __init__(self, batch=None, most=64, absent=None, broken=()):
        self.batch, self.most, self.absent, self.broken = batch, most, absent, broken
        self.fed, self.open = [], 0

    def why_not(self):
        return self.absent

    def roles(self, manifest):
        return tuple(manifest.files)

    def load(self, _bundle, role, _threads):
        if role in self.broken:
            raise ModelError(f"{role} is damaged")
        self.open += 1
        return _Network(self)


class _Network:
    def __init__(self, runtime):
        self._runtime = runtime
        self.input_shape = (runtime.batch, 3, None, None)

    def run_timed(self, batch):
        if len(batch) > self._runtime.most:
            raise InferenceError(f"{len(batch)} are too many")
        self._runtime.fed.append(batch.shape)
        return [np.zeros(1)], 0.004

    def close(self):
        self._runtime.open -= 1


@pytest.fixture
def bundle(tmp_path):
    def opened(**models):
        path = write_precisions(tmp_path / "x.sfm", models, golden=False)
        return Bundle.open(path, allow_unsigned=True)

    return opened


def bench(bundle, *runtimes, batches=(1, 2, 4), tell=lambda _: None):
    found = NetworkBench(bundle, runtimes, batches=batches, budget_s=1e-6, threads=1, tell=tell)
    return list(found.rows()), [(each.what, each.why) for each in found.skipped]


def test_each_batch_has_a_row_by_the_clock_and_by_the_gpu(bundle):
    told = []
    rows, skipped = bench(bundle(fp32=SLOW), runtime := Runtime(), tell=told.append)
    assert [(row.batch, row.size) for row in rows] == [(1, (64, 64)), (2, (64, 64)), (4, (64, 64))]
    assert skipped == []
    for row in rows:
        assert (row.runtime, row.precision) == ("tensorrt", "fp32")
        assert row.device.p50_ms == row.device.p99_ms == 4
        assert row.device.runs == row.wall.runs >= 10
    assert set(runtime.fed) == {(1, 3, 64, 64), (2, 3, 64, 64), (4, 3, 64, 64)}
    assert runtime.open == 0
    assert told == [
        "loading fp32 on tensorrt",
        *(f"fp32 on tensorrt, 64x64, batch {batch}" for batch in (1, 2, 4)),
    ]


def test_a_network_of_one_batch_is_run_with_that_and_the_rest_told_once(bundle):
    rows, skipped = bench(bundle(fp32=SLOW), Runtime(batch=2))
    assert [row.batch for row in rows] == [2]
    assert skipped == [("fp32 on tensorrt, batch 1, 4", "it takes 2 at a time")]
    assert bench(bundle(fp32=SLOW), Runtime(batch=2), batches=(2,))[1] == []


def test_a_batch_that_is_refused_is_told_and_the_others_run(bundle):
    rows, skipped = bench(bundle(fp32=SLOW), runtime := Runtime(most=2))
    assert [row.batch for row in rows] == [1, 2]
    assert skipped == [("fp32 on tensorrt, 64x64, batch 4", "4 are too many")]
    assert runtime.open == 0


def test_a_runtime_that_is_not_here_and_a_file_that_cant_be_loaded_are_told(bundle):
    rows, skipped = bench(
        bundle(fp32=SLOW, fp16=SLOW), Runtime(absent="no GPU"), Runtime(broken=("fp16",))
    )
    assert {row.precision for row in rows} == {"fp32"}
    assert skipped == [("tensorrt", "no GPU"), ("fp16 on tensorrt", "fp16 is damaged")]


def test_on_a_cpu_there_is_the_clock_alone(bundle):
    rows, skipped = bench(bundle(fp32=SLOW), OnnxRuntimeCpu())
    assert [(row.batch, row.device) for row in rows] == [(1, None)]
    assert rows[0].wall.p50_ms > 0
    assert rows[0].images_per_s > 0
    assert skipped == [("fp32 on onnxruntime-cpu, batch 2, 4", "it takes 1 at a time")]


def test_the_first_size_and_that_of_wide_pictures_are_measured():
    square, wide, tall = (
        InputSpec(width=w, height=h) for w, h in ((640, 640), (640, 384), (384, 640))
    )
    assert sizes_of((square, tall, wide)) == (square, wide)
    assert sizes_of((square,)) == (square,)
    assert sizes_of((wide, square)) == (wide,)
