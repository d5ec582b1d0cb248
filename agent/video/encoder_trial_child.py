"""The child of an encoder's trial: codes a few smooth pictures."""

from __future__ import annotations

import json
from fractions import Fraction

import numpy as np
from av.video.frame import VideoFrame

from agent.frames.frame import Colour
from agent.video.encoder_picture import EncoderPicture
from agent.video.encoder_trial import PICTURES, ramp
from agent.video.gstreamer.coder import GstCoder
from agent.video.gstreamer.encoder_chain import encoder_chains
from agent.video.trial_process import child_main

_RATE = Fraction(25)
_CRF = 23


def coded(given: list[bytes]) -> list[bytes]:
    """The parameter sets, and each coded picture.

    Raises:
        OutputError: the encoder fails.
    """
    asked = json.loads(given[0])
    chain = next(each for each in encoder_chains(asked["codec"]) if str(each) == asked["way"])
    width, height = asked["size"]
    picture = EncoderPicture(width, height, asked["interleaved"])
    coder = GstCoder(chain, 1 / _RATE, _RATE, Fraction(1), _CRF)
    parts = [coder.open(picture, Colour("bt709", full_range=False), 1)]
    for number in range(PICTURES):
        frame = VideoFrame(width, height, picture.pixel_format)
        for at, plane in enumerate(frame.planes):
            rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
            rows[:] = 128
            if not at:
                rows[:height, :width] = ramp(width, height, number)
        frame.pts = number
        parts += [bytes(each.data) for each in coder.encode(frame)]
    return [*parts, *(bytes(each.data) for each in coder.encode(None))]


if __name__ == "__main__":
    child_main(coded)
