"""Memory of a GPU is lent again, and given back where too much of it is idle."""

import numpy as np
import pytest
from simulated_cuda import SimulatedCuda
from simulated_gpu import opened_gpu

from models.errors import InferenceError
from models.runtime.cuda.memory import MOST_SPARE_BYTES


def allocs(world):
    return world.calls.count("mem_alloc"), world.calls.count("free")


def test_what_was_given_back_is_lent_to_the_next_who_asks_for_as_much():
    world = SimulatedCuda()
    with opened_gpu(b"", world) as gpu:

        def work(work):
            first = work.alloc(1_000_000)
            other = work.alloc(1_000_000)
            assert first != other
            work.free(first)
            assert work.alloc(990_000) == first
            assert work.alloc(500_000) not in (first, other)
            return work.memory.lent()

        left = gpu.do(work)
        assert allocs(world) == (3, 0)
        for address in left:
            gpu.do(lambda work, address=address: work.free(address))
        assert gpu.do(lambda work: work.memory.lent_bytes) == 0
        assert gpu.do(lambda work: work.memory.spare_bytes) >= 2_490_000


@pytest.mark.parametrize("size", [1, 255, 256, 257, 4096, 1_382_400, 3_110_400, 99_999_999])
def test_at_most_an_eighth_is_wasted(size):
    with opened_gpu(b"") as gpu:

        def work(work):
            address = work.alloc(size)
            lent = work.memory.lent_bytes
            work.free(address)
            return lent

        assert size <= gpu.do(work) <= max(size + 255, size * 9 / 8)


def test_memory_keeps_what_was_asked_of_it_until_that_is_done():
    """It is lent anew before the copy out of it was waited for, and filled only after that."""
    with opened_gpu(b"") as gpu:

        def work(work):
            ones, twos = np.full(500, 1, np.uint8), np.full(500, 2, np.uint8)
            first, kept = work.alloc(500), work.pinned((500,), np.uint8)
            work.upload(first, ones)
            work.fetch(kept, first)
            work.free(first)
            assert work.alloc(500) == first
            work.upload(first, twos)
            work.finish()
            seen = kept.copy()
            work.unpin(kept)
            work.free(first)
            return seen

        assert (gpu.do(work) == 1).all()


def test_what_would_be_too_much_to_keep_is_given_back():
    world = SimulatedCuda()
    with opened_gpu(b"", world) as gpu:

        def work(work):
            held = [work.alloc(MOST_SPARE_BYTES // 4) for _ in range(6)]
            for address in held:
                work.free(address)
            return work.memory.spare_bytes

        assert gpu.do(work) == MOST_SPARE_BYTES
        assert allocs(world) == (6, 2)


def test_what_is_kept_is_given_back_before_memory_runs_out():
    world = SimulatedCuda(memory_bytes=3_000_000)
    with opened_gpu(b"", world) as gpu:

        def work(work):
            work.free(work.alloc(2_000_000))
            address = work.alloc(2_500_000)
            with pytest.raises(InferenceError, match="not enough memory on the GPU: 2 MiB more"):
                work.alloc(2_000_000)
            work.free(address)

        gpu.do(work)
    assert world._free_bytes == 3_000_000
