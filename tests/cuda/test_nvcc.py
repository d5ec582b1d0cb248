"""The kernels compile for the GPUs that matter, into few registers and without spilling."""

import re
import subprocess

import pytest

from models.runtime.cuda import compiler
from models.runtime.cuda.nvrtc import compile_by_nvrtc, nvrtc_library
from models.runtime.kernel_sources import kernel_sources

pytestmark = pytest.mark.slow  # nvcc takes its time

GPUS = {"sm_87": "Orin", "sm_110": "Thor", "sm_86": "RTX 30", "sm_90": "H100, H200"}
MOST_REGISTERS = 64
"""Of a thread, so that 1024 threads of a multiprocessor's 65,536 registers run at once."""

_KERNEL = re.compile(
    r"Compiling entry function '(?P<name>\w+)'.*?(?P<stores>\d+) bytes spill stores, "
    r"(?P<loads>\d+) bytes spill loads.*?Used (?P<registers>\d+) registers",
    re.DOTALL,
)


@pytest.mark.parametrize("gpu", GPUS)
def test_no_kernel_spills_or_needs_many_registers(tmp_path, gpu):
    nvcc = compiler._nvcc()
    if nvcc is None:
        pytest.skip("needs CUDA: nvcc")
    (tmp_path / "kernels.cu").write_text("\n".join(kernel_sources().values()))
    command = [nvcc, "-cubin", f"-arch={gpu}", *compiler.FLAGS, "-Xptxas", "-v"]
    command += ["-Werror", "all-warnings", "-o", "kernels.cubin", "kernels.cu"]
    done = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
    found = {each["name"]: each for each in _KERNEL.finditer(done.stderr)}
    assert found.keys() == set(
        re.findall(r"__global__ void (\w+)", "".join(kernel_sources().values()))
    )
    for name, each in found.items():
        print(f"{gpu} {name}: {each['registers']} registers")  # noqa: T201 for -s
        assert int(each["registers"]) <= MOST_REGISTERS, name
        assert (each["stores"], each["loads"]) == ("0", "0"), name
    assert (tmp_path / "kernels.cubin").read_bytes()[:4] == b"\x7fELF"


def test_nvrtc_takes_them_too():
    """Where there is no nvcc, and so none of its headers."""
    library = nvrtc_library()
    if library is None:
        pytest.skip("needs CUDA: libnvrtc")
    source = "\n".join(kernel_sources().values())
    cubin = compile_by_nvrtc(library, source, "sm_87", compiler.FLAGS)
    assert cubin[:4] == b"\x7fELF"
    for name in re.findall(r"__global__ void (\w+)", source):
        assert name.encode() in cubin
