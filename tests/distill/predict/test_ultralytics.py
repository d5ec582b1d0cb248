"""Segmentation models of Ultralytics answer as every teacher does."""

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from distill.data import rle as run_length
from distill.errors import UsageError
from distill.export import compare
from distill.label.detection import detections_of
from distill.predict.open import load_teacher
from models.boxes import xyxy_from_cxcywh
from models.coco_names import COCO_NAMES
from models.decode.yolo_seg import MASK_GROW, YoloSegDecoder
from models.errors import ModelError
from models.input_spec import InputSpec
from models.preprocess import preprocess
from models.runtime.onnxruntime import OnnxRuntimeNetwork
from tests.distill.yolos import build, write_coco_weights

pytestmark = pytest.mark.slow  # networks of three generations are built
ROOT = Path(__file__).resolve().parents[3]


def save(model, path):
    """As Ultralytics saves what it trained: the whole model, in half precision."""
    torch.save({"model": model.half(), "ema": None, "train_args": {}, "epoch": -1}, path)
    return path


@pytest.fixture(scope="module")
def coco_path(data, tmp_path_factory):
    """What the ONNX file of the same weights has."""
    path = tmp_path_factory.mktemp("coco") / "yolov8n-seg.pt"
    write_coco_weights(data, path, rounded_bins=True)
    return path


@pytest.fixture(scope="module")
def coco(coco_path):
    return load_teacher(coco_path, device="cpu")


@pytest.fixture(scope="module")
def bus(data):
    return cv2.cvtColor(cv2.imread(str(data / "images" / "bus.jpg")), cv2.COLOR_BGR2RGB)


@pytest.fixture(scope="module", params=["yolov8n-seg", "yolo11n-seg", "yolo26n-seg"])
def small(request, tmp_path_factory):
    """An untrained network of each generation, for 96 px."""
    path = tmp_path_factory.mktemp("small") / f"{request.param}.pt"
    save(build(request.param, ["bottle", "cup"]), path)
    return load_teacher(path, image_size=96, device="cpu")


def test_instances_are_those_of_the_onnx_export(coco, bus, data):
    network = OnnxRuntimeNetwork((data / "weights" / "coco-yolov8n-seg-640.onnx").read_bytes())
    spec = InputSpec(width=640, height=640)
    fed, fit = preprocess(bus, spec)
    decoder = YoloSegDecoder(spec, 80, mask_grow=0)
    expected = decoder.decode(network.run(fed), fit, min_score=0.25)
    seen, mirrored = coco.predict([bus, np.ascontiguousarray(bus[:, ::-1])], min_score=0.25)
    rows = list(compare(seen, expected, fit.source, "bus"))
    assert all(row.ok for row in rows), rows
    assert [COCO_NAMES[i] for i in seen.classes].count("person") >= 3
    assert seen.mask_grow == mirrored.mask_grow == 0
    assert "bus" in {COCO_NAMES[i] for i in mirrored.classes}
    assert coco.name == "yolov8n-seg"
    assert coco.classes == COCO_NAMES


def test_a_teacher_s_labels_are_its_own_and_only_the_device_hides_more(coco, coco_path, bus):
    """Masks end at the boxes, as Ultralytics has it; labels hold them so."""
    (own,) = coco.predict([bus], min_score=0.25)
    (hidden,) = load_teacher(coco_path, device="cpu", as_device=True).predict([bus], min_score=0.25)
    assert (own.boxes == hidden.boxes).all()
    assert (own.mask_grow, hidden.mask_grow) == (0, MASK_GROW)
    size = bus.shape[:2]
    everything = {i: i for i in range(80)}
    labels = detections_of(own, everything, size, 0.25)
    grown = detections_of(hidden, everything, size, 0.25)
    assert len(labels) == len(own) >= 4
    beyond = 0
    for box, label, more in zip(own.boxes, labels, grown, strict=True):
        assert (np.floor(box[:2]) <= label.box[:2]).all()
        assert (np.ceil(box[2:]) >= label.box[2:]).all()
        beyond += run_length.area(more.rle) > run_length.area(label.rle)
    assert beyond >= 3, "what the device hides is more"


def test_dense_answers_hold_what_was_detected(coco, bus):
    """The best detection's anchor has its score, its box and its mask."""
    spec = InputSpec(width=640, height=640)
    fed, fit = preprocess(bus, spec)
    dense = coco.dense(torch.from_numpy(fed))
    best = coco.predict([bus], min_score=0.25)[0].take([0])
    logits = torch.cat([level[0].flatten(1) for level in dense.class_logits], dim=1)
    boxes = torch.cat([level[0].flatten(1) for level in dense.boxes], dim=1)
    anchor = logits[best.classes[0]].argmax()
    assert logits[best.classes[0], anchor].sigmoid().item() == pytest.approx(
        best.scores[0], abs=1e-4
    )
    np.testing.assert_allclose(fit.to_source(boxes[:, anchor].numpy()[None]), best.boxes, atol=0.1)
    mask = dense.mask_logits(0, anchor[None])[0] > 0
    x0, y0, x1, y1 = (boxes[:, anchor] / dense.mask_stride).round().int().tolist()
    area = mask[max(0, y0) : y1, max(0, x0) : x1].sum() * dense.mask_stride**2
    scale = fit.scale[0] * fit.scale[1]
    assert area.item() == pytest.approx((best.masks[0].pixels >= 128).sum() * scale, rel=0.05)


def raw(teacher, batch):
    """The network's own predictions [B, 4 + classes + 32, anchors] and prototypes."""
    with torch.no_grad():
        return teacher._model(batch)


