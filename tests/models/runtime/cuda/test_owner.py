"""The owner thread of a GPU, on a simulated one that notes who does what, when and where."""

import contextlib
import gc
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from simulated_cuda import (
    FRESH,
    LaunchError,
    LogicError,
    MemoryError,  # noqa: A004 pycuda's, which is no MemoryError
    SimulatedCuda,
)

from models.errors import InferenceError
from models.runtime.cuda.owner import CudaGpu
from models.runtime.gpu import GpuIdentity
from tests.cuda.compile import compile_for_cpu

ROOT = Path(__file__).resolve().parents[4]
GPU_WORLD = ROOT / "tests" / "world" / "gpu"


def no_kernels(capability):
    raise AssertionError(f"kernels for {capability} were asked for")


@contextlib.contextmanager
def opened(world=None, **how):
    """A GPU that is closed at the end, when no rule may have been broken."""
    world = world or SimulatedCuda()
    gpu = CudaGpu(no_kernels, driver=world, **how)
    try:
        yield gpu, world
    finally:
        gpu.close()
        gc.collect()
        world.check()


def passed_through(gpu, array):
    """An array as it comes back from the GPU."""

    def work(gpu_work):
        address = gpu_work.alloc(array.nbytes)
        gpu_work.upload(address, array)
        back = np.empty_like(array)
        gpu_work.download(back, address)
        gpu_work.free(address)
        return back

    return gpu.do(work)


def test_it_says_which_gpu_it_is():
    with opened(SimulatedCuda(capability=(11, 0), version=13020)) as (gpu, _):
        assert gpu.identity == GpuIdentity("Simulated GPU", "11.0", "13.2")


def test_a_context_is_retained_made_current_left_and_given_up():
    with opened() as (gpu, world):
        passed_through(gpu, np.arange(5))
    assert world.calls[:4] == ["init", "Device", "retain_primary_context", "push"]
    assert world.calls[-2:] == ["pop", "detach"]


def test_many_threads_work_and_one_thread_does_it():
    random = np.random.default_rng(0)
    arrays = [random.random((each, 7), np.float32) for each in range(1, 33)]
    with opened() as (gpu, _), ThreadPoolExecutor(8) as pool:
        for array, back in zip(
            arrays, pool.map(lambda each: passed_through(gpu, each), arrays), strict=True
        ):
            np.testing.assert_array_equal(array, back)


def test_what_a_call_gives_and_raises_is_the_callers():
    with opened() as (gpu, _):
        assert gpu.do(lambda _: 42) == 42
        for error in (ValueError("mine"), TimeoutError("mine"), SystemExit(3)):

            def work(_, error=error):
                raise error

            with pytest.raises(type(error), match=r"mine|3"):
                gpu.do(work)
        assert gpu.do(lambda _: 43) == 43


def test_an_array_may_be_changed_once_it_was_uploaded():
    """Even though the copy itself has not begun by then."""
    array = np.arange(6, dtype=np.float32).reshape(2, 3).T  # not contiguous, either
    with opened() as (gpu, _):

        def work(gpu_work):
            address, back = gpu_work.alloc(array.nbytes), np.empty_like(array)
            gpu_work.upload(address, array)
            wanted = array.copy()
            array[:] = -1
            gpu_work.upload(gpu_work.alloc(8), np.zeros(8, np.uint8))
            gpu_work.download(back, address)
            np.testing.assert_array_equal(back, wanted)

        gpu.do(work)


def test_pinned_memory_is_copied_when_the_stream_comes_to_it():
    with opened() as (gpu, _):

        def work(gpu_work):
            address = gpu_work.alloc(4)
            there, back = gpu_work.pinned((4,), np.uint8), gpu_work.pinned((2, 2), np.uint8)
            there[:] = 1
            gpu_work.send(address, there)
            gpu_work.fetch(back, address)
            assert (back == FRESH).all()
            gpu_work.finish()
            assert back.tolist() == [[1, 1], [1, 1]]

        gpu.do(work)


