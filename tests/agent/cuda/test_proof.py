"""A GPU that computes otherwise is not trusted with anything."""

from types import SimpleNamespace

import pytest
from simulated_cuda import LogicError
from simulated_gpu import compiled_code, opened_gpu

from agent.cuda.detector import CudaDetector
from agent.cuda.proof import prove
from agent.cuda.suited import detector_for
from agent.detect.detector import NetworkDetector
from models.errors import InferenceError
from models.feeding import Feedings
from models.runtime.choose import Chosen
from models.runtime.kernel_sources import kernel_sources

pytestmark = pytest.mark.slow  # g++ compiles the kernels first

FAULTS = {
    "nothing is hidden": ("to.bytes[(size_t)y * to.pitch + x] =", "if (0) to.bytes[0] ="),
    "another mean": ("sum += bytes[column] * weight", "sum += 0.5f * bytes[column] * weight"),
    "one row too few": ("y < to.height && (!mask", "y < to.height - 1 && (!mask"),
    "chroma stays": ("uv[1] = (Byte)flat_v;", ""),
    "red for blue": ("to[at] = normal(first == 0 ?", "to[at] = normal(first != 0 ?"),
    "masks a cell off": ("prototypes + (size_t)(top + y)", "prototypes + (size_t)(top + y + 1)"),
    "another pixel": ("to[(size_t)y * width + x] = from", "to[(size_t)y * width + x] = 1 + from"),
}
"""By what is amiss: what stands in the kernels' source, and what in its place."""


def test_a_gpu_that_hides_as_the_cpu_does_is_trusted(simulated_gpu):
    prove(simulated_gpu)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_gpu_that_hides_otherwise_is_not(tmp_path, fault):
    source = "\n".join(kernel_sources().values())
    right, wrong = FAULTS[fault]
    assert source.count(right) == 1
    code = compiled_code(tmp_path, source.replace(right, wrong))
    said = r"the GPU \w+ .* otherwise than the CPU, by \d+"
    with opened_gpu(code) as gpu, pytest.raises(InferenceError, match=said):
        prove(gpu)


def test_what_no_gpu_can_be_trusted_with_is_left_to_the_cpu(kernel_code, caplog):
    """As where nothing compiles kernels; it is found out once, and said once."""

    def detector(gpu):
        network = SimpleNamespace(gpu=gpu, run_from=print)
        chosen = Chosen(network, "fp32", 64 * "0", "tensorrt", "there is no other")
        return detector_for(chosen, Feedings([]), 0.1, frozenset())

    with opened_gpu(kernel_code) as gpu:
        assert type(detector(gpu)) is CudaDetector
    assert not caplog.messages
    with opened_gpu(b"no cubin") as gpu:
        assert type(detector(gpu)) is type(detector(gpu)) is NetworkDetector
    (said,) = caplog.messages
    assert said.startswith("frames are scaled and hidden on the CPU: the GPU failed")


def test_a_gpu_for_which_there_are_no_kernels_is_not(simulated_gpu, simulated_cuda):
    simulated_cuda.breaks["launch"] = LogicError("no kernel image is available")
    with pytest.raises(InferenceError, match="no kernel image"):
        prove(simulated_gpu)
