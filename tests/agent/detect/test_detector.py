"""A network that is fed from planes."""

import threading

import numpy as np
import pytest
from worlds import HandClock, grey_frame, until

from agent.detect.detector import NetworkDetector
from models.decode.yolo_seg import YoloSegDecoder
from models.errors import InferenceError
from models.feeding import Feeding, Feedings
from models.input_buffer import InputBuffer
from models.input_spec import InputSpec
from models.preprocess import Letterbox, rgb_from_yuv
from models.runtime.choose import Chosen

SQUARE = (64, 64)
SIZES = (SQUARE, (64, 32), (32, 64))


class OneBox:
    """A network that claims one box of 16 px in the middle of its input, or NaN.

    Attributes:
        images: copies of what it was fed.
        memory: where each of them lay.
    """

    def __init__(self, value=0.8):
        self.images, self.memory = [], []
        self._value = value

    def run(self, image):
        self.images.append(image.copy())
        self.memory.append(image)
        height, width = image.shape[2:]
        predictions = np.zeros((1, 37, 84), np.float32)
        predictions[0, :5, 0] = width / 2, height / 2, 16, 16, self._value
        predictions[0, 5, 0] = 9
        return predictions, np.ones((1, 32, height // 4, width // 4), np.float32)

    @property
    def sizes(self):
        return [image.shape[:1:-1] for image in self.images]


class HangsFirst(OneBox):
    """Its first run ends when it is let go; what that was fed is looked at again then."""

    def __init__(self):
        super().__init__()
        self._lock = threading.Lock()
        self.began, self.let_go, self.untouched = threading.Event(), threading.Event(), []

    def run(self, image):
        with self._lock:
            first = not self.began.is_set()
            self.began.set()
        if first:
            before = image.copy()
            assert self.let_go.wait(timeout=30)
            self.untouched.append(np.array_equal(image, before))
        return super().run(image)


def network_detector(network, sizes=(SQUARE,)):
    specs = [InputSpec(width=width, height=height) for width, height in sizes]
    chosen = Chosen(network, "fp32", 64 * "0", "numbers", "there is no other")
    feedings = Feedings([Feeding(spec, YoloSegDecoder(spec, 1)) for spec in specs])
    return NetworkDetector(chosen, feedings, 0.1)


def noise(width, height, seed=0):
    luma = np.random.default_rng(seed).integers(16, 236, (height, width), np.uint8)
    return grey_frame(luma, seed)


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


class DogOrSheep(OneBox):
    """A network that is not sure: 0.44 a dog (0), 0.5 a sheep (1)."""

    def run(self, image):
        predictions, prototypes = super().run(image)
        second = np.insert(predictions, 5, 0, axis=1)
        second[0, 4:6, 0] = 0.44, 0.5
        return second, prototypes


def test_whoever_hides_dogs_hides_what_may_be_a_sheep(world):
    """And whoever hides sheep hides it, too: streams share a detector."""
    spec = InputSpec(width=64, height=64)
    chosen = Chosen(DogOrSheep(), "fp32", 64 * "0", "numbers", "there is no other")
    feedings = Feedings([Feeding(spec, YoloSegDecoder(spec, 2))])
    detector = NetworkDetector(chosen, feedings, 0.1)
    assert detector.detect(world.frame(0)).classes.tolist() == [1]
    detector.sought |= {frozenset({0})}
    assert detector.detect(world.frame(0)).classes.tolist() == [1, 0]
    detector.sought |= {frozenset({1})}
    assert detector.detect(world.frame(0)).classes.tolist() == [1, 0]


def test_each_frame_is_fed_at_the_size_that_suits_it():
    """At the same scale as in the square, and read in its own coordinates."""
    network = OneBox()
    detector = network_detector(network, SIZES)
    for size in [(160, 80), (160, 120), (80, 160), (160, 80), (128, 128)]:
        (box,) = detector.detect(noise(*size)).boxes.tolist()
        middle = [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2]
        assert middle == pytest.approx([size[0] / 2, size[1] / 2], abs=1)
        assert box[2] - box[0] == pytest.approx(16 / 64 * max(size), abs=1)
    assert network.sizes == [(64, 32), (64, 64), (32, 64), (64, 32), (64, 64)]


def test_a_frame_is_fed_the_same_whatever_was_fed_before():
    """By way of memory that is used again for every frame of a size."""
    network, spec = OneBox(), InputSpec(width=64, height=64)
    detector = network_detector(network)
    frames = [noise(*size, seed) for seed, size in enumerate([(160, 90), (90, 160), (160, 90)] * 2)]
    for frame in frames:
        detector.detect(frame)
    for frame, fed in zip(frames, network.images, strict=True):
        fit = Letterbox.fit(frame.size, spec)
        rgb = rgb_from_yuv(frame.planes, fit.inner, "bt601", full_range=False)
        np.testing.assert_array_equal(fed, InputBuffer(spec).fill(rgb, fit))
    assert all(np.shares_memory(network.memory[0], memory) for memory in network.memory)


def test_streams_of_other_shapes_share_one_network(pool_of):
    """16:9, 4:3 and upright, on two workers at once: each is fed at its size and reads its own."""
    network = OneBox()
    pool = pool_of(network_detector(network, SIZES), workers=2)
    shapes = {"wide": (160, 80), "old": (160, 120), "upright": (80, 160)}
    lanes = {name: pool.lane(name) for name in shapes}
    tickets = [
        (name, lanes[name].submit(noise(*shapes[name], seed)))
        for seed in range(20)
        for name in shapes
    ]
    for name, ticket in tickets:
        (sighting,) = lanes[name].wait(ticket).sightings
        x0, y0, x1, y1 = sighting.outline.bounds
        width, height = shapes[name]
        assert [(x0 + x1) / 2, (y0 + y1) / 2] == pytest.approx([width / 2, height / 2], abs=1)
    assert {size: network.sizes.count(size) for size in SIZES} == dict.fromkeys(SIZES, 20)


def test_a_stream_whose_frames_change_their_shape_is_fed_at_another_size(pool_of):
    network = OneBox()
    lane = pool_of(network_detector(network, SIZES)).lane("camera")
    for size in [(160, 80)] * 2 + [(80, 160)] * 2:
        assert lane.wait(lane.submit(noise(*size))).fault is None
    assert network.sizes == [(64, 32)] * 2 + [(32, 64)] * 2


def test_a_worker_that_hangs_keeps_its_memory_to_itself(pool_of):
    """Its replacement writes elsewhere while the hung run may still read."""
    network, clock = HangsFirst(), HandClock()
    pool = pool_of(network_detector(network), 1, clock)
    lane = pool.lane("camera")
    hung = lane.submit(noise(160, 90, 0))
    assert network.began.wait(timeout=30)
    clock.turn(20.0)
    assert lane.wait(hung).fault == "detector timed out"
    for seed in (1, 2):
        assert lane.wait(lane.submit(noise(160, 90, seed))).fault is None
    network.let_go.set()
    until(lambda: network.untouched)
    assert network.untouched == [True]
    until(lambda: len(network.memory) == 3)
    *ours, theirs = network.memory
    assert np.shares_memory(*ours)
    assert not np.shares_memory(ours[0], theirs)