def test_who_waits_for_an_event_holds_nobody_up():
    world = SimulatedCuda()
    with opened(world) as (gpu, _), ThreadPoolExecutor(1) as pool:

        def begin(gpu_work):
            event, back = gpu_work.event(), gpu_work.pinned((1,), np.uint8)
            world.stuck.set()
            event.record()
            return event, back

        event, _ = gpu.do(begin)
        late = pool.submit(lambda: gpu.do(lambda _: "late", after=event))
        assert gpu.do(lambda _: "first") == "first"
        assert not late.done()
        world.stuck.clear()
        assert late.result(10) == "late"


def test_all_that_is_left_is_freed_in_the_owner_thread():
    """What others still hold on to is of no use to them, and does no harm."""
    held = []
    with opened() as (gpu, _):

        def work(gpu_work):
            held.extend((gpu_work.event(), gpu_work.pinned((3,), np.float32), gpu_work))
            held.append(gpu_work.alloc(100))
            gpu_work.upload(held[-1], np.zeros(100, np.uint8))

        gpu.do(work)


class Closes:
    """Something that must be closed by the owner, while its memory is there."""

    def __init__(self, world):
        self.world, self.closed = world, 0

    def close(self):
        self.world.called("closing")
        self.closed += 1


def test_what_was_adopted_is_closed_first_unless_it_was_disowned():
    with opened() as (gpu, world):
        stays, goes = Closes(world), Closes(world)
        gpu.do(lambda gpu_work: (gpu_work.adopt(goes), gpu_work.adopt(stays), gpu_work.alloc(1)))
        gpu.do(lambda gpu_work: gpu_work.disown(goes))
    assert (stays.closed, goes.closed) == (1, 0)
    assert world.calls.index("closing") < world.calls.index("free")


def test_after_its_end_it_does_nothing():
    with opened() as (gpu, _):
        pass
    gpu.close()
    with pytest.raises(InferenceError, match="the GPU was closed"):
        gpu.do(lambda _: None)


def test_what_was_asked_before_its_end_is_done():
    with opened() as (gpu, _), ThreadPoolExecutor(4) as pool:
        begun, may_end = threading.Event(), threading.Event()
        slow = pool.submit(gpu.do, lambda _: (begun.set(), may_end.wait(10)))
        begun.wait(10)
        behind = pool.submit(passed_through, gpu, np.arange(3))
        while gpu._jobs.empty():
            pass
        closing = pool.submit(gpu.close)
        may_end.set()
        closing.result(10)
        slow.result(10)
        assert behind.result(10).tolist() == [0, 1, 2]


def test_who_waits_for_an_event_is_answered_before_the_end():
    world = SimulatedCuda()
    with opened(world) as (gpu, _), ThreadPoolExecutor(2) as pool:
        event = gpu.do(lambda gpu_work: gpu_work.event())
        world.stuck.set()
        late = pool.submit(lambda: gpu.do(lambda _: "late", after=event))
        while "query" not in world.calls:
            assert not late.done()
        closing = pool.submit(gpu.close)
        while not (gpu._closed and gpu._jobs.empty()):
            assert not closing.done()
        looked = world.calls.count("query")
        while world.calls.count("query") < looked + 2:
            assert "stream.synchronize" not in world.calls  # it waits for the event no longer
        world.stuck.clear()
        assert late.result(10) == "late"


def test_memory_that_is_not_there_is_an_error_and_no_end():
    with opened(SimulatedCuda(memory_bytes=4 << 20)) as (gpu, world):
        with pytest.raises(InferenceError, match=r"not enough memory on the GPU: 5 MiB more"):
            gpu.do(lambda gpu_work: gpu_work.alloc(5 << 20))
        world.breaks["pagelocked_empty"] = MemoryError("cuMemHostAlloc failed: out of memory")
        with pytest.raises(InferenceError, match=r"not enough memory for what passes"):
            gpu.do(lambda gpu_work: gpu_work.pinned((1,), np.uint8))
        assert passed_through(gpu, np.arange(3)).tolist() == [0, 1, 2]


