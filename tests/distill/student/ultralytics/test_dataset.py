import cv2
import numpy as np
import torch
from ultralytics.cfg import get_cfg

from distill.data import rle
from distill.data.record import Annotation, ImageRecord
from distill.student.ultralytics.dataset import RecordDataset
from distill.student.ultralytics.ignored_regions import take_out_ignored

SIDE = 64


def region(x0, y0, x1, y1, *, ignore):
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[y0:y1, x0:x1] = 1
    shape = rle.encode(mask)
    return Annotation(0, rle.box(shape), shape, ignore=ignore)


def batch(folder, *regions):
    """What the trainer would be given of one image, at a mask pixel for every four."""
    path = folder / "image.png"
    cv2.imwrite(str(path), np.zeros((SIDE, SIDE, 3), np.uint8))
    record = ImageRecord(1, path, SIDE, SIDE, None, None, regions)
    data = {"nc": 1, "names": {0: "bottle"}, "channels": 3}
    dataset = RecordDataset(
        [record], with_ignored=True, data=data, imgsz=SIDE, augment=False, hyp=get_cfg()
    )
    given = dataset.collate_fn([dataset[0]])
    take_out_ignored(given, 1)
    return given


def test_an_object_stays_whole_under_a_region_to_ignore(tmp_path):
    known = region(8, 8, 56, 56, ignore=False)
    alone = batch(tmp_path, known)
    doubts = region(12, 12, 56, 56, ignore=True), region(40, 0, 64, 64, ignore=True)
    given = batch(tmp_path, *doubts, known)
    assert torch.equal(given["masks"], alone["masks"])
    assert alone["masks"].sum() == 12 * 12
    assert given["cls"].tolist() == [[0.0]]
    beside = given["ignored"][0]
    assert beside[:, 14:].all(), "what is doubtful and no object is ignored"
    assert not beside[:, :10].any()


def test_what_is_doubtful_alone_is_ignored(tmp_path):
    given = batch(tmp_path, region(0, 0, 32, 64, ignore=True))
    assert not len(given["cls"])
    assert given["ignored"][0, :, :8].all()
    assert not given["ignored"][0, :, 9:].any()
