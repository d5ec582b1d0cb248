"""A network that is fed from planes."""

import numpy as np
import pytest

from agent.detect.detector import NetworkDetector
from models.decode import YoloSegDecoder
from models.errors import InferenceError
from models.preprocess import InputSpec
from models.runtime.choose import Chosen


class OneBox:
    """A network that claims one box in the middle of its 64 px input, or NaN."""

    def __init__(self, value=0.8):
        self.images = []
        self._outputs = np.zeros((1, 37, 84), np.float32), np.ones((1, 32, 16, 16), np.float32)
        self._outputs[0][0, :5, 0] = 32, 32, 16, 16, value
        self._outputs[0][0, 5, 0] = 9

    def run(self, image):
        self.images.append(image)
        return self._outputs


def network_detector(network):
    spec = InputSpec(height=64, width=64)
    chosen = Chosen(network, "fp32", 64 * "0", "numbers", "there is no other")
    return NetworkDetector(chosen, YoloSegDecoder(spec, 1), spec, 0.1)


def test_a_network_is_fed_and_read_in_the_coordinates_of_the_frame(world):
    network = OneBox()
    found = network_detector(network).detect(world.frame(0))
    (image,) = network.images
    assert image.shape == (1, 3, 64, 64)
    assert image.dtype == np.float32
    # 160x96 fits into 64x64 at 0.4, so the input's middle is the frame's.
    assert found.boxes.round().tolist() == [[60, 28, 100, 68]]
    assert found.masks is not None


def test_a_network_that_gives_nan_gives_no_result(world):
    with pytest.raises(InferenceError, match="finite"):
        network_detector(OneBox(float("nan"))).detect(world.frame(0))