def test_dense_answers_of_every_generation_agree_with_the_network_s_own(small):
    batch = torch.rand(2, 3, 64, 96)
    dense = small.dense(batch)
    predictions, prototypes = raw(small, batch)
    assert dense.strides == (8, 16, 32)
    assert dense.mask_stride == 4
    grids = [(8, 12), (4, 6), (2, 3)]
    assert [tuple(level.shape[2:]) for level in dense.features] == grids
    assert [tuple(level.shape) for level in dense.class_logits] == [(2, 2, *grid) for grid in grids]
    scores = torch.cat([level.flatten(2) for level in dense.class_logits], dim=2).sigmoid()
    boxes = torch.cat([level.flatten(2) for level in dense.boxes], dim=2)
    torch.testing.assert_close(scores, predictions[:, 4:6])
    for ours, theirs in zip(boxes, predictions[:, :4], strict=True):
        expected = xyxy_from_cxcywh(theirs.T.numpy())
        np.testing.assert_allclose(ours.T.numpy(), expected, rtol=1e-4, atol=1e-3)
    anchors = torch.tensor([0, 100, 125])
    logits = dense.mask_logits(1, anchors)
    expected = torch.einsum("cn,chw->nhw", predictions[1, 6:, anchors], prototypes[1])
    torch.testing.assert_close(logits, expected)


def test_predictions_of_every_generation_can_be_decoded(small, pictures):
    for image, seen in zip(pictures, small.predict(pictures, min_score=0.0), strict=True):
        assert len(seen) > 0
        assert (seen.boxes[:, 2:] <= [image.shape[1], image.shape[0]]).all()
    assert small.predict([], min_score=0.5) == []


def test_a_head_that_is_left_alone_is_read_in_both_ways(tmp_path, pictures):
    """Fusing YOLO26 for use cuts off the head with several answers per object."""
    model = build("yolo26n-seg", ["bottle", "cup"])
    model.model[-1].end2end = True
    path = save(model.fuse(verbose=False), tmp_path / "e.pt")
    teacher = load_teacher(path, image_size=96, device="cpu")
    assert teacher._head.cv2 is None
    seen = teacher.predict(pictures[:1], min_score=0.0)[0]
    fed, _ = preprocess(pictures[0], InputSpec(width=96, height=96))
    dense = teacher.dense(torch.from_numpy(fed))
    logits = torch.cat([level.flatten() for level in dense.class_logits])
    assert logits.max().sigmoid().item() == pytest.approx(seen.scores[0], abs=1e-5)


def test_a_loss_may_be_computed_with_dense_answers(small):
    small.predict(
        [np.zeros((96, 96, 3), np.uint8)], min_score=0.5
    )  # what it caches must do no harm
    dense = small.dense(torch.rand(1, 3, 96, 96))
    weight = torch.ones((), requires_grad=True)
    parts = [
        *dense.features,
        *dense.class_logits,
        *dense.boxes,
        dense.mask_logits(0, torch.arange(3)),
    ]
    sum((weight * part).sum() for part in parts).backward()
    assert torch.isfinite(weight.grad)


class Payload:
    def __init__(self, trace):
        self.trace = trace

    def __reduce__(self):
        return os.system, (f"touch {self.trace}",)


@pytest.mark.parametrize("legacy", [True, False])
def test_code_beside_a_model_does_not_run(tmp_path, legacy):
    trace, path = tmp_path / "it-ran", tmp_path / "bad.pt"
    content = {"model": build("yolov8n-seg", ["a"]), "note": Payload(trace)}
    torch.save(content, path, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(ModelError, match="can't load it") as caught:
        load_teacher(path, device="cpu")
    assert "\n" not in str(caught.value)
    assert not trace.exists()


def test_what_is_no_segmentation_model_is_refused(tmp_path):
    with pytest.raises(ModelError, match=r"'Detect' network .* gives no masks"):
        load_teacher(save(build("yolov8n", ["a"]), tmp_path / "detect.pt"), device="cpu")
    path = save(build("yolov8n-seg", ["a", "a"]), tmp_path / "twice.pt")
    with pytest.raises(ModelError, match="appears twice"):
        load_teacher(path, device="cpu")
    with pytest.raises(UsageError, match="names its classes itself"):
        load_teacher(save(build("yolov8n-seg", ["a"]), path), classes=["b"], device="cpu")


@pytest.mark.parametrize("share", [0, 0.01, 0.9])
def test_a_truncated_file_is_refused_in_one_line(tmp_path, share):
    path = save(build("yolov8n-seg", ["a"]), tmp_path / "x.pt")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(ModelError, match="can't load it") as caught:
        load_teacher(path, device="cpu")
    assert "\n" not in str(caught.value)


_ALONE = """
import sys

def watch(event, arguments):
    installs = event == "subprocess.Popen" and "install" in str(arguments)
    if event in {"socket.connect", "socket.getaddrinfo"} or installs:
        print("not alone:", event, arguments)

sys.addaudithook(watch)
import numpy as np
from distill.predict.open import load_teacher
teacher = load_teacher(sys.argv[1], image_size=96, device="cpu")
teacher.predict([np.zeros((96, 96, 3), np.uint8)], min_score=0.5)
import PIL.Image
print("done", PIL.Image.open.__module__)  # Ultralytics puts in one that installs packages
"""


def test_nothing_is_fetched_installed_or_reported(tmp_path):
    """In a process of its own that nobody told Ultralytics to be quiet in."""
    path = save(build("yolov8n-seg", ["a"]), tmp_path / "x.pt")
    told = {key: value for key, value in os.environ.items() if not key.startswith("YOLO_")}
    done = subprocess.run(
        [sys.executable, "-c", _ALONE, str(path)],
        env=told | {"PYTHONPATH": str(ROOT), "YOLO_CONFIG_DIR": str(tmp_path)},
        check=False,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "done PIL.Image"
    assert "not alone" not in done.stdout
