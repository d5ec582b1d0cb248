"""What is hidden on a GPU is what is hidden in main memory, byte for byte."""

from dataclasses import replace

import numpy as np
import pytest
from covers import box, masked
from cuda_frames import on_gpu, put, real_frames
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated_cuda import (
    LaunchError,
    LogicError,
    MemoryError,  # noqa: A004 pycuda's, which is no MemoryError
    SimulatedCuda,
)
from simulated_gpu import FailsAfter, opened_gpu

from agent.cuda.painter import CudaPainter
from agent.cuda.suited import painter_of
from agent.detect.detector import NetworkDetector
from agent.frames.cover import Cover, PlacedOutline
from agent.frames.frame import Colour
from agent.frames.redacted import RedactedFrame
from agent.frames.sighting import sightings_of
from agent.redact.effect import Effect
from agent.redact.painter import CpuPainter
from agent.redact.patch import Patch
from agent.redact.planes import buffer_of
from agent.redact.redactor import Redactor
from models.decode.yolo_seg import YoloSegDecoder
from models.errors import InferenceError
from models.feeding import Feeding, Feedings
from models.input_spec import InputSpec
from models.outline import GRID
from models.runtime.cuda.owner import CudaGpu
from models.runtime.onnxruntime import OnnxRuntimeNetwork

pytestmark = pytest.mark.slow  # g++ compiles the kernels first

SOLID = Effect("solid")
EFFECTS = ["blur", "pixelate", "solid:ff00ff"]
SIZES = [(1280, 720), (853, 481), (641, 361), (2, 2), (1, 1), (97, 55)]


@st.composite
def scenes(draw):
    size = draw(st.tuples(st.integers(1, 90), st.integers(1, 90)))
    random = np.random.default_rng(draw(st.integers(0, 1000)))
    patches = []
    for _ in range(draw(st.integers(0, 4))):
        x, y = draw(st.integers(-12, 90)), draw(st.integers(-12, 90))
        width, height = draw(st.integers(0, 70)), draw(st.integers(0, 70))
        density = draw(st.sampled_from([0.02, 0.5, 1.0]))
        pixels = (random.random((height, width)) < density).astype(np.uint8)
        effect = Effect.parse(draw(st.sampled_from(EFFECTS)))
        cells = draw(st.sampled_from([1, 6, 12]))
        patches.append(Patch(x, y, pixels * np.uint8(255), replace(effect, max_cells=cells)))
    return size, patches


def same(ours, theirs):
    assert len(ours) == 2
    assert buffer_of(ours).size == sum(plane.size for plane in theirs)
    for mine, plane in zip(ours, theirs, strict=True):
        assert mine.dtype == np.uint8
        assert np.array_equal(mine, plane), int(np.abs(mine.astype(int) - plane).max())


@pytest.fixture(scope="module")
def lasting_gpu(kernel_code):
    with opened_gpu(kernel_code) as gpu:
        yield gpu


@settings(max_examples=300, deadline=None)
@given(scenes(), st.sampled_from(["mask", "box"]), st.booleans())
def test_any_patches_are_hidden_alike(make_noise, lasting_gpu, scene, shape, full_range):
    size, patches = scene
    frame = make_noise(size, "NV12", colour=Colour("bt709", full_range=full_range))
    with on_gpu(frame, lasting_gpu) as there:
        ours = CudaPainter().patched(there, patches, shape, (255, 0, 255))
    same(ours, CpuPainter().patched(frame, patches, shape, (255, 0, 255)))


@pytest.mark.parametrize("words", [*EFFECTS, "auto"])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_a_whole_frame_is_hidden_alike(make_noise, simulated_gpu, size, words):
    frame, cover = make_noise(size, "NV12"), Cover.all_of_it("detector failed")
    effect = Effect.parse(words)
    with on_gpu(frame, simulated_gpu) as there:
        ours = Redactor(size, effect, painter_of=painter_of).redact(there, cover)
    assert type(ours) is RedactedFrame
    assert (ours.whole, ours.pts, ours.size) == ("detector failed", frame.pts, size)
    same(ours.planes, Redactor(size, effect).redact(frame, cover).planes)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("words", [*EFFECTS, "auto"])
