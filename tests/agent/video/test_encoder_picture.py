"""Planes that lie as one buffer reach the encoder without a copy; all others are copied right."""

from fractions import Fraction

import numpy as np
import pytest

from agent.frames.cpu_frame import CpuFrame
from agent.frames.frame import Colour
from agent.frames.redacted import _SEAL, RedactedFrame
from agent.video.encoder_picture import EncoderPicture

AREA = 8 * 4


def redacted(*planes):
    colour = Colour("bt601", full_range=False)
    return RedactedFrame(_SEAL, CpuFrame(planes, 0, 0, Fraction(1, 25), colour), planes)


def packed_i420(buffer):
    y, u, v = np.split(buffer.reshape(-1), [AREA, AREA + AREA // 4])
    return redacted(y.reshape(4, 8), u.reshape(2, 4), v.reshape(2, 4))


def packed_nv12(buffer):
    y, uv = np.split(buffer.reshape(-1), [AREA])
    return redacted(y.reshape(4, 8), uv.reshape(2, 4, 2))


def pixels_of(picture):
    return [np.asarray(memoryview(plane)).reshape(-1, plane.line_size) for plane in picture.planes]


@pytest.mark.parametrize("make", [packed_i420, packed_nv12])
@pytest.mark.parametrize("shape", [(6, 8), (48,)])
def test_packed_planes_are_wrapped(make, shape):
    buffer = np.arange(48, dtype=np.uint8)
    frame = make(buffer.reshape(shape))
    picture = EncoderPicture.around((8, 4), interleaved=make is packed_nv12).wrap(frame)
    buffer += 100
    for plane, mine in zip(pixels_of(picture), frame.planes, strict=True):
        assert plane[:, : mine.shape[1]].ravel()[0] == mine.ravel()[0] >= 100


def test_planes_from_several_buffers_are_copied():
    y, u, v = (np.full(shape, 9, np.uint8) for shape in ((4, 8), (2, 4), (2, 4)))
    picture = EncoderPicture.around((8, 4), interleaved=False).wrap(redacted(y, u, v))
    y += 1
    assert pixels_of(picture)[0][:, :8].max() == 9


def test_planes_of_one_buffer_in_another_order_are_copied_right():
    buffer = np.arange(48, dtype=np.uint8)
    y, u, v = packed_i420(buffer).planes
    picture = EncoderPicture.around((8, 4), interleaved=False).wrap(redacted(y, v, u))
    _, first, second = pixels_of(picture)
    assert np.array_equal(first[:, :4], v)
    assert np.array_equal(second[:, :4], u)


def test_padded_rows_are_copied_without_their_padding():
    wide = np.arange(4 * 20, dtype=np.uint8).reshape(4, 20)
    half = np.zeros((2, 4), np.uint8)
    picture = EncoderPicture.around((8, 4), interleaved=False).wrap(
        redacted(wide[:, :8], half, half)
    )
    assert np.array_equal(pixels_of(picture)[0][:, :8], wide[:, :8])


@pytest.mark.parametrize("height", [2, 4, 6, 10, 12, 18])
@pytest.mark.parametrize("interleaved", [False, True])
def test_no_height_is_cut(height, interleaved):
    y, uv = np.split(np.arange(12 * height, dtype=np.uint8), [8 * height])
    half = (height // 2, 4)
    if interleaved:
        planes = [y.reshape(height, 8), uv.reshape(*half, 2)]
    else:
        planes = [y.reshape(height, 8), *uv.reshape(2, *half)]
    picture = EncoderPicture.around((8, height), interleaved=interleaved).wrap(redacted(*planes))
    assert (picture.width, picture.height) == (8, height)
    for plane, mine in zip(pixels_of(picture), planes, strict=True):
        flat = mine.reshape(mine.shape[0], -1)
        assert np.array_equal(plane[:, : flat.shape[1]], flat)
