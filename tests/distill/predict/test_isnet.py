"""IS-Net calls what stands out by the name that it is given."""

import cv2
import numpy as np
import pytest
from isnets import write_detector, write_isnet

from distill.errors import UsageError
from distill.predict.isnet import IsNet, IsNetPredictor, parts, steadiness
from distill.predict.open import load_labelling_teacher, load_teacher
from models.errors import FamilyError, InferenceError, ModelError
from models.masks import pasted
from models.runtime.onnxruntime import CUDA, available_providers

RED, GREY = (230, 30, 30), (90, 90, 90)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return write_isnet(tmp_path_factory.mktemp("isnet") / "isnet.onnx")


@pytest.fixture(scope="module")
def teacher(weights):
    return load_labelling_teacher(weights, ["bottle"], device="cpu")


def picture(*discs, size=(200, 120)):
    """Grey, with a red disc for each x, y, radius; and where the red is."""
    image = np.full((size[1], size[0], 3), GREY, np.uint8)
    place = np.zeros(image.shape[:2], np.uint8)
    for x, y, radius in discs:
        cv2.circle(image, (x, y), radius, RED, -1)
        cv2.circle(place, (x, y), radius, 1, -1)
    return image, place > 0


def overlap(mask, truth):
    seen = pasted(mask, truth.shape[::-1])
    return (seen & truth).sum() / (seen | truth).sum()


def test_what_stands_out_is_an_object_of_the_one_class(teacher, weights):
    image, truth = picture((140, 40, 25))
    upright, turned = teacher.predict([image, np.ascontiguousarray(np.rot90(image))], min_score=0.5)
    assert (teacher.name, teacher.classes, upright.classes.tolist()) == ("isnet", ("bottle",), [0])
    assert teacher.sha256 == IsNet.open(weights, "cpu").sha256
    assert overlap(upright.masks[0], truth) > 0.97
    assert overlap(turned.masks[0], np.rot90(truth)) > 0.97
    assert upright.boxes[0] == pytest.approx([115, 15, 166, 66], abs=1)
    assert 0.9 < upright.scores[0] <= 1


def test_parts_that_do_not_touch_are_objects_and_specks_are_none(teacher):
    image, _ = picture((40, 40, 30), (120, 80, 20), (180, 20, 3))
    (found,) = teacher.predict([image], min_score=0)
    assert len(found) == 2
    assert sorted(found.boxes[:, 0].round().tolist()) == pytest.approx([10, 100], abs=1)
    assert list(found.scores) == sorted(found.scores, reverse=True)


def test_an_empty_scene_has_no_objects(teacher):
    (found,) = teacher.predict([picture()[0]], min_score=0)
    assert len(found) == 0
    assert found.masks == ()
    assert teacher.predict([], min_score=0) == []


def test_a_mask_that_depends_on_the_threshold_scores_little():
    sure, unsure = np.zeros((2, 40, 60), np.uint8)
    unsure[10:30, 5:25] = 150
    unsure[10:15, 5:25] = 250
    sure[10:30, 35:55] = 250
    assert (steadiness(sure), steadiness(unsure), steadiness(0 * sure)) == (1, 0.25, 0)
    both = parts(sure + unsure, 0.1)
    assert both.scores.tolist() == [1, 0.25]
    assert both.boxes.tolist() == [[35, 10, 55, 30], [5, 10, 25, 30]]
    assert len(parts(sure + unsure, 0.3)) == 1


def test_a_mask_holds_nothing_of_another_object_in_its_box():
    corner, inner = np.zeros((2, 40, 40), np.uint8)
    corner[5:35, 5:10] = corner[30:35, 5:35] = 250
    inner[10:25, 15:30] = 240
    found = parts(corner + inner, 0)
    assert found.boxes.tolist() == [[5, 5, 35, 35], [15, 10, 30, 25]]
    assert (pasted(found.masks[0], (40, 40)) == (corner > 0)).all()
    assert (pasted(found.masks[1], (40, 40)) == (inner > 0)).all()


