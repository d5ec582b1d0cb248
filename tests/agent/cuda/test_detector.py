"""Frames on a GPU are seen by the network as frames in main memory are."""

from dataclasses import replace

import numpy as np
import pytest
from cuda_frames import on_gpu, real_frames
from simulated_cuda import LogicError
from simulated_tensorrt import SimulatedTensorRt

from agent.cuda.detector import CudaDetector
from agent.detect.detector import NetworkDetector
from agent.detect.pool import DetectorPool
from models.decode.yolo_seg import YoloSegDecoder
from models.errors import InferenceError
from models.feeding import Feeding, Feedings
from models.input_spec import InputSpec
from models.runtime.choose import Chosen
from models.runtime.onnxruntime import OnnxRuntimeNetwork
from models.runtime.tensorrt import TensorRtNetwork
from models.runtime.tensorrt_build import build

pytestmark = pytest.mark.slow  # g++ compiles the kernels first

SPEC = InputSpec(height=320, width=320)


def detector(kind, network):
    chosen = Chosen(network, "fp32", 64 * "0", "numbers", "there is no other")
    return kind(chosen, Feedings([Feeding(SPEC, YoloSegDecoder(SPEC, 80))]), 0.2)


@pytest.fixture
def onnx(data):
    return (data / "weights" / "coco-yolov8n-seg-320.onnx").read_bytes()


@pytest.fixture
def network(onnx, simulated_gpu, simulated_cuda):
    """It computes on the simulated GPU, by ONNX Runtime."""
    library = SimulatedTensorRt(simulated_cuda)
    plan = build(
        onnx,
        [(SPEC.width, SPEC.height)],
        batch=1,
        workspace_bytes=1 << 20,
        progress=lambda *_: None,
        cancelled=lambda: False,
        library=library,
    )
    network = TensorRtNetwork(plan, simulated_gpu, inputs=[SPEC], precision="fp32", library=library)
    yield network
    network.close()


def equal(ours, theirs, *, level=0):
    assert len(ours) == len(theirs)
    for name in ("boxes", "scores", "classes"):
        assert np.array_equal(getattr(ours, name), getattr(theirs, name)), name
    for mine, other in zip(ours.masks, theirs.masks, strict=True):
        assert (mine.x, mine.y) == (other.x, other.y)
        assert np.abs(mine.pixels.astype(int) - other.pixels).max() <= level


def as_i420(frame):
    luma, chroma = frame.planes
    return replace(frame, planes=(luma, *(np.ascontiguousarray(chroma[..., i]) for i in (0, 1))))


@pytest.mark.parametrize(
    ("name", "large"), [("one-by-one-person-detection.mp4", False), ("01_dog.mp4", True)]
)
def test_what_is_seen_in_real_frames_is_what_the_cpu_sees(
    data, onnx, network, simulated_gpu, simulated_cuda, name, large
):
    ours = detector(CudaDetector, network)
    theirs = detector(NetworkDetector, OnnxRuntimeNetwork(onnx))
    seen = 0
    for frame in real_frames(data / "videos" / name, 4):
        with on_gpu(frame, simulated_gpu) as there:
            found = ours.detect(there)
        expected = theirs.detect(frame)
        equal(found, expected, level=1)
        equal(ours.detect(frame), expected, level=1)
        equal(ours.detect(as_i420(frame)), theirs.detect(as_i420(frame)), level=1)
        seen += len(found)
    assert seen > 2
    made_masks = simulated_cuda.calls.count("launch") - 4 * 3  # the others fed the network
    assert (made_masks > 0) == large


def test_a_network_in_main_memory_is_given_what_was_fetched(data, onnx, simulated_gpu):
    eyes = detector(NetworkDetector, OnnxRuntimeNetwork(onnx))
    (frame,) = real_frames(data / "videos" / "highway.mp4", 1)
    with on_gpu(frame, simulated_gpu) as there:
        equal(eyes.detect(there), eyes.detect(frame))


def test_what_streams_seek_counts_on_the_gpu_as_on_the_cpu(data, onnx, network):
    """What scores higher as something that nobody hides."""
    ours, theirs = (
        detector(CudaDetector, network),
        detector(NetworkDetector, OnnxRuntimeNetwork(onnx)),
    )
    (frame,) = real_frames(data / "videos" / "01_dog.mp4", 1)
    without = theirs.detect(frame)
    for eyes in (ours, theirs):
        eyes.min_score, eyes.sought = 0.02, frozenset({frozenset({18}), frozenset({0})})
    expected = theirs.detect(frame)
    assert len(expected) > len(without)
    equal(ours.detect(frame), expected, level=1)


def test_a_gpu_that_fails_gives_no_result(data, network, simulated_gpu, simulated_cuda):
    """So the frame is covered whole, and the next one may be well again."""
    eyes = detector(CudaDetector, network)
    pool = DetectorPool(eyes, 1, 60.0)
    lane = pool.lane("gate")
    (frame,) = real_frames(data / "videos" / "highway.mp4", 1)
    try:
        with on_gpu(frame, simulated_gpu) as there:
            simulated_cuda.breaks["launch"] = LogicError("no kernel image for this device")
            with pytest.raises(InferenceError, match="no kernel image"):
                eyes.detect(there)
            simulated_cuda.breaks["launch"] = LogicError("no kernel image for this device")
            assert lane.wait(lane.submit(there)).fault == "no valid result"
            assert lane.wait(lane.submit(there)).fault is None
    finally:
        pool.close()
