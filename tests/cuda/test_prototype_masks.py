"""Masks that a GPU makes of prototypes are those that the CPU makes, to a level in 255."""

import cv2
import numpy as np
import pytest

from models.input_spec import InputSpec
from models.masks import OUTLINE_PROBABILITY, masks_from_prototypes
from models.preprocess import Letterbox
from models.runtime.cuda.prototype_masks import GpuMasks, _Image

pytestmark = pytest.mark.slow  # g++ compiles the kernels first

MOST_OFF, MOST_CROSSED = (1, 1e-5) if int(cv2.__version__.split(".")[0]) >= 5 else (32, 1e-3)
"""In levels of 255, and as a share of pixels. Before OpenCV 5 the CPU reads at 1/32 of a cell; since
then none of 8 million pixels crossed, but the last bit of a logit is each CPU's own affair."""

SPEC = InputSpec(height=384, width=640)
STRIDE = (4.0, 4.0)


def objects(size, count, seed):
    """Prototypes of soft blobs, and rectangles that begin and end anywhere in the image."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[: SPEC.height // 4, : SPEC.width // 4]
    prototypes = np.stack(
        [
            4 * np.cos((rows * a + columns * b) / 9 + c)
            for a, b, c in random.uniform(-1, 1, (32, 3)) * (1, 1, 9)
        ]
    ).astype(np.float32)
    coefficients = random.normal(0, 0.6, (count, 32)).astype(np.float32)
    coefficients[0] *= 40  # far beyond the limit of logits
    rectangles = []
    for _ in range(count):
        (x0, x1), (y0, y1) = (np.sort(random.integers(0, side + 1, 2)) for side in size)
        x0, y0 = min(x0, size[0] - 1), min(y0, size[1] - 1)
        rectangles.append((int(x0), int(y0), max(int(x1), int(x0) + 1), max(int(y1), int(y0) + 1)))
    return prototypes, coefficients, rectangles


def made_on(gpu, asked):
    """However small they are."""
    return gpu.do(_Image(*asked).masks)


@pytest.mark.parametrize("size", [(1280, 720), (853, 481), (641, 361), (64, 900), (2, 2), (1, 1)])
def test_masks_are_the_cpus_to_a_level(simulated_gpu, size):
    """And they hide the same: 50 objects a size."""
    fit = Letterbox.fit(size, SPEC)
    asked = (*objects(size, 50, seed=size[0]), fit, STRIDE)
    ours, theirs = made_on(simulated_gpu, asked), masks_from_prototypes(*asked)
    crossed = 0
    for mine, other in zip(ours, theirs, strict=True):
        assert (mine.x, mine.y, mine.pixels.shape) == (other.x, other.y, other.pixels.shape)
        assert np.abs(mine.pixels.astype(int) - other.pixels).max() <= MOST_OFF
        one, another = (mask.pixels >= OUTLINE_PROBABILITY for mask in (mine, other))
        crossed += np.count_nonzero(one != another)
    assert crossed <= sum(mask.pixels.size for mask in theirs) * MOST_CROSSED
    if min(size) > 50:
        shares = [(mask.pixels >= OUTLINE_PROBABILITY).mean() for mask in theirs]
        assert 0.1 < np.mean(shares) < 0.9  # else nothing was compared


def test_what_is_small_is_left_to_the_cpu(simulated_gpu, simulated_cuda):
    """Nothing at all, too."""
    fit = Letterbox.fit((1280, 720), SPEC)
    prototypes, coefficients, _ = objects((1280, 720), 2, 0)
    for rectangles in ([], [(0, 0, 300, 400), (5, 5, 15, 25)]):
        few = coefficients[: len(rectangles)]
        masks = GpuMasks(simulated_gpu)(prototypes, few, rectangles, fit, STRIDE)
        assert len(masks) == len(rectangles)
    assert "launch" not in simulated_cuda.calls
    GpuMasks(simulated_gpu)(prototypes, coefficients[:1], [(0, 0, 500, 400)], fit, STRIDE)
    assert simulated_cuda.calls.count("launch") == 2
