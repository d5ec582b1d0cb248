"""A picture on a GPU becomes the very input that a picture in main memory becomes."""

import itertools

import numpy as np
import pytest

from models.input_buffer import InputBuffer
from models.input_spec import InputSpec
from models.preprocess import Letterbox, rgb_from_yuv
from models.runtime.cuda.network_input import YuvOnGpu, feed

pytestmark = pytest.mark.slow  # g++ compiles the kernels first

SIZES = [(1280, 720), (853, 481), (641, 361), (2, 2), (1, 1), (320, 192), (96, 1000)]
SPECS = {
    "centre": InputSpec(height=384, width=640),
    "square": InputSpec(height=320, width=320, std=(1.0, 1.0, 1.0), pad_value=0),
    "corner": InputSpec(
        height=320,
        width=640,
        colour="bgr",
        mean=(103.53, 116.28, 123.675),
        std=(57.375, 57.12, 58.395),
        letterbox="corner",
    ),
    "stretch": InputSpec(height=96, width=160, letterbox="stretch"),
}


def picture(size, seed=0):
    """Y, U and V: noise on a slope, so that both large and small steps occur."""
    random = np.random.default_rng(seed)
    width, height = size
    for shape in ((height, width), *[((height + 1) // 2, (width + 1) // 2)] * 2):
        slope = np.linspace(0, 255, shape[1]) * np.linspace(0.2, 1, shape[0])[:, None]
        yield (slope + random.normal(0, 25, shape)).clip(0, 255).astype(np.uint8)


def padded(plane, by):
    return np.ascontiguousarray(np.pad(plane, ((0, 0), (0, by)), constant_values=77))


def on_cpu(planes, size, spec, matrix, *, full_range):
    fit = Letterbox.fit(size, spec)
    rgb = rgb_from_yuv(planes, fit.inner, matrix, full_range=full_range)
    return InputBuffer(spec).fill(rgb, fit)


def on_gpu(gpu, planes, size, spec, matrix, *, full_range):
    rows = [
        padded(plane.reshape(len(plane), -1), by)
        for plane, by in zip(planes, (5, 3, 3), strict=False)
    ]
    made = np.empty((1, 3, spec.height, spec.width), np.float32)

    def work(work):
        held = [work.alloc(row.nbytes) for row in rows]
        for address, row in zip(held, rows, strict=True):
            work.upload(address, row)
        luma, u, *rest = held
        step, v = (1, rest[0]) if rest else (2, u + 1)
        pitches = [row.shape[1] for row in rows]
        seen = YuvOnGpu(size, luma, pitches[0], u, v, pitches[1], step, matrix, full_range)
        held.append(work.alloc(made.nbytes))
        feed(work, seen, Letterbox.fit(size, spec), spec, held[-1])
        work.download(made, held[-1])
        for address in held:
            work.free(address)

    gpu.do(work)
    return made


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("layout", ["I420", "NV12"])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_the_input_is_the_cpus_to_the_bit(simulated_gpu, size, layout, spec):
    y, u, v = picture(size)
    planes = (y, u, v) if layout == "I420" else (y, np.dstack([u, v]))
    for matrix, full_range in itertools.product(("bt601", "bt709", "bt2020"), (False, True)):
        args = planes, size, SPECS[spec], matrix
        ours = on_gpu(simulated_gpu, *args, full_range=full_range)
        theirs = on_cpu(*args, full_range=full_range)
        assert np.array_equal(ours.view(np.uint32), theirs.view(np.uint32)), (matrix, full_range)


def test_other_colours_are_another_input(simulated_gpu):
    """The test above would else pass on what ignores the matrix, the range or the layout."""
    size, spec = (64, 48), SPECS["stretch"]
    planes = tuple(picture(size))
    first = on_gpu(simulated_gpu, planes, size, spec, "bt601", full_range=False)
    for matrix, full_range in (("bt709", False), ("bt601", True)):
        other = on_gpu(simulated_gpu, planes, size, spec, matrix, full_range=full_range)
        assert np.abs(first - other).max() > 4 / 255


def test_real_frames_are_fed_as_the_cpu_feeds_them(simulated_gpu, data):
    """With the sizes of the project's networks, at 2:1 and at other ratios."""
    import av

    with av.open(str(data / "videos" / "car-detection.mp4")) as clip:
        frame = next(itertools.islice(clip.decode(video=0), 40, None))
    nv12 = frame.reformat(format="nv12").to_ndarray()
    size = frame.width, frame.height
    planes = nv12[: size[1]], nv12[size[1] :].reshape(size[1] // 2, size[0] // 2, 2)
    for sides in ((640, 640), (640, 384), (320, 192)):
        spec = InputSpec(height=sides[1], width=sides[0])
        args = planes, size, spec, "bt709"
        ours = on_gpu(simulated_gpu, *args, full_range=False)
        assert np.array_equal(ours, on_cpu(*args, full_range=False)), sides
