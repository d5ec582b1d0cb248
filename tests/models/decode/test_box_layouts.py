"""The three layouts of networks that give boxes only."""

import cv2
import numpy as np
import pytest

from models.boxes import iou
from models.decode.box_layouts import DetsDecoder, SsdDecoder, YoloxDecoder
from models.decode.yolo_seg import YoloSegDecoder
from models.errors import FamilyError, InferenceError
from models.input_spec import InputSpec
from models.preprocess import Letterbox, preprocess
from models.runtime.onnxruntime import OnnxRuntimeNetwork

SPEC = InputSpec(height=64, width=96, letterbox="stretch")
FIT = Letterbox.fit((192, 64), SPEC)  # two source pixels an input pixel along x, one along y
ANCHORS = 96 + 24 + 6


def dets(*rows, labels=None):
    """`dets` and `labels` of (x0, y0, x1, y1, score)."""
    boxes = np.array(rows, np.float32).reshape(1, -1, 5)
    return boxes, np.array([labels or [0] * len(rows)], np.int64)


def yolox(**anchors):
    predictions = np.zeros((1, ANCHORS, 7), np.float32)
    for index, values in anchors.items():
        predictions[0, int(index[1:])] = values
    return (predictions,)


def ssd(*rows, count=None, slots=5):
    """Boxes, scores, classes and count of (y0, x0, y1, x1, score, class)."""
    table = np.full((1, slots, 6), np.nan, np.float32)
    table[0, : len(rows)] = np.array(rows).reshape(-1, 6)
    number = np.array([len(rows) if count is None else count], np.float32)
    return table[..., :4], table[..., 4], table[..., 5], number


def test_dets_are_corners_in_input_pixels():
    outputs = dets((10, 5, 20, 15, 0.5), (30, 20, 40, 50, 0.9), (1, 1, 5, 5, 0.1), labels=[1, 0, 0])
    found = DetsDecoder(SPEC, 2).decode(outputs, FIT)
    assert found.boxes.tolist() == [[60, 20, 80, 50], [20, 5, 40, 15]]
    assert found.classes.tolist() == [0, 1]
    assert found.scores.tolist() == pytest.approx([0.9, 0.5])
    assert found.masks is None


def test_dets_of_an_empty_street_have_no_rows():
    assert len(DetsDecoder(SPEC, 1).decode(dets(), FIT)) == 0


def test_labels_may_come_first():
    boxes, labels = dets((10, 5, 20, 15, 0.5))
    assert len(DetsDecoder(SPEC, 1).decode((labels, boxes), FIT)) == 1


def test_yolox_cells_are_offsets_on_three_grids():
    """Anchor 13 is column 1 of row 1 at stride 8; 96 + 7 is the same cell at stride 16."""
    outputs = yolox(
        a13=[0.5, 0.25, np.log(2), np.log(1), 0.8, 0.1, 1.0],
        a103=[0.5, 0.5, np.log(1), np.log(0.5), 1.0, 0.5, 0.2],
    )
    found = YoloxDecoder(SPEC, 2).decode(outputs, FIT)
    # Centre (12, 10), size (16, 8); and centre (24, 24), size (16, 8): x counts twice.
    np.testing.assert_allclose(found.boxes, [[8, 6, 40, 14], [32, 20, 64, 28]], rtol=1e-5)
    assert found.scores.tolist() == pytest.approx([0.8, 0.5])
    assert found.classes.tolist() == [1, 0]


def test_yolox_doubles_go():
    one = [0, 0, 3, 3, 1, 0.9, 0]
    outputs = yolox(a0=one, a1=[-1, 0, 3, 3, 1, 0.8, 0])
    assert YoloxDecoder(SPEC, 2).decode(outputs, FIT).scores.tolist() == pytest.approx([0.9])


def test_a_yolox_size_beyond_all_numbers_is_refused():
    with pytest.raises(InferenceError, match="boxes that are not finite"):
        YoloxDecoder(SPEC, 2).decode(yolox(a0=[0, 0, 999, 0, 1, 1, 0]), FIT)


def test_ssd_is_normalised_rows_first_and_counts_classes_from_one():
    outputs = ssd((0.25, 0.5, 0.75, 1.0, 0.6, 2), (0, 0, 0.5, 0.25, 0.9, 1))
    found = SsdDecoder(SPEC, 2).decode(outputs, FIT)
    assert found.boxes.tolist() == [[0, 0, 48, 32], [96, 16, 192, 48]]
    assert found.classes.tolist() == [0, 1]
    assert found.scores.tolist() == pytest.approx([0.9, 0.6])


def test_what_stands_behind_the_count_of_an_ssd_is_not_read():
    """The helper fills those rows with NaN."""
    assert len(SsdDecoder(SPEC, 2).decode(ssd(), FIT)) == 0
    row = (0, 0, 0.5, 0.5, 0.9, 1)
    assert len(SsdDecoder(SPEC, 2).decode(ssd(row, row, count=1), FIT)) == 1


def test_an_ssd_with_fewer_slots_than_it_counts_is_read_to_its_end():
    row = (0, 0, 0.5, 0.5, 0.9, 1)
    assert len(SsdDecoder(SPEC, 2).decode(ssd(row, count=40, slots=1), FIT)) == 1