def test_covers_are_hidden_alike(make_noise, simulated_gpu, size, words):
    """Objects of every size, across each edge, over one another."""
    frame, (width, height) = make_noise(size, "NV12"), size
    ellipse = np.zeros((height // 2 + 1, width // 3 + 1), np.uint8)
    rows, columns = np.ogrid[-1 : 1 : ellipse.shape[0] * 1j, -1 : 1 : ellipse.shape[1] * 1j]
    ellipse[rows**2 + columns**2 < 0.9] = 255
    outlines = [
        *(box(-9, height * 0.7, width / 4, height, 1), box(width * 0.8, -5, width, height / 3, 2)),
        *(box(width / 3, height / 3, 25, 21, 3, "licence_plate"), box(width / 2, 8, 70, 40, 4)),
    ]
    if min(ellipse.shape) > 9:
        outlines.append(masked(width // 4, height // 5, ellipse, 5, "person"))
    effect, cover = Effect.parse(words), Cover(tuple(outlines))
    for shape in ("mask", "box"):
        with on_gpu(frame, simulated_gpu) as there:
            ours = Redactor(size, effect, shape, painter_of).redact(there, cover)
        theirs = Redactor(size, effect, shape).redact(frame, cover)
        same(ours.planes, theirs.planes)
        if min(size) > 50:
            assert not np.array_equal(ours.planes[0], frame.planes[0])


def test_an_empty_scene_passes_unharmed(make_noise, simulated_gpu):
    frame = make_noise((37, 23), "NV12")
    with on_gpu(frame, simulated_gpu) as there:
        redactor = Redactor((37, 23), Effect("blur"), painter_of=painter_of)
        same(redactor.redact(there, Cover(())).planes, frame.planes)


@pytest.mark.parametrize("words", EFFECTS)
@pytest.mark.parametrize("other", [(64, 48), (640, 480), (1, 1)])
def test_a_frame_of_another_size_becomes_a_flat_one(make_noise, simulated_gpu, words, other):
    frame = make_noise(other, "NV12")
    with on_gpu(frame, simulated_gpu) as there:
        redactor = Redactor((63, 47), Effect.parse(words), painter_of=painter_of)
        ours = redactor.redact(there, Cover(()))
    assert (ours.whole, ours.size) == ("resolution change", (63, 47))
    same(ours.planes, Redactor((63, 47), Effect.parse(words)).redact(frame, Cover(())).planes)


def test_an_outline_that_makes_no_sense_hides_the_whole_frame(make_noise, simulated_gpu):
    field = np.full((GRID, GRID), np.nan, np.float32)
    odd = PlacedOutline(np.array([0.0, 0.0, 9.0, 9.0]), field)
    frame, cover = make_noise((80, 60), "NV12"), Cover((box(0, 0, 2, 2), odd))
    with on_gpu(frame, simulated_gpu) as there:
        ours = Redactor((80, 60), Effect("solid"), painter_of=painter_of).redact(there, cover)
    assert ours.whole == "invalid outline"
    assert all(
        len(np.unique(plane[..., 0] if plane.ndim > 2 else plane)) == 1 for plane in ours.planes
    )


@pytest.mark.parametrize("call", ["launch", "memcpy_htod_async", "memcpy_dtoh_async"])
def test_a_gpu_that_fails_at_any_step_gives_no_frame(
    make_noise, simulated_gpu, simulated_cuda, call
):
    """And keeps no memory: the fixture looks."""
    frame, cover = make_noise((80, 60), "NV12"), Cover((box(9, 9, 60, 40), box(2, 2, 8, 8)))
    redactor = Redactor((80, 60), Effect("blur"), painter_of=painter_of)
    with on_gpu(frame, simulated_gpu) as there:
        before = simulated_cuda.calls.count(call)
        good = redactor.redact(there, cover)
        times = simulated_cuda.calls.count(call) - before
        assert times == (2 + 2 * 4 if call == "launch" else 1)
        for step in range(times):
            simulated_cuda.breaks = FailsAfter(call, step, LogicError("off the bus"))
            with pytest.raises(InferenceError, match="off the bus"):
                redactor.redact(there, cover)
        simulated_cuda.breaks = {}
        same(redactor.redact(there, cover).planes, good.planes)


def test_a_gpu_without_room_gives_no_frame(make_noise, simulated_gpu, simulated_cuda):
    frame, cover = make_noise((80, 60), "NV12"), Cover.all_of_it("test")
    with on_gpu(frame, simulated_gpu) as there:
        simulated_cuda.breaks["mem_alloc"] = MemoryError("out of memory")
        with pytest.raises(InferenceError, match="not enough memory on the GPU"):
            Redactor((80, 60), SOLID, painter_of=painter_of).redact(there, cover)


def test_a_gpu_that_fails_while_it_computes_gives_no_frame(make_noise, kernel_code):
    """As real ones do: calls succeed, the wait for them fails, and so does all that follows."""
    world = SimulatedCuda()
    gpu = CudaGpu(lambda _: kernel_code, driver=world)
    frame, redactor = make_noise((80, 60), "NV12"), Redactor((80, 60), SOLID, painter_of=painter_of)
    there = gpu.do(lambda work: put(frame, gpu, work, []))
    world.breaks["stream.synchronize"] = LaunchError("an illegal instruction")
    for cover in (Cover((box(2, 2, 8, 8),)), Cover.all_of_it("redaction failed")):
        with pytest.raises(InferenceError, match="failed for good: an illegal instruction"):
            redactor.redact(there, cover)
    gpu.close()


class _Chosen:
    """What a detector is made with: a network."""

    def __init__(self, network):
        self.network = network


@pytest.mark.parametrize("name", ["one-by-one-person-detection.mp4", "highway.mp4"])
def test_what_a_network_saw_in_real_frames_is_hidden_alike(data, simulated_gpu, name):
    spec = InputSpec(height=320, width=320)
    network = OnnxRuntimeNetwork((data / "weights" / "coco-yolov8n-seg-320.onnx").read_bytes())
    feedings = Feedings([Feeding(spec, YoloSegDecoder(spec, 80))])
    detector = NetworkDetector(_Chosen(network), feedings, 0.2)
    hidden = 0
    for frame in real_frames(data / "videos" / name, 6):
        seen = sightings_of(detector.detect(frame), frame.index)
        cover = Cover(
            tuple(
                PlacedOutline(each.outline.bounds, each.outline.field, 4.0, number)
                for number, each in enumerate(seen, 1)
            )
        )
        hidden += cover.objects
        for words in (*EFFECTS, "auto"):
            effect = Effect.parse(words)
            with on_gpu(frame, simulated_gpu) as there:
                ours = Redactor(frame.size, effect, painter_of=painter_of).redact(there, cover)
            same(ours.planes, Redactor(frame.size, effect).redact(frame, cover).planes)
    assert hidden > 1
