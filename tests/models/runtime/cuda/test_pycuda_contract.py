"""The owner thread with the real pycuda, on a driver library that is simulated.

pycuda has no wheels: it is compiled against CUDA's headers, for a quarter of an hour. So this runs
where somebody did that, and is skipped elsewhere.
"""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cuda.compile import compile_for_cpu

ROOT = Path(__file__).resolve().parents[4]
DRIVER = ROOT / "tests" / "world" / "gpu" / "libcuda.c"

KERNEL = """
extern "C" __global__ void add(const float *a, int count, double factor, float *sum) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < count) sum[i] = a[i] * factor + sum[i];
}
"""

FAULTS = ("wrong thread", "without context", "still current", "retained", "leaked")
NONE = dict.fromkeys(FAULTS, 0) | {"still current": 1}
"""pycuda makes a primary context current to give it up, and leaves it so: it ends with its thread."""

RUN = """
import ctypes, gc, json, sys
from pathlib import Path
import numpy as np
from models.errors import InferenceError
from models.runtime.cuda.owner import CudaGpu

gpu = CudaGpu(lambda capability: Path(sys.argv[1]).read_bytes())
said = {"identity": [gpu.identity.name, gpu.identity.compute_capability, gpu.identity.driver]}

def work(work):
    values = np.arange(10, dtype=np.float32)
    a, total = work.alloc(40), work.alloc(40)
    work.upload(a, values)
    work.upload(total, np.ones(10, np.float32))
    work.launch("add", (3, 1, 1), (4, 1, 1), a, np.int32(9), np.float64(0.5), total)
    work.download(values, total)
    work.free(a)
    said["sum"] = values.tolist()
    there, back = work.pinned((2, 3), np.int16), work.pinned((6,), np.int16)
    there[:] = 7
    work.send(total, there)
    work.fetch(back, total)
    event, timed = work.event(), [work.event(timed=True) for _ in range(2)]
    event.record()
    for each in timed:
        each.record()
    said["seconds"] = timed[1].seconds_since(timed[0])
    work.unpin(there)
    return event, back

event, back = gpu.do(work)
said["back"] = gpu.do(lambda work: back.tolist(), after=event)
said["stream"] = gpu.do(lambda work: work.stream) > 0
said["errors"] = []
for wrong in (
    lambda work: work.alloc(1 << 27),
    lambda work: work.pinned((1 << 27,), np.uint8),
    lambda work: work.launch("subtract", (1, 1, 1), (1, 1, 1)),
    lambda work: work.launch("add", (1, 1, 1), (1, 1, 1), np.int32(1)),
):
    try:
        gpu.do(wrong)
    except InferenceError as error:
        said["errors"].append(str(error))
gpu.close()
gc.collect()
counts = (ctypes.c_int * 5)()
ctypes.CDLL("libcuda.so.1").simulated_faults(counts)
said["faults"] = list(counts)
print(json.dumps(said))
"""


@pytest.fixture
def driver(tmp_path):
    """A folder with libcuda.so.1, which has all that this pycuda was linked with."""
    found = importlib.util.find_spec("pycuda")
    if found is None or not found.submodule_search_locations:
        pytest.skip("there is no pycuda, which is compiled where CUDA is")
    (extension,) = Path(found.submodule_search_locations[0]).glob("_driver*.so")
    tools = [shutil.which(name) for name in ("gcc", "nm")]
    if None in tools:
        pytest.skip("needs gcc and nm")
    symbols = subprocess.run(
        ["nm", "-D", "--undefined-only", extension], capture_output=True, text=True, check=True
    ).stdout
    rest = "".join(
        f"__attribute__((weak)) int {name}(void) {{ return 801; }}\n"  # not supported
        for name in re.findall(r" U (cu[A-Z]\w+)", symbols)
    )
    (tmp_path / "rest.c").write_text(rest)
    command = ["gcc", "-shared", "-fPIC", "-w", "-Wl,-soname,libcuda.so.1"]
    target = tmp_path / "libcuda.so.1"
    subprocess.run([*command, DRIVER, tmp_path / "rest.c", "-o", target, "-ldl"], check=True)
    return tmp_path


def test_the_real_pycuda_takes_all_that_we_ask_of_it(driver, tmp_path):
    compile_for_cpu(KERNEL, tmp_path / "kernels.so")
    done = subprocess.run(
        [sys.executable, "-c", RUN, tmp_path / "kernels.so"],
        env=os.environ
        | {"LD_LIBRARY_PATH": str(driver), "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["identity"] == ["Simulated GPU", "8.7", "13.2"]
    assert said["sum"] == [1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5, 1]
    assert said["back"] == [7] * 6
    assert said["stream"]
    assert said["seconds"] == 0.0015
    for error, wanted in zip(
        said["errors"],
        ("on the GPU: 128 MiB more", "passes to the GPU: 128 MiB more", "GetFunc", "LaunchK"),
        strict=True,
    ):
        assert wanted in error
        assert "\n" not in error
    assert dict(zip(FAULTS, said["faults"], strict=True)) == NONE
