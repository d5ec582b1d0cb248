"""What Ultralytics exports to detect, read as Ultralytics itself reads it."""

import ast
from pathlib import Path

import cv2
import numpy as np
import pytest

from models.boxes import iou
from models.decode import decoder_for
from models.errors import ModelError
from models.importing import import_onnx
from models.preprocess import preprocess
from models.runtime.onnxruntime import OnnxRuntimeNetwork

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # what their exporter and PyTorch's say of each other
]


def write_detector(data, path, *, end_to_end):
    """YOLOv8n as a `.pt`, with COCO's weights, which the segmentation network shares.

    With an end-to-end head it gives duplicates, which it was never taught to leave out.
    """
    import distill.quiet  # noqa: F401 before anything of theirs

    # isort: split
    import torch
    from ultralytics import YOLO

    from models.coco_names import COCO_NAMES

    yolo = YOLO("yolov8n.yaml")
    settings = yolo.model.yaml | {"end2end": end_to_end}
    yolo.model = type(yolo.model)(settings, verbose=False).eval()
    yolo.model.end2end = end_to_end  # which of two heads is left
    yolo.model.fuse(verbose=False)
    with np.load(data / "weights" / "coco-yolov8n-seg-fused.npz") as arrays:
        weights = {name: torch.from_numpy(arrays[name]) for name in arrays.files}
    if end_to_end:
        weights |= {name.replace(".cv", ".one2one_cv"): each for name, each in weights.items()}
    assert not yolo.model.load_state_dict(weights, strict=False).missing_keys
    yolo.model.names = dict(enumerate(COCO_NAMES))
    yolo.save(path)
    return path


@pytest.fixture(scope="module")
def detector(data, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "yolov8n.pt"
    return write_detector(data, path, end_to_end=False)


@pytest.fixture
def exported(tmp_path, monkeypatch):
    """Exports a network, or one with random weights by its YAML; the path of the ONNX file."""

    def export(weights, **options):
        import distill.quiet  # noqa: F401 before anything of theirs

        # isort: split
        from ultralytics import YOLO

        monkeypatch.chdir(tmp_path)
        file = YOLO(weights).export(
            format="onnx", **{"imgsz": (320, 320), "simplify": False, "verbose": False, **options}
        )
        return Path(file).rename(tmp_path / "exported.onnx")

    return export


def read_by_us(onnx, image, min_score):
    model = onnx.read_bytes()
    manifest, _ = import_onnx(model, "detector")
    assert (manifest.family, manifest.layout) == ("boxes", "yolo")
    fed, fit = preprocess(image, manifest.input)
    outputs = OnnxRuntimeNetwork(model, inputs=manifest.inputs()).run(fed)
    return decoder_for(manifest).decode(outputs, fit, min_score=min_score)


def read_by_them(onnx, image, min_score):
    from ultralytics import YOLO

    size = ast.literal_eval(OnnxRuntimeNetwork(onnx.read_bytes()).metadata["imgsz"])
    # Not rect, with which they would feed a network of any size a smaller picture than we do.
    (seen,) = YOLO(onnx, task="detect").predict(
        image[..., ::-1], imgsz=size, conf=min_score, rect=False, verbose=False
    )
    return seen.boxes.xyxy.numpy(), seen.boxes.conf.numpy(), seen.boxes.cls.numpy()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"simplify": True},
        {"dynamic": True},
        {"half": True},
        {"nms": True, "conf": 0.25, "iou": 0.7},
        {"imgsz": (192, 320)},
    ],
    ids=str,
)
def test_boxes_are_those_of_ultralytics(data, detector, exported, options):
    onnx = exported(detector, **options)
    for name in ("bus.jpg", "zidane.jpg"):
        image = cv2.imread(str(data / "images" / name))[..., ::-1]
        compare(read_by_us(onnx, image, 0.25), *read_by_them(onnx, image, 0.25))


def compare(ours, boxes, scores, classes):
    assert len(ours) == len(boxes) >= 2
    assert ours.masks is None
    best = iou(ours.boxes, boxes).argmax(axis=1)
    assert sorted(best) == list(range(len(boxes)))
    np.testing.assert_allclose(ours.boxes, boxes[best], atol=0.5)
    np.testing.assert_allclose(ours.scores, scores[best], atol=2e-3)
    assert (ours.classes == classes[best]).all()


def test_an_end_to_end_head_is_read_as_ultralytics_reads_it(data, tmp_path, exported):
    onnx = exported(write_detector(data, tmp_path / "e2e.pt", end_to_end=True), nms=False)
    image = cv2.imread(str(data / "images" / "zidane.jpg"))[..., ::-1]
    ours = read_by_us(onnx, image, 0.5)
    boxes, scores, classes = read_by_them(onnx, image, 0.5)
    assert OnnxRuntimeNetwork(onnx.read_bytes()).outputs == {"output0": (1, 300, 6)}
    assert len(ours) == len(boxes) >= 10
    np.testing.assert_allclose(ours.boxes, boxes, atol=0.5)
    np.testing.assert_allclose(ours.scores, scores, atol=2e-3)
    assert ours.classes.tolist() == classes.tolist()


@pytest.mark.parametrize("network", ["yolo26n.yaml", "yolov10n.yaml"])
def test_networks_made_end_to_end_are_imported(exported, network):
    """Of 64 px there are 84 anchors, so fewer than 300 rows."""
    onnx = exported(network, nms=False, imgsz=(64, 64))
    assert OnnxRuntimeNetwork(onnx.read_bytes()).outputs == {"output0": (1, 84, 6)}
    assert import_onnx(onnx.read_bytes(), "x")[0].layout == "yolo"


@pytest.mark.parametrize(
    ("network", "task"),
    [
        ("yolo11n-pose.yaml", "'pose'.*joints"),
        ("yolo11n-obb.yaml", "'obb'.*turned boxes"),
        ("yolo11n-cls.yaml", "'classify'.*whole picture"),
        ("yolo26n-sem.yaml", "'semantic'.*no objects"),
    ],
)
def test_other_tasks_say_which_export_would_do(exported, network, task):
    with pytest.raises(ModelError, match=rf"task {task}.*yolo11n-seg\.pt\).*\(yolo11n\.pt\)$"):
        import_onnx(exported(network, imgsz=(64, 64)).read_bytes(), "x")


def test_a_network_for_two_images_says_how_to_export_it(exported):
    with pytest.raises(ModelError, match="made for 2 images a run, not for 1; export it for one"):
        import_onnx(exported("yolo11n.yaml", imgsz=(64, 64), batch=2).read_bytes(), "x")


def test_an_export_of_any_size_sees_a_wide_picture_alike_without_its_bars(data, detector, exported):
    model = exported(detector, dynamic=True).read_bytes()
    manifest, _ = import_onnx(model, "x", sizes=[(320, 320), (320, 192)])
    network = OnnxRuntimeNetwork(model, inputs=manifest.inputs())
    image = cv2.imread(str(data / "images" / "zidane.jpg"))[..., ::-1]
    seen = []
    for spec in manifest.inputs():
        fed, fit = preprocess(image, spec)
        seen.append(decoder_for(manifest, spec).decode(network.run(fed), fit, min_score=0.5))
    square, wide = seen
    assert square.classes.tolist() == wide.classes.tolist()
    assert len(square) >= 2
    np.testing.assert_allclose(square.scores, wide.scores, atol=0.05)
    np.testing.assert_allclose(square.boxes, wide.boxes, atol=16)  # 4 px of the network's
