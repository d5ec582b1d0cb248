"""What a network's tensors were seen to be is what they are, whatever the images' sizes and number."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

from distill.quantize.histograms import BINS, Histograms
from distill.quantize.ranges import collect_histograms, collect_ranges
from models.errors import ModelError
from models.runtime.onnxruntime import OnnxRuntimeNetwork
from tests.distill.quantize.small import fed, small

ROOT = Path(__file__).resolve().parents[3]
BATCHES = [fed(0), fed(1, 96, 64), fed(2, 32, 160)]
COMPUTED = ("stem", "two", "right", "grown", "scores", "prototypes")


@pytest.fixture(scope="module")
def model():
    return small()


@pytest.fixture(scope="module")
def found(model):
    return collect_histograms(model, BATCHES)


@pytest.fixture(scope="module")
def values(model):
    """All values of some tensors, over all images."""
    proto = onnx.load_from_string(model)
    del proto.graph.output[:]
    proto.graph.output.extend(helper.make_tensor_value_info(name, 1, None) for name in COMPUTED)
    network = OnnxRuntimeNetwork(proto.SerializeToString(), outputs=COMPUTED)
    runs = [[batch, *network.run(batch)] for batch in BATCHES]
    names = ("images", *COMPUTED)
    return {name: np.concatenate([run[i].ravel() for run in runs]) for i, name in enumerate(names)}


def test_every_float_tensor_is_looked_at(model, found):
    made = {name for node in onnx.load_from_string(model).graph.node for name in node.output}
    assert set(found.extremes) == set(found.counts) == made | {"images"}


def test_extremes_and_histograms_are_those_of_all_values(found, values):
    for name, every in values.items():
        seen = found.extremes[name]
        assert (seen.low, seen.high) == (every.min(), every.max()), name
        counts = found.counts[name]
        assert counts.sum() == every.size, name
        exact, _ = np.histogram(every.astype(np.float64), BINS, (seen.low, seen.high))
        # A value at an edge may fall on either side of it.
        assert np.abs(counts.cumsum() - exact.cumsum()).max() <= 1e-3 * every.size + 1, name


def test_the_greatest_size_is_what_memory_must_hold(found):
    assert found.extremes["images"].size == 3 * 64 * 96
    assert found.extremes["prototypes"].size == 4 * 64 * 96


def test_ranges_are_those_of_the_histograms(model, found):
    assert collect_ranges(model, BATCHES) == found.ranges()
    assert collect_ranges(model, BATCHES, method="minmax") == found.ranges("minmax")


def test_few_tensors_at_a_time_see_the_same_in_more_passes(model, found):
    told = []
    again = collect_histograms(
        model, BATCHES, progress=lambda *step: told.append(step), group_bytes=300_000
    )
    assert again.extremes == found.extremes
    assert {n: c.tolist() for n, c in again.counts.items()} == {
        n: c.tolist() for n, c in found.counts.items()
    }
    assert told[:3] == [(1, 3), (2, 3), (3, 3)]
    assert len(told) > 3 * 3


def test_a_run_goes_on_from_what_was_kept(model, found):
    kept = []
    collect_histograms(
        model, BATCHES, group_bytes=300_000, keep=lambda h: kept.append(h.to_bytes())
    )
    assert len(kept) > 3
    passes = []
    for state in kept:
        told = []
        again = collect_histograms(
            model,
            BATCHES,
            start=Histograms.from_bytes(state),
            progress=lambda *step, told=told: told.append(step),
            group_bytes=300_000,
        )
        assert again.ranges() == found.ranges()
        passes.append(len(told) / 3)
    assert passes == [*range(len(kept) - 1, -1, -1)]


def test_a_network_that_breaks_on_an_image_is_said_to(model):
    spoilt = fed(0)
    spoilt[0, 0, 0, 0] = np.inf
    with pytest.raises(ModelError, match="'images' is not finite"):
        collect_ranges(model, [fed(1), spoilt])


PEAK = """
import sys
from pathlib import Path
from distill.quantize.ranges import collect_ranges
from tests.distill.quantize.small import fed, small

class Batches:
    def __len__(self):
        return int(sys.argv[1])
    def __iter__(self):
        return (fed(seed, 320, 320) for seed in range(len(self)))

collect_ranges(small(), Batches())
print(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_images():
    """All tensors of an image of 320 px are 25 MB here: of 32 more, 800 MB."""

    def peak_mb(images):
        done = subprocess.run(
            [sys.executable, "-c", PEAK, str(images)],
            env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
            check=True,
            capture_output=True,
            text=True,
        )
        return int(done.stdout) / 1024

    few, many = peak_mb(4), peak_mb(36)
    assert many - few < 100
