"""A whole stream on the GPU, from decoded frames to redacted ones: nobody can tell."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import worlds
from cuda_frames import on_gpu
from simulated_tensorrt import SimulatedTensorRt
from worlds import Gallery

from agent.cuda.detector import CudaDetector
from agent.cuda.suited import detector_for
from agent.detect.pool import DetectorPool
from agent.hidden import Hidden
from agent.pipeline.window_journal import WindowJournal
from agent.settings import BlurSettings
from agent.stream import Stream, redactor_of
from agent.video.file_source import FileSource
from models.decode.yolo_seg import YoloSegDecoder
from models.feeding import Feeding, Feedings
from models.input_spec import InputSpec
from models.runtime.choose import Chosen
from models.runtime.onnxruntime import OnnxRuntimeNetwork
from models.runtime.tensorrt import TensorRtNetwork
from models.runtime.tensorrt_build import build

pytestmark = pytest.mark.slow  # g++ compiles the kernels first

SPEC = InputSpec(height=320, width=320)
SETTINGS = BlurSettings(every=5, workers=2)
FRAMES = 30
HIDDEN = Hidden({0: "person"}, {0: 0.25}, {0: 0.25})


class Clip:
    """So many frames of a file, as NV12, each where `place` puts it."""

    def __init__(self, path, place):
        self._file, self._place = FileSource(path), place
        self.info, self.damaged, self.deinterlaced, self.resized = self._file.info, 0, 0, 0
        self.left_out, self.repairs = (), self._file.repairs

    def __iter__(self):
        for frame in itertools.islice(self._file, 80, 80 + FRAMES):
            luma, *chroma = frame.planes
            nv12 = replace(frame, planes=(luma, np.dstack(chroma)), index=frame.index - 80)
            yield self._place(nv12)

    def close(self):
        self._file.close()


def redacted(path, network, place):
    chosen = Chosen(network, "fp32", 64 * "0", "numbers", "there is no other")
    feedings = Feedings([Feeding(SPEC, YoloSegDecoder(SPEC, 80))])
    eyes = detector_for(chosen, feedings, HIDDEN.weakest, HIDDEN.sought)
    pool, clip, gallery = DetectorPool(eyes, SETTINGS.workers, 60.0), Clip(path, place), Gallery()
    journal = WindowJournal()
    try:
        show, lane = redactor_of(clip, SETTINGS).redact, pool.lane("gate")
        Stream(clip, lane, HIDDEN, SETTINGS, SETTINGS, show, gallery, journal, worlds.noop).run()
    finally:
        pool.close()
        clip.close()
    return eyes, gallery.shown, journal


def test_a_stream_on_the_gpu_shows_what_a_stream_on_the_cpu_shows(
    data, simulated_gpu, simulated_cuda
):
    path = data / "videos" / "one-by-one-person-detection.mp4"
    onnx = (data / "weights" / "coco-yolov8n-seg-320.onnx").read_bytes()
    library = SimulatedTensorRt(simulated_cuda)
    how = {"batch": 1, "workspace_bytes": 1 << 20, "library": library}
    plan = build(onnx, [(320, 320)], progress=lambda *_: None, cancelled=lambda: False, **how)
    network = TensorRtNetwork(plan, simulated_gpu, precision="fp32", library=library)
    lying = []

    def upload(frame):
        lying.append(on_gpu(frame, simulated_gpu))
        return lying[-1].__enter__()

    eyes, ours, journal = redacted(path, network, upload)
    for each in lying:
        each.__exit__(None, None, None)
    network.close()
    plain_eyes, theirs, _ = redacted(path, OnnxRuntimeNetwork(onnx), lambda frame: frame)

    assert (type(eyes), type(plain_eyes).__name__) == (CudaDetector, "NetworkDetector")
    assert len(ours) == len(theirs) == FRAMES
    assert journal.keyframes >= FRAMES / 5
    assert not journal.whole
    for mine, other in zip(ours, theirs, strict=True):
        assert (mine.pts, mine.whole) == (other.pts, other.whole)
        for plane, same in zip(mine.planes, other.planes, strict=True):
            assert np.array_equal(plane, same)
    hidden = [
        np.count_nonzero(mine.planes[0] != frame.planes[0])
        for mine, frame in zip(ours, Clip(path, lambda frame: frame), strict=True)
    ]
    assert np.mean(hidden) > 1000  # somebody was hidden
