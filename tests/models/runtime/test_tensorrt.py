"""Networks on a simulated GPU with a simulated TensorRT: what they give, and each way to fail."""

import gc
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from models.decode import decoder_for
from models.errors import InferenceError, LostGpuError, ModelError
from models.input_spec import InputSpec
from models.preprocess import Letterbox
from models.runtime.tensorrt import SLOTS
from tests.models.runtime.gpu_world import (
    SIZE,
    TensorRtWorld,
    image_network,
    images,
    tensorrt_world,
)

SPEC = InputSpec(width=SIZE[0], height=SIZE[1])
OPEN = ("n", 3, "h", "w")


@pytest.fixture
def world():
    with tensorrt_world() as one:
        yield one


def check(batch, given):
    """These are the outputs for that batch."""
    twice, mean = given
    np.testing.assert_array_equal(twice, batch * 2)
    np.testing.assert_allclose(mean, batch.mean((2, 3)), rtol=1e-5)


def alive(world):
    """What holds something of the GPU, by kind."""
    return Counter(kind for kind, _ in world.cuda._live)


def test_a_network_runs(world):
    network = world.network(inputs=(SPEC,))
    assert network.input_shape == (1, 3, 32, 64)
    assert network.outputs == {"twice": (1, 3, 32, 64), "mean": (1, 3)}
    assert (network.precision, network.most_images) == ("fp32", 1)
    for seed in range(5):
        check(images(seed=seed), network.run(images(seed=seed)))


def test_outputs_come_in_the_order_asked_for(world):
    mean, twice = world.network(outputs=("mean", "twice")).run(images())
    check(images(), (twice, mean))
    (only,) = world.network(outputs=("mean",)).run(images())
    np.testing.assert_array_equal(only, mean)
    with pytest.raises(ModelError, match="no output named 'median'"):
        world.network(outputs=("mean", "median"))


def test_many_threads_may_run_one_network(world):
    """Each gets the answer to its own images, though inputs are filled while others compute."""
    network = world.network()
    with ThreadPoolExecutor(6) as pool:
        batches = [images(seed=seed) for seed in range(60)]
        for batch, given in zip(batches, pool.map(network.run, batches), strict=True):
            check(batch, given)


def test_outputs_are_the_callers_and_so_is_the_batch_afterwards(world):
    network, batch = world.network(), images()
    first = network.run(batch)
    batch[:] = 0
    for _ in range(3):
        network.run(batch)
    check(images(), first)


def test_a_second_run_begins_while_the_first_computes(world):
    """Double buffering: what is between them is their caller's, and not the GPU's."""
    network = world.network()
    network.run(images())
    world.cuda.calls.clear()
    with ThreadPoolExecutor(2) as pool:
        world.cuda.stuck.set()
        both = [pool.submit(network.run, images(seed=seed)) for seed in (1, 2)]
        while world.cuda.calls.count("execute_async_v3") < 2:
            assert not any(each.done() for each in both)
        world.cuda.stuck.clear()
        for seed, run in zip((1, 2), both, strict=True):
            check(images(seed=seed), run.result(10))


def test_addresses_are_set_again_only_for_another_shape(world):
    network = world.network(world.plan(image_network(OPEN), sizes=(SIZE, (96, 32)), batch=2))
    for width, calls in ((64, 3), (64, 0), (96, 3), (64, 3)):
        world.cuda.calls.clear()
        for _ in range(2):  # in both slots
            check(images(width=width), network.run(images(width=width)))
        assert world.cuda.calls.count("set_tensor_address") == 2 * calls


def test_the_profile_is_changed_for_another_size_and_for_no_other_number(world):
    network = world.network(world.plan(image_network(OPEN), sizes=(SIZE, (96, 32)), batch=4))
    for width, count, changes in ((64, 1, 2), (64, 4, 0), (96, 2, 2), (96, 1, 0), (64, 1, 2)):
        world.cuda.calls.clear()
        for _ in range(SLOTS):
            network.run(images(count, width))
        assert world.cuda.calls.count("set_optimization_profile_async") == changes


def test_a_run_whose_end_nobody_waited_for_is_done_before_its_memory_is_used_again(world):
    network = world.network(world.plan(image_network(OPEN), sizes=(SIZE, (96, 32))))
    slots = [network._slots.get() for _ in range(SLOTS)]
    world.gpu.do(lambda _: slots[0].begin(images()))
    for slot in slots:
        network._slots.put(slot)
    for _ in range(SLOTS):
        check(images(width=96), network.run(images(width=96)))


def test_sizes_that_alternate_take_no_more_memory(world):
    network = world.network(world.plan(image_network(OPEN), sizes=(SIZE, (96, 32))))
    for _ in range(5):
        for width in (64, 64, 96, 96):
            check(images(width=width), network.run(images(width=width)))
    kinds = alive(world)
    lent = world.gpu.do(lambda work: len(work.memory.lent()))
    assert lent == kinds["_PagelockedHostAllocation"] == 3 * SLOTS
    assert world.cuda.calls.count("mem_alloc") <= 2 * lent


