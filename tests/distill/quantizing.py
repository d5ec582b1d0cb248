"""A small network, frames of its camera, and what is made of both, once."""

import pytest
import torch
from PIL import Image

from distill.pack.student import read_student
from distill.quantize.calibration import CalibrationBatches
from distill.quantize.camera_frames import sources, split
from distill.quantize.insert import quantised
from distill.quantize.ranges import collect_ranges
from models.importing import import_onnx
from tests.distill.conftest import picture
from tests.distill.lively import lively


@pytest.fixture(scope="session")
def frames_folder(tmp_path_factory):
    """Forty pictures, lying and upright."""
    folder = tmp_path_factory.mktemp("camera")
    for seed in range(40):
        shape = (96, 160) if seed % 2 else (128, 96)
        Image.fromarray(picture(seed, *shape)).save(folder / f"{seed:02}.png")
    return folder


@pytest.fixture(scope="session")
def small_weights(tmp_path_factory):
    """YOLOv8n-seg without training, which sees something at 96 px."""
    path = tmp_path_factory.mktemp("student") / "small.pt"
    model = {"model": lively("yolov8n-seg"), "ema": None, "train_args": {"imgsz": 96}}
    torch.save(model, path)
    return path


class Small:
    """It as ONNX, how it is fed, frames, and what of it values say."""

    def __init__(self, weights, folder):
        self.model = read_student(weights, [(96, 96), (96, 64)]).to_onnx(dynamic=False)
        self.manifest, _ = import_onnx(self.model, "small")
        tune, self.judged = split(sources([folder]), ())
        self.batches = CalibrationBatches(tune, self.manifest.inputs())
        self.ranges = collect_ranges(self.model, self.batches)
        self.uint8 = quantised(self.model, self.ranges, "uint8")


@pytest.fixture(scope="session")
def small(small_weights, frames_folder):
    return Small(small_weights, frames_folder)
