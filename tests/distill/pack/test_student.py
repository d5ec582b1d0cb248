"""A student's raw heads, as PyTorch gives them and as its file does, at every size."""

import cv2
import numpy as np
import onnx
import pytest
import torch

from distill.pack.shapes import shapes_of
from distill.pack.student import read_student
from distill.predict.ultralytics import load_fused
from models.boxes import nms
from models.decode.yolo_seg import YoloSegDecoder
from models.decode.yolo_seg_heads import RAW_OUTPUTS
from models.errors import ModelError
from models.importing import import_onnx
from models.input_spec import InputSpec
from models.preprocess import preprocess
from models.runtime.onnxruntime import OnnxRuntimeNetwork
from tests.distill.conftest import picture
from tests.distill.lively import lively
from tests.distill.yolos import build

pytestmark = pytest.mark.slow  # each builds networks
NAMES = ["yolov8n-seg", "yolo11n-seg", "yolo26n-seg"]
SIZES = ((96, 64), (64, 96), (128, 128))


@pytest.fixture(scope="module", params=NAMES)
def weights(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "student.pt"
    return saved(seeing(request.param), path)


def seeing(name):
    """A lively network whose boxes are no inside out ones."""
    model = lively(name)
    head = model.model[-1]
    if head.reg_max == 1:  # sides as they are, in cells
        for branch in (*head.cv2, *head.one2one_cv2):
            branch[-1].bias.data.fill_(2)
    return model


def saved(model, path, **more):
    torch.save({"model": model, "ema": None, **more}, path)
    return path


def as_exported_before(path, fed):
    """Predictions and prototypes of the whole network, head and all."""
    with torch.inference_mode():
        return [output.numpy() for output in load_fused(path).model(torch.from_numpy(fed))]


def assert_same(ours, theirs):
    assert len(ours) == len(theirs)
    np.testing.assert_array_equal(ours.classes, theirs.classes)
    np.testing.assert_allclose(ours.boxes, theirs.boxes, atol=0.01)
    np.testing.assert_allclose(ours.scores, theirs.scores, atol=1e-5)
    for one, other in zip(ours.masks, theirs.masks, strict=True):
        if one.pixels.shape == other.pixels.shape:  # a side may round to the next pixel
            assert (np.abs(one.pixels.astype(int) - other.pixels) > 1).mean() < 0.01


@pytest.mark.parametrize(("size", "classes"), [((96, 64), None), ((64, 128), [1])])
def test_raw_heads_read_as_the_whole_network_does(weights, size, classes):
    spec = InputSpec(width=size[0], height=size[1])
    fed, fit = preprocess(picture(5), spec)
    student, decoder = read_student(weights, [size]), YoloSegDecoder(spec, 2)
    whole = as_exported_before(weights, fed)
    seen = 0
    for least in (0.1, 0.15, 0.2):
        theirs = decoder.decode(whole, fit, min_score=least, classes=classes)
        assert_same(decoder.decode(student.run(fed), fit, min_score=least, classes=classes), theirs)
        seen += len(theirs)
    assert seen > 3


@pytest.mark.parametrize("size", [(320, 320), (320, 256), (192, 320)])
@pytest.mark.parametrize("name", ["bus.jpg", "zidane.jpg"])
def test_real_photographs_read_the_same(data, yolo, name, size):
    spec = InputSpec(width=size[0], height=size[1])
    image = cv2.imread(str(data / "images" / name))[..., ::-1]
    fed, fit = preprocess(np.ascontiguousarray(image), spec)
    decoder = YoloSegDecoder(spec, 80)
    theirs = decoder.decode(as_exported_before(yolo, fed), fit)
    assert len(theirs) >= 2
    assert_same(decoder.decode(read_student(yolo, [size]).run(fed), fit), theirs)


def test_of_two_heads_the_one_that_is_left_is_read_without_doubles(tmp_path):
    """YOLO26 whose one-to-many head was cut off: of a class its answers but those that overlap."""
    model = seeing("yolo26n-seg")
    head = model.model[-1]
    head.end2end = True
    head.fuse()
    assert head.cv2 is None
    path = saved(model, tmp_path / "student.pt")
    spec = InputSpec(width=96, height=64)
    fed, fit = preprocess(picture(5), spec)
    decoder = YoloSegDecoder(spec, 2)
    whole = as_exported_before(path, fed)
    assert whole[0].shape[2] == 38
    raw = read_student(path, [(96, 64)]).run(fed)
    for label in (0, 1):
        theirs = decoder.decode(whole, fit, min_score=0.1, classes=[label])
        single = nms(theirs.boxes, theirs.scores, theirs.classes, max_iou=0.7, limit=300)
        assert len(single) > 1
        ours = decoder.decode(raw, fit, min_score=0.1, classes=[label])
        assert_same(ours, theirs.take(single))


def test_a_network_of_other_levels_is_refused_in_words(tmp_path):
    path = saved(build("yolov8n-seg-p6", ("bottle",)), tmp_path / "student.pt")
    with pytest.raises(ModelError, match="levels 8, 16, 32, 64 px can't be packed"):
        read_student(path)


def check_file(student, file, dynamic):
    """The file gives at each size and for each number of images what PyTorch does."""
    network = OnnxRuntimeNetwork(file, inputs=[student.spec], outputs=student.outputs)
    free = len(student.sizes) > 1
    size = ("height", "width") if free else student.sizes[0][::-1]
    assert network.input_shape == ("batch" if dynamic else 1, 3, *size)
    for count in (1, 3) if dynamic else (1,):
        for width, height in student.sizes:
            fed = np.random.default_rng(count).random((count, 3, height, width), np.float32)
            for ours, theirs in zip(network.run(fed), student.run(fed), strict=True):
                assert np.abs(ours - theirs).max() < 1e-3 * np.abs(theirs).max()


@pytest.mark.parametrize("dynamic", [False, True])
def test_one_file_serves_every_size(weights, dynamic):
    student = read_student(weights, SIZES)
    assert student.sizes == SIZES
    file = student.to_onnx(dynamic=dynamic)
    proto = onnx.load_from_string(file)
    assert {entry.domain: entry.version for entry in proto.opset_import}[""] >= 17
    assert tuple(output.name for output in proto.graph.output) == RAW_OUTPUTS
    check_file(student, file, dynamic)
    manifest, _ = import_onnx(file, "x")  # the file says itself what it is
    assert (manifest.input, manifest.sizes) == (student.spec, SIZES[1:])
    assert manifest.outputs == RAW_OUTPUTS
    assert tuple(spec.name for spec in manifest.classes) == ("bottle", "cup")


def test_one_size_is_kept_in_the_file(weights):
    student = read_student(weights, [(96, 64), (96, 64)])
    file = student.to_onnx(dynamic=False)
    check_file(student, file, dynamic=False)
    assert import_onnx(file, "x")[0].sizes == ()


def test_bins_that_a_decoder_would_not_know_are_refused(tmp_path):
    model = build("yolov8n-seg", ("bottle",))
    model.model[-1].dfl.conv.weight.data[0, 3] = 3.5
    path = saved(model, tmp_path / "student.pt")
    with pytest.raises(ModelError, match=r"no means over bins 0, 1, \.\.\. can't be packed"):
        read_student(path)


def test_no_softmax_over_cells_and_no_box_is_left_in_the_file(tmp_path):
    student = read_student(saved(lively("yolov8n-seg"), tmp_path / "student.pt"), SIZES)
    ops = {
        node.op_type for node in onnx.load_from_string(student.to_onnx(dynamic=False)).graph.node
    }
    assert ops == {"Conv", "Sigmoid", "Mul", "Add", "Concat", "Split"} | {
        "MaxPool",
        "Resize",
        "ConvTranspose",
    }


def test_rtmdet_serves_every_size(seeing_weights):
    student = read_student(seeing_weights, SIZES)
    file = student.to_onnx(dynamic=False)
    check_file(student, file, dynamic=False)
    manifest, _ = import_onnx(file, "x")
    assert (manifest.input, manifest.sizes) == (student.spec, SIZES[1:])


@pytest.mark.parametrize(
    ("side", "shapes"),
    [
        (640, [(640, 640), (640, 384), (384, 640), (640, 480), (480, 640)]),
        (320, [(320, 320), (320, 192), (192, 320), (320, 256), (256, 320)]),
        (96, [(96, 96), (96, 64), (64, 96)]),
        (32, [(32, 32)]),
    ],
)
def test_the_shapes_of_a_square_are_at_its_scale(side, shapes):
    assert list(shapes_of(side)) == shapes


def test_without_sizes_it_is_the_square_and_its_shapes(tmp_path, seeing_weights):
    model = lively("yolov8n-seg")
    path = saved(model, tmp_path / "student.pt", train_args={"imgsz": 320})
    assert read_student(path).sizes == shapes_of(320)
    assert read_student(seeing_weights).sizes == shapes_of(128)