def test_a_refused_call_is_an_error_and_no_end():
    with opened() as (gpu, world):
        world.breaks["memcpy_htod_async"] = LogicError("cuMemcpyHtoDAsync failed: invalid value")
        with pytest.raises(InferenceError, match=r"^the GPU failed: cuMemcpyHtoDAsync failed"):
            passed_through(gpu, np.arange(3))
        assert passed_through(gpu, np.arange(3)).tolist() == [0, 1, 2]


def test_an_error_that_lasts_is_told_to_everybody():
    """An exception in the middle: the context is left and given up all the same."""
    world = SimulatedCuda()
    gpu = CudaGpu(no_kernels, driver=world)
    gpu.do(lambda gpu_work: gpu_work.alloc(10))
    world.breaks["stream.synchronize"] = LaunchError("an illegal memory access was encountered")
    for _ in range(2):
        with pytest.raises(InferenceError, match=r"for good: an illegal memory access.*again$"):
            passed_through(gpu, np.arange(3))
    gpu.close()
    assert world.calls[-1] == "detach"
    assert not gpu._thread.is_alive()


def test_an_address_that_is_none_ends_the_context():
    world = SimulatedCuda()
    gpu = CudaGpu(no_kernels, driver=world)
    with pytest.raises(InferenceError, match="for good: an illegal memory access"):
        gpu.do(lambda gpu_work: gpu_work.download(np.zeros(4), 0x10))
    gpu.close()


def test_a_gpu_that_hangs_in_a_call_is_given_up():
    world = SimulatedCuda()
    gpu = CudaGpu(no_kernels, driver=world, limit_s=0.2)
    world.stuck.set()
    with pytest.raises(InferenceError, match=r"did not answer within 0\.2 s; start the process"):
        passed_through(gpu, np.arange(3))
    with pytest.raises(InferenceError, match=r"did not end its work within 0\.2 s"):
        gpu.close()
    world.stuck.clear()
    gpu.close()
    gc.collect()
    world.check()


def test_a_gpu_that_never_comes_to_an_event_is_given_up():
    world = SimulatedCuda()
    gpu = CudaGpu(no_kernels, driver=world, limit_s=0.2)
    event = gpu.do(lambda gpu_work: gpu_work.event())
    world.stuck.set()
    for after in (event, None):
        with pytest.raises(
            InferenceError, match=r"did not answer within 0\.2 s; start the process"
        ):
            gpu.do(lambda _: None, after=after)
    world.stuck.clear()
    gpu.close()
    gc.collect()
    world.check()


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        ("init", "cuInit failed: no CUDA-capable device\nis detected", "no GPU that CUDA can use"),
        ("Device", "cuDeviceGet failed: invalid device ordinal", "no GPU that CUDA can use"),
        ("Stream", "cuStreamCreate failed: out of memory", "the GPU can't be used"),
    ],
)
def test_a_machine_without_a_gpu_says_so_in_one_line(call, error, said):
    world = SimulatedCuda()
    world.breaks[call] = LogicError(error)
    with pytest.raises(InferenceError) as caught:
        CudaGpu(no_kernels, driver=world)
    assert str(caught.value) == f"{said}: {error.splitlines()[0]}"
    gc.collect()
    world.check()


def test_without_pycuda_it_says_so_in_one_line(tmp_path):
    (tmp_path / "pycuda").mkdir()
    (tmp_path / "pycuda" / "__init__.py").write_text("raise RuntimeError('libcuda?\\nno')")
    code = "from models.runtime.cuda.owner import CudaGpu\nCudaGpu(None)"
    done = in_a_process(code, tmp_path)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith(
        "InferenceError: pycuda can't be imported: libcuda?"
    )