def test_a_network_of_several_sizes_has_a_profile_for_each(world):
    sizes = (SIZE, (96, 32), (32, 96))
    network = world.network(
        world.plan(image_network(OPEN), sizes=sizes, batch=4),
        inputs=[InputSpec(width=width, height=height) for width, height in sizes],
    )
    assert network.input_shape == (None, 3, None, None)
    assert network.most_images == 4
    for width, height in (*sizes, *sizes[::-1]):
        for count in (1, 4, 3):
            batch = images(count, width, height)
            check(batch, network.run(batch))


def test_an_image_may_be_made_on_the_gpu(world):
    network, batch = world.network(), images()
    owners = set()

    def fill(work, address):
        owners.add(threading.current_thread().name)
        work.upload(address, batch)

    check(batch, network.run_from(fill, SPEC))
    assert owners == {"gpu"}


def test_the_gpu_tells_how_long_the_network_alone_took(world):
    """Of a copy, the network, and two copies back, each of which takes a simulated millisecond."""
    network = world.network()
    for seed in range(3):
        outputs, took_s = network.run_timed(images(seed=seed))
        check(images(seed=seed), outputs)
        assert took_s == 0.001


def test_what_fails_to_make_an_image_is_the_callers(world):
    network = world.network()

    def fill(_work, _address):
        raise ValueError("no image")

    for _ in range(3):
        with pytest.raises(ValueError, match="no image"):
            network.run_from(fill, SPEC)
    check(images(), network.run(images()))


# What a network was not made for.


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ((2, 3, 32, 64), r"made for 1 image a run, not for 2"),
        ((1, 3, 64, 64), r"not made for an input of \[1, 3, 64, 64\]"),
        ((1, 1, 32, 64), r"not made for an input of \[1, 1, 32, 64\]"),
        ((3, 32, 64), r"not made for an input of \[3, 32, 64\]"),
    ],
)
def test_a_batch_that_the_network_was_not_made_for_is_refused(world, shape, said):
    network = world.network()
    with pytest.raises(InferenceError, match=said):
        network.run(np.zeros(shape, np.float32))
    check(images(), network.run(images()))


def test_more_images_than_the_profile_has_are_refused(world):
    network = world.network(world.plan(image_network(OPEN), batch=4))
    with pytest.raises(InferenceError, match="made for 4 images a run, not for 5"):
        network.run(images(5))
    check(images(4), network.run(images(4)))


def test_a_network_that_is_described_otherwise_is_refused(world):
    with pytest.raises(ModelError, match=r"wants \[1, 3, 32, 64\].* taking \[1, 3, 64, 64\]"):
        world.network(inputs=(SPEC, InputSpec(width=64, height=64)))


def test_a_network_that_takes_no_image_is_refused(world):
    plan = world.plan(image_network(dtype="FLOAT16"))
    with pytest.raises(ModelError, match=r"wants float16 \[1, 3, 32, 64\], not an image"):
        world.network(plan)


# Faults: each ends in one line that says why, and in nothing that is left behind.


def no_plan(world):
    """Cut and flipped plans, of another version, and of another GPU."""
    plan = bytearray(world.plan())
    yield bytes(plan[:-1]), "magic tag"
    plan[-5] ^= 1
    yield bytes(plan), "magic tag"
    yield b"", "magic tag"
    world.tensorrt.__version__, kept = "11.4.0", world.tensorrt.__version__
    other = world.plan()
    world.tensorrt.__version__ = kept
    yield other, "version tag"
    world.cuda.capability, kept = (9, 0), world.cuda.capability
    other = world.plan()
    world.cuda.capability = kept
    yield other, "incompatible device"


def test_a_plan_that_was_not_made_here_is_refused_with_what_the_log_says(world):
    for plan, said in no_plan(world):
        with pytest.raises(ModelError, match=f"TensorRT can't read the engine: .*{said}") as caught:
            world.network(plan or b" ")
        assert "\n" not in str(caught.value)


LOADING = {
    "no runtime": ("Runtime", TypeError("factory function returned nullptr"), "can't start"),
    "no engine": ("deserialize_cuda_engine", None, "can't read the engine"),
    "an exception": ("deserialize_cuda_engine", RuntimeError("odd\nand more"), "engine: odd;"),
    "no context": ("create_execution_context", None, "can't run the engine"),
    "host memory": ("get_tensor_location mean", 1, "wants 'mean' in the host's memory"),
}


@pytest.mark.parametrize("fault", LOADING)
def test_a_fault_while_loading_is_told_in_one_line(world, fault):
    call, given, said = LOADING[fault]
    plan = world.plan()
    world.tensorrt.fails[call] = given
    with pytest.raises(ModelError, match=said) as caught:
        world.network(plan)
    assert "\n" not in str(caught.value)
    assert not world.tensorrt.fails
    assert alive(world) == {"Stream": 1, "Event": 1}
    check(images(), world.network(plan).run(images()))


def test_an_output_that_numpy_can_not_hold_is_refused(world):
    plan = world.plan()
    world.tensorrt.fails["get_tensor_dtype twice"] = world.tensorrt.DataType.BF16
    with pytest.raises(ModelError, match="can't give 'twice' to NumPy: Could not resolve"):
        world.network(plan)