def test_boxes_end_where_the_object_is_likely_and_masks_keep_their_edges():
    soft = np.zeros((40, 40), np.uint8)
    soft[10:30, 10:30] = 100  # not the likelier
    soft[12:28, 14:26] = 220
    found = parts(soft, 0)
    assert found.boxes.tolist() == [[14, 12, 26, 28]]
    assert found.masks[0].pixels.shape == (20, 20)
    assert set(found.masks[0].pixels.flat) == {100, 220}


def test_another_network_is_refused_when_it_is_loaded(tmp_path):
    assert IsNet.open(write_isnet(tmp_path / "any.onnx", side="n"), "cpu").name == "any"
    with pytest.raises(
        ModelError, match=r"small\.onnx: the network wants \[1, 3, 320, 320\].*IS-Net takes one"
    ):
        IsNet.open(write_isnet(tmp_path / "small.onnx", side=320), "cpu")
    with pytest.raises(ModelError, match=r"boxes\.onnx: the network gives \[1, 84, 8400\] first"):
        IsNet.open(write_detector(tmp_path / "boxes.onnx"), "cpu")


class Gives:
    """A network that gives this, whatever it sees."""

    def __init__(self, first):
        self._first = first
        self.fed = None

    def run(self, batch, /):
        self.fed = batch.copy()
        return [self._first]


def test_it_is_fed_as_its_publisher_feeds_it():
    network = Gives(np.zeros((1, 1, 1024, 1024)))
    image = np.zeros((30, 50, 3), np.uint8)
    image[:, 25:] = (255, 128, 64)
    IsNet(network, "net", "0" * 64).foreground(image)
    assert network.fed.shape == (1, 3, 1024, 1024)
    assert (network.fed[0, :, :, 0] == -0.5).all()  # no bars; 0 to -128 / 256
    assert network.fed[0, :, 1023, 1023] == pytest.approx([127 / 256, 0, -0.25])


@pytest.mark.parametrize(
    ("first", "error", "message"),
    [
        (np.full((1, 1, 1024, 1024), -3.0), FamilyError, "values from -3 to -3"),
        (np.full((1, 1, 1024, 1024), np.nan), InferenceError, "not finite"),
        (np.full((1, 1, 512, 512), 0.5), FamilyError, r"gave \[1, 1, 512, 512\] first"),
    ],
)
def test_what_is_no_probability_is_no_mask(first, error, message):
    predictor = IsNetPredictor(IsNet(Gives(first), "odd", "0" * 64), "bottle")
    with pytest.raises(error, match=f"^odd: .*{message}"):
        predictor.predict([picture()[0]], min_score=0.5)


def test_files_that_are_no_networks_are_named(tmp_path):
    with pytest.raises(ModelError, match=r"no\.onnx can't be read: No such file"):
        IsNet.open(tmp_path / "no.onnx", "cpu")
    (tmp_path / "text.onnx").write_text("hello")
    with pytest.raises(ModelError, match=r"text\.onnx: .*can't load the model"):
        IsNet.open(tmp_path / "text.onnx", "cpu")


@pytest.mark.parametrize(
    ("classes", "options", "message"),
    [
        (["dog", "cat"], {}, "can't tell 2 classes apart; name one, or a detector.*--boxes"),
        (["dog"], {"image_size": 640}, "takes 1024 px and nothing else; leave --size out"),
        (["dog"], {"device": "tpu9"}, "'tpu9' is no device; take auto, cpu or cuda"),
    ],
)
def test_words_that_do_not_go_together_are_refused(weights, classes, options, message):
    with pytest.raises(UsageError, match=message):
        load_labelling_teacher(weights, classes, **options)


def test_boxes_are_for_isnet_alone_and_nobody_is_distilled_from_it(weights):
    with pytest.raises(UsageError, match="gives masks and boxes itself; leave --boxes out"):
        load_labelling_teacher("teacher.pt", ["dog"], boxes="other.pt")
    with pytest.raises(UsageError, match=r"RTMDet-Ins.* here; IS-Net's \.onnx labels"):
        load_teacher(weights)


@pytest.mark.skipif(CUDA in available_providers(), reason="this ONNX Runtime has CUDA")
def test_a_gpu_that_onnx_runtime_can_not_use_is_said(weights):
    with pytest.raises(UsageError, match=r"built without CUDA.* take auto or cpu"):
        IsNet.open(weights, "cuda")
    assert IsNet.open(weights, "auto").name == "isnet"
