import numpy as np
import pytest
from cuda_frames import on_gpu
from simulated_cuda import LogicError

from models.errors import InferenceError

pytestmark = pytest.mark.slow  # g++ compiles the kernels first


@pytest.mark.parametrize("size", [(1280, 720), (853, 481), (641, 361), (96, 64), (2, 2), (1, 1)])
def test_a_thumbnail_is_what_main_memory_gives(make_noise, simulated_gpu, size):
    frame = make_noise(size, "NV12")
    with on_gpu(frame, simulated_gpu) as same:
        assert same.size == frame.size
        assert np.array_equal(same.thumbnail(), frame.thumbnail())


def test_a_thumbnail_is_made_once(make_noise, simulated_gpu, simulated_cuda):
    with on_gpu(make_noise((64, 48), "NV12"), simulated_gpu) as frame:
        assert frame.thumbnail() is frame.thumbnail()
    assert simulated_cuda.calls.count("launch") == 1


def test_a_gpu_that_fails_gives_no_thumbnail_and_keeps_no_memory(
    make_noise, simulated_gpu, simulated_cuda
):
    simulated_cuda.breaks["launch"] = LogicError("invalid device function")
    with (
        on_gpu(make_noise((64, 48), "NV12"), simulated_gpu) as frame,
        pytest.raises(InferenceError, match="invalid device function"),
    ):
        frame.thumbnail()