def in_a_process(code, folder):
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={"PYTHONPATH": f"{folder}:{ROOT}:{GPU_WORLD.parent}", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_process_in_a_simulated_world_ends_well_only_if_it_closes_its_gpu():
    code = "from models.runtime.cuda.owner import CudaGpu\ngpu = CudaGpu(None)\n"
    assert in_a_process(code + "gpu.close()", GPU_WORLD).returncode == 0
    left = in_a_process(code, GPU_WORLD)
    assert (left.returncode, "leaked" in left.stderr) == (86, True)


KERNEL = """
extern "C" __global__ void scale(float *values, int count, float factor) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < count) values[i] *= factor;
}
"""


@pytest.fixture(scope="module")
def kernels(tmp_path_factory):
    target = tmp_path_factory.mktemp("kernels") / "kernels.so"
    compile_for_cpu(KERNEL, target)
    return target.read_bytes()


@contextlib.contextmanager
def scaled(world, kernels, *last):
    """What a GPU makes of 0 to 9, and for which GPU kernels were asked for."""
    asked = []
    gpu = CudaGpu(lambda capability: asked.append(capability) or kernels, driver=world)

    def work(gpu_work):
        values = np.arange(10, dtype=np.float32)
        address = gpu_work.alloc(values.nbytes)
        gpu_work.upload(address, values)
        for _ in range(2):
            gpu_work.launch("scale", (3, 1, 1), (4, 1, 1), address, *last)
        gpu_work.download(values, address)
        return values

    try:
        yield gpu.do(work), asked
    finally:
        gpu.close()
        gc.collect()


def test_a_kernel_is_compiled_for_this_gpu_once_and_runs_in_its_turn(kernels):
    world = SimulatedCuda()
    with scaled(world, kernels, np.int32(9), np.float32(3)) as (values, asked):
        assert values.tolist() == [0, 9, 18, 27, 36, 45, 54, 63, 72, 9]
        assert asked == ["8.7"]
    assert world.calls.count("module_from_buffer") == world.calls.count("get_function") == 1
    world.check()


def test_a_kernel_that_is_not_there_is_an_error_and_no_end(kernels):
    world = SimulatedCuda()
    gpu = CudaGpu(lambda _: kernels, driver=world)
    with pytest.raises(InferenceError, match=r"^the GPU failed: .*symbol not found"):
        gpu.do(lambda gpu_work: gpu_work.launch("no_kernel", (1, 1, 1), (1, 1, 1)))
    gpu.close()
    gc.collect()
    world.check()


def test_the_world_sees_arguments_that_a_gpu_would_misread(kernels):
    world = SimulatedCuda()
    with scaled(world, kernels, np.int32(9), np.float64(3)):
        pass
    with pytest.raises(AssertionError, match="a kernel of"):
        world.check()


# The world itself: a rule that nobody can break proves nothing.


def current(world):
    """As the owner thread would."""
    world.init()
    context = world.Device(0).retain_primary_context()
    context.push()
    return context


def ended(world, context):
    world.Context.pop()
    context.detach()
    with pytest.raises(AssertionError) as caught:
        world.check()
    return str(caught.value)


def test_the_world_sees_what_is_done_without_a_context():
    world = SimulatedCuda()
    world.Device(0).retain_primary_context()
    with pytest.raises(LogicError, match="invalid device context"):
        world.mem_alloc(1)
    assert world.violations == ["mem_alloc without a context"]


def test_the_world_sees_another_thread():
    world = SimulatedCuda()
    context = current(world)
    with ThreadPoolExecutor(1) as pool, pytest.raises(LogicError):
        pool.submit(world.mem_alloc, 1).result()
    assert "on another thread" in ended(world, context)


def test_the_world_sees_what_is_left_and_what_dies_too_late():
    world = SimulatedCuda()
    context = current(world)
    stream = world.Stream()
    assert "popped before [('Stream'" in ended(world, context)
    del stream
    assert world.violations[-1] == "Stream collected without its context"


def test_the_world_sees_a_context_that_is_not_left():
    world = SimulatedCuda()
    current(world)
    with pytest.raises(AssertionError, match="stack is not empty"):
        world.check()
