"""Frames on a simulated GPU, from those in main memory."""

from __future__ import annotations

import itertools
from contextlib import contextmanager

import av
import numpy as np

from agent.frames.cpu_frame import CpuFrame
from agent.frames.cuda_frame import CudaFrame
from agent.frames.frame import Colour

PADDING_BYTE = 77


def put(frame, gpu, work, memory, padding=13):
    """A frame on the GPU, with rows that are longer than it is wide, and in `memory` its bytes."""
    luma, chroma = frame.planes
    width = luma.shape[1]
    pitch = width + width % 2 + padding
    memory += [np.full((len(plane), pitch), PADDING_BYTE, np.uint8) for plane in frame.planes]
    memory[0][:, :width] = luma
    memory[1][:, : chroma.shape[1] * 2] = chroma.reshape(len(chroma), -1)
    addresses = [work.alloc(plane.nbytes) for plane in memory]
    for address, plane in zip(addresses, memory, strict=True):
        work.upload(address, plane)
    times = frame.index, frame.pts, frame.time_base
    return CudaFrame(gpu, *addresses, pitch, frame.size, memory, *times, frame.colour)


@contextmanager
def on_gpu(frame, gpu):
    """The same picture on a GPU; in the end it must be what it was."""
    memory = []
    there = gpu.do(lambda work: put(frame, gpu, work, memory))

    def give_back(work):
        for address, plane in zip((there.luma, there.chroma), memory, strict=True):
            now = np.empty_like(plane)
            work.download(now, address)
            work.free(address)
            assert np.array_equal(now, plane), "a decoder's frame was written into"

    try:
        yield there
    finally:
        gpu.do(give_back)


def real_frames(path, count):
    """Every 20th frame of a clip, as NV12."""
    with av.open(str(path)) as clip:
        for number, picture in enumerate(itertools.islice(clip.decode(video=0), 0, None, 20)):
            if number == count:
                return
            nv12 = picture.reformat(format="nv12").to_ndarray()
            height, width = picture.height, picture.width
            planes = nv12[:height], nv12[height:].reshape(height // 2, width // 2, 2)
            colour = Colour("bt709", full_range=False)
            yield CpuFrame(planes, number, picture.pts, picture.time_base, colour)
