"""The simulated GPU refuses, or notes, what a real one takes without a word."""

import numpy as np
import pytest
from simulated_cuda import SimulatedCuda
from simulated_gpu import compiled_code, opened_gpu

from models.errors import InferenceError

pytestmark = pytest.mark.slow  # g++ compiles the kernels first

SOURCE = """
extern "C" __global__ void fill(int *numbers, int count, float add) {
    const int i = (blockIdx.y * gridDim.x + blockIdx.x) * blockDim.x + threadIdx.x;
    if (i < count) {
        numbers[i] = i + (int)add;
    }
}
"""
ONE = (1, 1, 1)


@pytest.fixture(scope="module")
def code(tmp_path_factory):
    return compiled_code(tmp_path_factory.mktemp("fill"), SOURCE)


def launched(gpu, grid, block, *arguments, count=24):
    def work(work):
        address = work.alloc(4 * count)
        try:
            work.launch("fill", grid, block, np.uintp(address), *arguments)
            numbers = np.empty(count, np.int32)
            work.download(numbers, address)
            return numbers
        finally:
            work.free(address)

    return gpu.do(work)


def test_every_thread_runs_once(code):
    with opened_gpu(code) as gpu:
        numbers = launched(gpu, (3, 2, 1), (4, 1, 1), np.int32(24), np.float32(5))
        assert numbers.tolist() == list(range(5, 29))


@pytest.mark.parametrize(
    "arguments",
    [(np.int64(0), np.float32(0)), (np.int32(0), np.float64(0)), (np.int32(0),)],
    ids=["int64", "double", "too few"],
)
def test_arguments_that_a_gpu_would_misread_are_noted(code, arguments):
    world = SimulatedCuda()
    with pytest.raises(AssertionError, match="was given"), opened_gpu(code, world) as gpu:
        gpu.do(lambda work: work.launch("fill", ONE, ONE, np.uintp(0), *arguments))


@pytest.mark.parametrize(("grid", "block"), [((0, 1, 1), ONE), (ONE, (33, 32, 1))])
def test_grids_that_no_gpu_launches_are_refused(code, grid, block):
    with opened_gpu(code) as gpu, pytest.raises(InferenceError, match="invalid argument"):
        launched(gpu, grid, block, np.int32(0), np.float32(0))


def test_what_is_written_beyond_an_allocation_is_noted(code):
    with pytest.raises(AssertionError, match="beyond its memory"), opened_gpu(code) as gpu:
        launched(gpu, ONE, (65, 1, 1), np.int32(65), np.float32(0), count=64)