RUNNING = {
    "profile": ("set_optimization_profile_async", False, "can't use profile 0: Error Code 1"),
    "shape": ("set_input_shape", False, r"can't take \[1, 3, 32, 64\]: Error Code 1"),
    "address": ("set_tensor_address", False, "can't use memory for 'image0': Error Code 1"),
    "run": ("execute_async_v3", False, "can't run the network: Error Code 1"),
    "size": ("get_tensor_shape mean", (1, -1), "the size of 'mean' depends on what is seen"),
}


@pytest.mark.parametrize("fault", RUNNING)
def test_a_fault_while_running_is_told_in_one_line_and_the_next_run_is_right(world, fault):
    call, given, said = RUNNING[fault]
    network = world.network(world.plan(image_network(OPEN)))
    world.tensorrt.fails[call] = given
    with pytest.raises(InferenceError, match=said) as caught:
        network.run(images())
    assert "\n" not in str(caught.value)
    for seed in range(4):  # in the slot that failed, and in the other
        check(images(seed=seed), network.run(images(seed=seed)))


def test_a_fault_at_another_size_leaves_the_first_as_it_was(world):
    network = world.network(world.plan(image_network(OPEN), sizes=(SIZE, (96, 32))))
    for _ in range(SLOTS):
        network.run(images())
    for _ in range(SLOTS):
        world.tensorrt.fails["set_input_shape"] = False
        with pytest.raises(InferenceError, match=r"can't take \[1, 3, 32, 96\]"):
            network.run(images(width=96))
    for _ in range(SLOTS):
        check(images(), network.run(images()))


@pytest.mark.parametrize("call", ["mem_alloc", "pagelocked_empty"])
def test_memory_that_runs_out_is_told_and_what_there_was_is_given_back(world, call):
    network = world.network()
    world.cuda.breaks[call] = world.cuda.MemoryError("out of memory")
    with pytest.raises(InferenceError, match="not enough memory"):
        network.run(images())
    for _ in range(SLOTS):
        check(images(), network.run(images()))
    assert alive(world)["_PagelockedHostAllocation"] == 3 * SLOTS
    assert alive(world)["_DeviceAllocation"] == 3 * SLOTS


def test_an_exception_in_the_middle_ends_the_gpu_for_all_of_its_networks():
    world = TensorRtWorld()
    one, other = world.network(), world.network()
    one.run(images())
    world.cuda.breaks["memcpy_dtoh_async"] = world.cuda.LaunchError("unspecified launch failure")
    with pytest.raises(LostGpuError, match="failed for good: unspecified launch failure"):
        one.run(images())
    with pytest.raises(LostGpuError, match="failed for good"):
        other.run(images())
    one.close()
    world.gpu.close()
    gc.collect()
    assert not world.cuda.violations


def test_what_is_not_finite_is_refused_by_who_reads_it(world, manifest, model):
    network = world.network(world.plan(model, sizes=((64, 64),)))
    decoder, fit = decoder_for(manifest), Letterbox.fit((64, 64), manifest.input)
    assert len(decoder.decode(network.run(images(1, 64, 64)), fit)) == 0
    world.tensorrt.nans = True
    with pytest.raises(InferenceError, match="finite"):
        decoder.decode(network.run(images(1, 64, 64)), fit)


def test_a_gpu_that_does_not_answer_is_an_error_in_time():
    with tensorrt_world(limit_s=0.3) as world:
        network = world.network()
        world.cuda.stuck.set()
        for _ in range(2):
            with pytest.raises(LostGpuError, match=r"did not answer within 0\.3 s"):
                network.run(images())
        world.cuda.stuck.clear()


# The end.


def test_a_closed_network_runs_no_more_and_frees_what_it_had(world):
    network = world.network()
    network.run(images())
    network.run_timed(images())
    network.close()
    network.close()
    gc.collect()
    left = alive(world)
    del left["_DeviceAllocation"]  # which is kept for others
    assert left == {"Stream": 1, "Event": 1}
    assert world.gpu.do(lambda work: work.memory.lent_bytes) == 0
    with pytest.raises(InferenceError, match="the network was closed"):
        network.run(images())


def test_a_run_under_way_is_done_before_its_network_is_closed(world):
    network = world.network()
    with ThreadPoolExecutor(3) as pool:
        world.cuda.stuck.set()
        run = pool.submit(network.run, images())
        while "record" not in world.cuda.calls:
            pass
        closing = pool.submit(network.close)
        world.cuda.stuck.clear()
        closing.result(10)
        check(images(), run.result(10))


def test_a_gpu_that_is_closed_first_takes_its_networks_along():
    with tensorrt_world() as world:
        network = world.network()
        network.run(images())
        world.gpu.close()
        with pytest.raises(InferenceError, match="the GPU was closed"):
            network.run(images())
        network.close()


def test_a_network_that_nobody_closes_dies_where_it_should():
    with tensorrt_world() as world:
        network = world.network()
        network.run(images())
        del network
        gc.collect()