GOOD = [
    (DetsDecoder(SPEC, 2), dets((10, 5, 20, 15, 0.5), (30, 20, 40, 50, 0.9), labels=[1, 0])),
    (YoloxDecoder(SPEC, 2), yolox(a13=[0, 0, 1, 1, 1, 0.1, 0.5], a40=[0, 0, 1, 1, 1, 0.9, 0])),
    (SsdDecoder(SPEC, 2), ssd((0, 0, 0.5, 0.5, 0.5, 2), (0.5, 0.5, 1, 1, 0.9, 1))),
]


@pytest.mark.parametrize(("decoder", "outputs"), GOOD)
def test_scores_and_classes_choose(decoder, outputs):
    assert decoder.decode(outputs, FIT).classes.tolist() == [0, 1]
    assert decoder.decode(outputs, FIT, min_score=0.6).classes.tolist() == [0]
    assert decoder.decode(outputs, FIT, classes=[1]).classes.tolist() == [1]
    assert len(decoder.decode(outputs, FIT, classes=[])) == 0


@pytest.mark.parametrize(("decoder", "outputs"), GOOD)
@pytest.mark.parametrize("column", range(5))
def test_a_value_that_is_not_finite_is_never_an_empty_street(decoder, outputs, column):
    broken = [output.copy() for output in outputs]
    columns = broken[0] if column < broken[0].shape[2] else broken[1][..., None]
    columns[0, 0, min(column, columns.shape[2] - 1)] = np.nan
    with pytest.raises(InferenceError, match="not finite"):
        decoder.decode(broken, FIT)


@pytest.mark.parametrize(("decoder", "outputs"), GOOD)
def test_other_shapes_are_of_another_layout(decoder, outputs):
    for wrong in ((), outputs[:1] * 2, [output[:, :-1] for output in outputs[:1]], [np.zeros(3)]):
        with pytest.raises(FamilyError, match="this network gave"):
            decoder.decode(wrong, FIT)


def test_each_layout_refuses_the_others():
    for decoder, _ in GOOD:
        accepted = 0
        for _, outputs in GOOD:
            try:
                decoder.decode(outputs, FIT)
            except FamilyError:
                continue
            accepted += 1
        assert accepted == 1


@pytest.mark.parametrize(
    ("decoder", "outputs"),
    [
        (DetsDecoder(SPEC, 2), dets((0, 0, 9, 9, 7.0))),
        (YoloxDecoder(SPEC, 2), yolox(a0=[0, 0, 1, 1, 5, 0.9, 0])),
        (SsdDecoder(SPEC, 2), ssd((0, 0, 1, 1, 7.0, 1))),
    ],
)
def test_scores_that_are_no_probabilities_are_refused(decoder, outputs):
    with pytest.raises(FamilyError, match="between 0 and 1"):
        decoder.decode(outputs, FIT)


@pytest.mark.parametrize(
    ("decoder", "outputs"),
    [
        (DetsDecoder(SPEC, 2), dets((0, 0, 9, 9, 0.7), labels=[2])),
        (SsdDecoder(SPEC, 2), ssd((0, 0, 1, 1, 0.7, 0))),
    ],
)
def test_a_class_that_the_network_has_not_is_refused(decoder, outputs):
    with pytest.raises(FamilyError, match="class ids"):
        decoder.decode(outputs, FIT)


def test_boxes_are_clipped_to_the_image_and_dropped_outside():
    outputs = dets((-5, -5, 10, 10, 0.9), (200, 0, 300, 9, 0.8), (9, 9, 9, 20, 0.7))
    assert DetsDecoder(SPEC, 1).decode(outputs, FIT).boxes.tolist() == [[0, 0, 20, 10]]


@pytest.fixture(scope="module")
def image(data):
    return cv2.cvtColor(cv2.imread(str(data / "images" / "bus.jpg")), cv2.COLOR_BGR2RGB)


def run(data, image, name, spec):
    network = OnnxRuntimeNetwork((data / "weights" / name).read_bytes(), 2, inputs=(spec,))
    tensor, fit = preprocess(image, spec)
    return network.run(tensor), fit


@pytest.fixture(scope="module")
def people(data, image):
    """Where YOLOv8 sees people, surely."""
    spec = InputSpec(height=640, width=640)
    outputs, fit = run(data, image, "coco-yolov8n-seg-640.onnx", spec)
    return YoloSegDecoder(spec, 80).decode(outputs, fit, min_score=0.7, classes=[0]).boxes


@pytest.mark.slow
def test_rtmdet_sees_the_same_people_as_yolo(data, image, people):
    spec = InputSpec(
        height=640,
        width=640,
        colour="bgr",
        mean=(103.53, 116.28, 123.675),
        std=(57.375, 57.12, 58.395),
        letterbox="corner",
    )
    outputs, fit = run(data, image, "rtmdet-nano-person.onnx", spec)
    found = DetsDecoder(spec, 1).decode(outputs, fit)
    assert len(people) == 3
    assert (iou(people, found.boxes).max(axis=1) > 0.8).all()


def test_yolox_sees_the_same_people_as_yolo(data, image, people):
    spec = InputSpec(height=416, width=416, colour="bgr", std=(1, 1, 1), letterbox="corner")
    outputs, fit = run(data, image, "coco-yolox-nano.onnx", spec)
    found = YoloxDecoder(spec, 80).decode(outputs, fit)
    assert (
        iou(people, found.take(np.flatnonzero(found.classes == 0)).boxes).max(axis=1) > 0.7
    ).all()
    assert 5 in found.classes  # the bus
