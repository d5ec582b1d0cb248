"""Pictures that a GPU decoded stay there if they are as the first one is; else they are fetched.

No GPU is at hand: a picture is PyAV's, in all that is asked of it, with its planes on the simulated
GPU.
"""

from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
import pytest

from agent.errors import InputError
from agent.frames.cpu_frame import CpuFrame, planes_of
from agent.frames.cuda_frame import CudaFrame
from agent.video.crop import NO_CROP, Crop
from agent.video.cuda_context import cuda_context
from agent.video.decoder import Decoder
from agent.video.decoders import Decoders
from agent.video.frame_maker import FrameMaker
from agent.video.packets import Packets
from agent.video.picture_times import PictureTimes
from agent.video.sound import Sound

pytestmark = pytest.mark.slow  # g++ compiles the kernels first

SIZE = (64, 48)
PITCH = 96


class Times:
    time_base = Fraction(1, 25)

    def given(self, _picture):
        return 7, 1


@dataclass
class Plane:
    buffer_ptr: int
    line_size: int = PITCH


class OnGpu:
    """A picture as NVDEC leaves it, and the same in main memory, which a reformatter gives."""

    def __init__(self, picture, addresses, sw_format="nv12"):
        self._here = picture
        self.format, self.sw_format = av.VideoFormat("cuda"), av.VideoFormat(sw_format)
        self.planes = tuple(map(Plane, addresses))

    def __getattr__(self, name):
        return getattr(self._here, name)


def picture_of(size=SIZE, seed=0, colorspace=1):
    width, height = size
    pixels = np.random.default_rng(seed).integers(0, 256, (height * 3 // 2, width), np.uint8)
    picture = av.VideoFrame.from_ndarray(pixels, "nv12")
    picture.colorspace = colorspace
    return picture, pixels


@pytest.fixture
def memory(simulated_gpu):
    """Room for a picture on the GPU; `put` fills it."""
    room = np.zeros((SIZE[1] * 3 // 2, PITCH), np.uint8)
    address = simulated_gpu.do(lambda work: work.alloc(room.nbytes))

    def put(pixels):
        room[:, : SIZE[0]] = pixels
        simulated_gpu.do(lambda work: work.upload(address, room))
        return address, address + SIZE[1] * PITCH

    yield put
    simulated_gpu.do(lambda work: work.free(address))


def maker(gpu, crop=NO_CROP):
    return FrameMaker(picture_of()[0], Fraction(1), None, crop, Times(), gpu)


def test_a_picture_stays_where_it_was_decoded(simulated_gpu, memory):
    picture, pixels = picture_of(seed=1)
    there = OnGpu(picture, memory(pixels))
    frame = maker(simulated_gpu).frame(there, Fraction(1), None, suspect=True)
    assert isinstance(frame, CudaFrame)
    assert (frame.size, frame.pts, frame.duration, frame.suspect) == (SIZE, 7, 1, True)
    assert frame.owner is there  # or its memory would be the decoder's again
    luma, chroma = planes_of(frame)
    assert np.array_equal(np.concatenate((luma, chroma.reshape(-1, SIZE[0]))), pixels)


ODD = {
    "10 bits": {"sw_format": "p010le"},
    "other colours": {"colorspace": 9},
    "another aspect": {"aspect": Fraction(4, 3)},
    "turned": {"turn": (False, -1)},
    "cropped": {"crop": Crop(left=2)},
    "no GPU": {"gpu": False},
}


@pytest.mark.parametrize("odd", ODD)
def test_what_is_not_as_the_first_one_is_not_taken_as_it_lies(simulated_gpu, memory, odd):
    how = ODD[odd]
    picture, pixels = picture_of(seed=1, colorspace=how.get("colorspace", 1))
    there = OnGpu(picture, memory(pixels), how.get("sw_format", "nv12"))
    made = maker(simulated_gpu if how.get("gpu", True) else None, how.get("crop", NO_CROP))
    aspect, turn = how.get("aspect", Fraction(1)), how.get("turn")
    assert made._where_it_is(there, aspect, turn) is None
    # The same picture in main memory, which PyAV's reformatter makes of it.
    assert isinstance(made.frame(picture, aspect, turn, suspect=False), CpuFrame)


def test_a_scene_opens_where_pictures_have_another_shape_for_a_while(simulated_gpu, memory):
    picture, pixels = picture_of(seed=1)
    there = OnGpu(picture, memory(pixels))
    made = maker(simulated_gpu)
    larger = picture_of((80, 60), seed=2)[0]
    shown = [made.frame(each, Fraction(1), None, suspect=False) for each in (there, larger, there)]
    assert [type(frame) for frame in shown] == [CudaFrame, CpuFrame, CudaFrame]
    assert [frame.opens_scene for frame in shown] == [False, True, True]
    assert {frame.size for frame in shown} == {SIZE}


def test_pictures_stay_only_where_that_was_asked_for_by_name(simulated_gpu):
    for asked in ("auto", "pyav", "gstreamer"):
        assert Decoders(asked, gpu=lambda: simulated_gpu).staying_gpu() is None
    assert Decoders("pyav-cuda", gpu=lambda: simulated_gpu).staying_gpu() is simulated_gpu
    assert Decoders("pyav-cuda").staying_gpu() is None


def test_a_context_that_leaves_pictures_on_the_gpu_needs_one():
    with pytest.raises(InputError, match=r"NVIDIA"):
        cuda_context("h264", stays=True)


class Nvdec:
    """A decoder that leaves every picture on the GPU, interlaced or not."""

    sample_aspect_ratio = Fraction(1)

    def __init__(self, picture):
        self._picture = picture

    def decode(self, _packet):
        return [self._picture]


class Fields(OnGpu):
    interlaced_frame = True


def test_interlaced_pictures_on_the_gpu_are_refused(memory, tmp_path):
    """Both moments in one picture would be looked at, and nothing there can part them."""
    picture, pixels = picture_of()
    addresses = memory(pixels)
    with av.open(str(tmp_path / "clip.mp4"), "w") as clip:
        clip.mux(clip.add_stream("mpeg4", 25, width=64, height=48).encode(picture))
    for kind, refused in ((OnGpu, False), (Fields, True)):
        with av.open(str(tmp_path / "clip.mp4")) as clip:
            stream = clip.streams.video[0]
            packets = Packets(clip, stream, Sound(()))
            times = PictureTimes(clip, stream, packets.start)
            context = Nvdec(kind(picture, addresses))
            decoder = Decoder(stream, packets, times, 1, context)
            if refused:
                with pytest.raises(InputError, match="can't stay on the GPU; --decoder pyav can"):
                    decoder.take()
            else:
                assert decoder.take()[0].format.name == "cuda"
