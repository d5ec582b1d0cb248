"""One encoder thread where detection is what a frame waits for, and only there."""

from dataclasses import replace
from fractions import Fraction

import pytest
from recording import INFO

from agent.encoder_threads import AS_ENCODER_LIKES, encoder_threads
from agent.settings import BlurSettings
from models.input_spec import InputSpec
from models.manifest import NetworkSpec

HD = replace(INFO, width=1280, height=720, frame_rate=Fraction(24))
SQUARE, FITTED = InputSpec(width=640, height=640), InputSpec(width=640, height=384)
SMALL = InputSpec(width=320, height=192)
FP32, FP16, UINT8 = ("fp32", 13_800_000), ("fp16", 6_900_000), ("uint8", 4_300_000)
TWO, FOUR = 2, 4


def threads(network, fed, cores, info=HD, **asked):
    role, size = network
    file = NetworkSpec(path="model.onnx", bytes=size, sha256="0" * 64)
    return encoder_threads(BlurSettings(**asked), info, (role, file), fed, cores)


@pytest.mark.parametrize(
    ("network", "fed", "cores", "expected"),
    [
        (FP32, SQUARE, 1, 1),
        (FP32, SQUARE, TWO, 1),
        (FP32, FITTED, TWO, 1),
        (FP16, SQUARE, TWO, 1),  # as much work, in half the bytes
        (UINT8, SMALL, 1, 1),
        (UINT8, SMALL, TWO, AS_ENCODER_LIKES),
        (FP32, SQUARE, FOUR, AS_ENCODER_LIKES),
    ],
)
def test_detection_is_waited_for_or_it_is_not(network, fed, cores, expected):
    assert threads(network, fed, cores) == expected


def test_it_depends_on_how_often_the_detector_looks_and_at_how_large_a_picture():
    assert threads(FP32, SQUARE, FOUR, every=1) == 1
    assert threads(FP32, SQUARE, TWO, every=30, max_gap_s=9) == AS_ENCODER_LIKES
    assert threads(FP32, SQUARE, TWO, replace(HD, width=3840, height=2160)) == AS_ENCODER_LIKES


@pytest.mark.parametrize("asked", [{"preset": "slow"}, {"codec": "hevc"}])
def test_what_was_not_measured_is_left_to_the_encoder(asked):
    assert threads(FP32, SQUARE, TWO, **asked) == AS_ENCODER_LIKES
