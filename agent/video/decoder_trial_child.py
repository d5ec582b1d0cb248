"""The child of a decoder's trial: of a stream's first packets, the first picture's luma."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from av.packet import Packet
from av.video.reformatter import VideoReformatter

from agent.errors import InputError
from agent.video.cuda_context import CUDA, cuda_context
from agent.video.decoded import colour_of, planes_of
from agent.video.gstreamer.chain import chains
from agent.video.gstreamer.decoding import decoding
from agent.video.gstreamer.sample import SampleReader
from agent.video.trial_process import LIMIT_S, child_main

if TYPE_CHECKING:
    from agent.frames.encoded import Codec
    from agent.frames.frame import Plane
    from agent.video.gstreamer.chain import Chain

_STEP_NS = 40_000_000


def first_luma(given: list[bytes]) -> list[bytes]:
    """Width and height, and the luma, of the first picture that comes of packets.

    Args:
        given: what is to decode, and the packets.

    Raises:
        InputError: there is none.
    """
    head, *packets = given
    asked = json.loads(head)
    codec: Codec = asked["codec"]
    if asked["way"] == CUDA:
        luma = _by_cuda(codec, packets)
    else:
        chain = next(each for each in chains(codec) if str(each) == asked["way"])
        luma = _by_gstreamer(chain, packets)
    height, width = luma.shape
    return [json.dumps([width, height]).encode(), luma.tobytes()]


def _by_gstreamer(chain: Chain, packets: list[bytes]) -> Plane:
    pipeline = decoding(chain)
    for number, packet in enumerate(packets):
        pipeline.push(packet, number * _STEP_NS)
    pipeline.end()
    sample = pipeline.pull(LIMIT_S)
    if sample is None:
        raise InputError("gave no picture")
    with SampleReader().planes_of(sample) as planes:
        return planes[0].copy()


def _by_cuda(codec: Codec, packets: list[bytes]) -> Plane:
    context = cuda_context(codec)
    for packet in (*map(Packet, packets), None):
        for picture in context.decode(packet):
            colour = colour_of(picture)
            return planes_of(picture, colour, colour, VideoReformatter())[0].copy()
    raise InputError("gave no picture")


if __name__ == "__main__":
    child_main(first_luma)
