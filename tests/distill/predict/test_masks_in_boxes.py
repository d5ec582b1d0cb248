"""A detector says what is where, IS-Net which pixels; where they don't agree the detector stays."""

import cv2
import numpy as np
import pytest
from isnets import write_isnet

from distill.label.settings import Settings
from distill.predict.isnet import IsNet
from distill.predict.masks_in_boxes import MasksInBoxes
from models.instances import Instances
from models.masks import pasted, whole_mask

RED, BLUE, GREY = (230, 30, 30), (30, 30, 230), (90, 90, 90)
BALL, HEDGEHOG, SHADOW = (40, 40, 100, 100), (150, 30, 210, 90), (230, 120, 270, 150)


class Boxes:
    """Detects where it is told to, and fills boxes with masks."""

    name, sha256, classes = "boxes", "ab" * 32, ("ball", "hedgehog", "shadow")

    def __init__(self, *boxes, masks=True):
        self._boxes, self._masks = boxes, masks

    def predict(self, images, *, min_score):
        scores = [0.9 - 0.1 * i for i in range(len(self._boxes))]
        found = Instances(
            np.array(self._boxes, np.float32).reshape(-1, 4),
            np.array(scores, np.float32),
            np.arange(len(self._boxes)),
            tuple(whole_mask(box) for box in self._boxes) if self._masks else None,
        )
        return [found.take(np.flatnonzero(found.scores >= min_score)) for _ in images]


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    return IsNet.open(write_isnet(tmp_path_factory.mktemp("isnet") / "isnet.onnx"), "cpu")


def scene():
    """A red ball, a red hedgehog beside it, and a blue thing that IS-Net does not see."""
    image = np.full((180, 320, 3), GREY, np.uint8)
    cv2.circle(image, (70, 70), 30, RED, -1)
    cv2.ellipse(image, (180, 60), (34, 26), 0, 0, 360, RED, -1)  # wider than its box
    cv2.rectangle(image, SHADOW[:2], SHADOW[2:], BLUE, -1)
    return image


def red(image, box, grow=0):
    x0, y0, x1, y1 = box
    seen = np.zeros(image.shape[:2], bool)
    out = round(grow * (x1 - x0))
    here = np.s_[max(0, y0 - out) : y1 + out, max(0, x0 - out) : x1 + out]
    seen[here] = image[here][..., 0] > 200
    return seen


def overlap(mask, truth):
    seen = pasted(mask, truth.shape[::-1])
    return (seen & truth).sum() / (seen | truth).sum()


def test_each_box_gets_the_mask_of_what_stands_out_in_it(net):
    image = scene()
    (found,) = MasksInBoxes(Boxes(BALL, HEDGEHOG), net, Boxes.classes).predict(
        [image], min_score=0.1
    )
    assert found.classes.tolist() == [0, 1]
    assert found.scores == pytest.approx([0.9, 0.8])
    assert found.boxes.tolist() == [list(BALL), list(HEDGEHOG)]
    assert overlap(found.masks[0], red(image, BALL)) > 0.97
    # What the detector's box cuts off is there too, and nothing of the ball.
    assert overlap(found.masks[1], red(image, HEDGEHOG, grow=0.1)) > 0.97


@pytest.mark.parametrize(("red_columns", "score"), [(40, 0.45), (70, 0.9)])
def test_what_stands_out_and_is_not_what_the_detector_means_is_left(net, red_columns, score):
    image = np.full((180, 320, 3), GREY, np.uint8)
    image[40:140, 100 : 100 + red_columns] = RED
    (found,) = MasksInBoxes(Boxes((100, 40, 200, 140)), net, ["ball"]).predict(
        [image], min_score=0.1
    )
    assert found.scores == pytest.approx([score])
    covered = pasted(found.masks[0], (320, 180)).sum()
    assert covered == pytest.approx(10_000 if score < 0.5 else 7_000, rel=0.03)


def test_what_isnet_does_not_see_keeps_its_mask_at_half_its_score(net):
    (found,) = MasksInBoxes(Boxes(BALL, HEDGEHOG, SHADOW), net, Boxes.classes).predict(
        [scene()], min_score=0.1
    )
    assert found.classes.tolist() == [0, 1, 2]
    assert found.scores == pytest.approx([0.9, 0.8, 0.35])
    assert overlap(found.masks[2], pasted(whole_mask(SHADOW), (320, 180))) == 1
    (found,) = MasksInBoxes(Boxes(SHADOW, BALL), net, Boxes.classes).predict(
        [scene()], min_score=0.1
    )
    assert found.classes.tolist() == [1, 0]  # best first again


class Notes(IsNet):
    """Notes width and height of what it looks at."""

    def __init__(self, net):
        super().__init__(net._network, net.name, net.sha256)
        self.looks = []

    def foreground(self, image):
        self.looks.append((image.shape[1], image.shape[0]))
        return super().foreground(image)


def test_it_looks_at_what_is_to_be_labelled_with_some_of_its_surroundings(net):
    noting = Notes(net)
    teacher = MasksInBoxes(Boxes(BALL, HEDGEHOG, SHADOW), noting, ["hedgehog"])
    (found,) = teacher.predict([scene()], min_score=0.1)
    assert found.classes.tolist() == [1]
    assert noting.looks == [(96, 96)]  # the box is 60 px wide and high, 30 px from the edge
    x0, y0, x1, y1 = HEDGEHOG
    mask = found.masks[0]
    assert (mask.x, mask.y, *mask.pixels.shape) == (x0 - 6, y0 - 6, y1 - y0 + 12, x1 - x0 + 12)


def test_the_data_set_tells_by_whom_it_was_made(net):
    one = MasksInBoxes(Boxes(BALL), net, ["ball"])
    assert one.name == "isnet in boxes"
    assert len(one.sha256) == 64
    assert one.sha256 not in {net.sha256, Boxes.sha256}
    settings = Settings(one.name, one.sha256, ("ball",))
    alone = Settings(net.name, net.sha256, ("ball",))
    assert "teacher isnet" in settings.difference(alone.to_json())


def test_empty_boxes_and_scenes(net):
    teacher = MasksInBoxes(Boxes((10, 10, 10, 10)), net, ["ball"])
    (found,) = teacher.predict([scene()], min_score=0.1)
    assert found.scores == pytest.approx([0.45])
    assert [len(one) for one in teacher.predict([scene()], min_score=0.95)] == [0]
    with pytest.raises(ValueError, match="must give masks"):
        MasksInBoxes(Boxes(BALL, masks=False), net, ["ball"]).predict([scene()], min_score=0)
