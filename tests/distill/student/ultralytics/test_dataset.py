"""Our images in Ultralytics' data set: regions to ignore, and images that stay the user's."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from PIL import Image as PilImage
from torch.utils.data import DataLoader
from ultralytics.cfg import get_cfg

from distill.data import rle
from distill.data.next_readable import plain_errors
from distill.data.record import Annotation, ImageRecord
from distill.errors import InputError
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


def picture(path, turned=1, size=(96, 48)):
    """A JPEG whose upright picture is the same however it is stored (EXIF, tag 0x0112)."""
    x, y = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
    upright = np.stack([x * 2, y * 4, np.full_like(x, 40)], axis=2).astype(np.uint8)
    stored = {
        1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1],
        5: upright.transpose(1, 0, 2), 6: upright.transpose(1, 0, 2)[::-1],
        7: upright.transpose(1, 0, 2)[::-1, ::-1], 8: upright.transpose(1, 0, 2)[:, ::-1],
    }[turned]  # fmt: skip
    exif = PilImage.Exif()
    exif[0x0112] = turned
    PilImage.fromarray(np.ascontiguousarray(stored)).save(path, quality=95, exif=exif)
    return ImageRecord(1, path, *size, None, None, ())


def dataset_of(records, *, augment=False):
    data = {"nc": 1, "names": {0: "bottle"}, "channels": 3}
    return RecordDataset(
        records, with_ignored=True, data=data, imgsz=SIDE, augment=augment, hyp=get_cfg(),
        batch_size=2,
    )  # fmt: skip


@pytest.mark.parametrize("turned", range(1, 9))
def test_an_image_is_upright_as_its_labels_are(tmp_path, turned):
    image, full, size = dataset_of([picture(tmp_path / "a.jpg", turned)]).load_image(0)
    assert (full, size) == ((48, 96), (32, 64))
    known = dataset_of([picture(tmp_path / "b.jpg")]).load_image(0)[0]
    assert np.abs(image.astype(int) - known).max() < 20, "BGR, and the same way round"


@pytest.mark.parametrize("content", [np.zeros((256, 64, 64), np.float32), None, b"no array"])
def test_an_array_beside_an_image_is_the_users(tmp_path, content):
    record, beside = picture(tmp_path / "a.jpg"), tmp_path / "a.npy"
    if isinstance(content, bytes):
        beside.write_bytes(content)
    else:  # an image's cache of Ultralytics', too, may be of another day
        np.save(beside, np.full((48, 96, 3), 255, np.uint8) if content is None else content)
    before = beside.read_bytes()
    image, *_ = dataset_of([record], augment=True).load_image(0)
    assert image.mean() < 200
    assert beside.read_bytes() == before


def test_an_image_that_is_not_the_labelled_one_is_left_out_and_said_once(tmp_path, capsys):
    good, cropped, turned, torn = (
        picture(tmp_path / "good.jpg"),
        replace(picture(tmp_path / "cropped.jpg", size=(64, 48)), width=96),
        replace(picture(tmp_path / "turned.jpg", 6), width=48, height=96),
        picture(tmp_path / "torn.jpg"),
    )
    torn.path.write_bytes(torn.path.read_bytes()[:-200])
    dataset = dataset_of([cropped, turned, torn, good])
    for _ in range(2):
        assert {dataset[i]["im_file"] for i in range(4)} == {str(good.path)}
    first, second, third = capsys.readouterr().err.splitlines()
    assert "cropped.jpg has 64x48 pixels, but was labelled as 96x48" in first
    assert "turned.jpg has 96x48 pixels, but was labelled as 48x96" in second
    assert "torn.jpg can't be decoded" in third


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 1])
def test_none_that_is_the_labelled_one_is_one_line(tmp_path, workers):
    record = replace(picture(tmp_path / "cropped.jpg"), width=64)
    dataset = dataset_of([record] * 12, augment=True)
    loader = DataLoader(dataset, collate_fn=dataset.collate_fn, num_workers=workers)
    with pytest.raises(InputError, match=r"^10 images in a row can't be read; [^\n]*put the ori"):
        list(plain_errors(loader))


def test_of_held_out_images_any_may_be_left_out(tmp_path):
    """They are measured on after hours of training, which a clip that was cropped must not cost."""
    good = picture(tmp_path / "good.jpg")
    cropped = replace(picture(tmp_path / "cropped.jpg"), width=64)
    assert dataset_of([cropped] * 30 + [good])[0]["im_file"] == str(good.path)
