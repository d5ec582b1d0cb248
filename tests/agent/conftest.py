"""Decoded pictures, as a decoder hands them over: padded rows, and not ours to write; a street."""

from fractions import Fraction

import numpy as np
import pytest
from worlds import Thing, World, linear

from agent.frames.cpu_frame import CpuFrame
from agent.frames.frame import Colour


def padded_and_read_only(pixels):
    height, width, *channels = pixels.shape
    memory = np.full((height, width + 5, *channels), 77, np.uint8)
    memory[:, :width] = pixels
    memory.setflags(write=False)
    return memory[:, :width]


def frame_of(planes, colour=None):
    colour = colour or Colour("bt709", full_range=False)
    planes = tuple(map(padded_and_read_only, planes))
    return CpuFrame(planes, 7, 7000, Fraction(1, 1000), colour)


def noise_frame(size, layout="I420", seed=0, colour=None):
    """A picture of noise; both layouts of one seed show the same picture."""
    random = np.random.default_rng(seed)
    width, height = size
    half = (height + 1) // 2, (width + 1) // 2
    y, u, v = (random.integers(0, 256, shape, np.uint8) for shape in ((height, width), half, half))
    planes = (y, u, v) if layout == "I420" else (y, np.dstack([u, v]))
    return frame_of(planes, colour)


@pytest.fixture(scope="session")
def make_noise():
    return noise_frame


@pytest.fixture(scope="session")
def make_frame():
    return frame_of


@pytest.fixture
def street():
    """A person and a car that go their ways, each of a brightness of its own."""
    return World(
        Thing(linear(10, 8, 2), luma=200),
        Thing(linear(100, 60, -1), luma=230, class_id=1),
        frames=60,
        size=(200, 96),
    )
