"""Golden frames travel: of real footage none does unasked, or nothing of it but labelled objects."""

import shutil

import cv2
import numpy as np
import pytest
from labelled import annotation, data_set, ellipse
from PIL import Image

from distill.cli import main
from distill.data import rle
from distill.data.coco import CocoDataset, ImageRecord, write_coco
from distill.errors import InputError, UsageError
from distill.pack.frames import labelled_frames, redacted_frames, rendered_frames
from models.input_spec import InputSpec

SMALL, LARGE = InputSpec(width=64, height=64), InputSpec(width=640, height=640)


def test_frames_are_those_with_objects_and_no_larger_than_the_network_sees(tmp_path):
    path = data_set(tmp_path)
    frames = labelled_frames(path, None, 4, SMALL, shows_nobody=True, problems=[])
    assert [frame.shape for frame in frames] == [(48, 64, 3)] * 2  # one is empty, one in doubt
    (frame,) = labelled_frames(path, None, 1, LARGE, shows_nobody=True, problems=[])
    assert frame.shape == (90, 120, 3)


@pytest.mark.parametrize(
    "choose",
    [
        lambda path: labelled_frames(path, None, 4, SMALL, shows_nobody=True, problems=[]),
        lambda path: redacted_frames(path, None, 4, SMALL, ("bottle", "cup"), problems=[]),
    ],
)
def test_a_data_set_without_objects_gives_no_frames(tmp_path, choose):
    path = data_set(tmp_path)
    path.write_text(path.read_text().replace('"iscrowd": 0', '"iscrowd": 1'))
    with pytest.raises(InputError, match="no image with a labelled object"):
        choose(path)


def test_real_footage_goes_when_somebody_says_so(tmp_path):
    path = data_set(tmp_path)
    with pytest.raises(
        UsageError, match=r"\.jpg is no rendered picture; --redact-background .*nobody"
    ):
        labelled_frames(path, None, 4, SMALL, shows_nobody=False, problems=[])


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scenes") / "a"
    words = ["--images", "3", "--size", "128x96", "--val", "0", "--workers", "1"]
    assert main(["synth", "--out", str(folder), *words]) == 0
    return folder


@pytest.fixture
def mine(scenes, tmp_path):
    return shutil.copytree(scenes, tmp_path / "mine")


def first(folder):
    return next(r.path for r in CocoDataset.read(folder / "annotations.json").images)


@pytest.mark.slow
def test_what_synth_rendered_goes_without_a_word(mine):
    frames = labelled_frames(mine / "train.json", None, 4, SMALL, shows_nobody=False, problems=[])
    dataset = CocoDataset.read(mine / "train.json")
    assert len(frames) == sum(bool(record.annotations) for record in dataset.images) > 0


def another(folder):
    """A photograph under the name of a scene."""
    Image.fromarray(np.full((96, 128, 3), 90, np.uint8)).save(first(folder))


def unknown(folder):
    (folder / "scenes.jsonl").unlink()


def foreign(folder):
    (folder / "scenes.jsonl").write_text('{"format": "of somebody else"}\n')


def emptied(folder):
    (folder / "scenes.jsonl").write_text("")


def beside(folder):
    """A photograph added to the data set."""
    photo = folder / "images" / "photo.jpg"
    Image.fromarray(np.full((96, 128, 3), 90, np.uint8)).save(photo)
    packed = rle.encode(np.ones((96, 128), np.uint8))
    shot = ImageRecord(9, photo, 128, 96, None, None, (annotation(rle.decode(packed)),))
    dataset = CocoDataset.read(folder / "train.json")
    write_coco(folder / "train.json", dataset.classes, (*dataset.images, shot), dataset.info)


@pytest.mark.slow
@pytest.mark.parametrize("change", [another, unknown, foreign, emptied, beside])
def test_one_that_synth_did_not_render_does_not(mine, change):
    change(mine)
    with pytest.raises(UsageError, match="is no rendered picture"):
        labelled_frames(mine / "train.json", None, 8, SMALL, shows_nobody=False, problems=[])


@pytest.fixture
def street(tmp_path):
    """Stripes: a bottle, a person who is labelled, one who is in doubt, and one whom nobody saw."""
    stripes = np.zeros((90, 120, 3), np.uint8)
    stripes[:, ::2] = 255
    (tmp_path / "images").mkdir()
    Image.fromarray(stripes).save(tmp_path / "images" / "street.png")
    bottle, person = ellipse(30, 30, 15, 25), ellipse(60, 40, 25, 20)
    objects = (
        annotation(bottle),
        annotation(person, class_id=1),
        annotation(ellipse(30, 45, 9, 9), band="review"),
    )
    record = ImageRecord(1, tmp_path / "images/street.png", 120, 90, None, None, objects)
    write_coco(tmp_path / "street.json", ("bottle", "person"), [record], {})
    return tmp_path / "street.json", stripes, objects


def test_of_a_redacted_frame_the_network_s_objects_are_left(street):
    path, stripes, objects = street
    (frame,) = redacted_frames(path, None, 1, LARGE, ("bottle",), problems=[])
    bottle, person, doubtful = (rle.decode(one.rle) > 0 for one in objects)
    kept = bottle & ~person & ~doubtful
    assert kept.any()
    assert (bottle & (person | doubtful)).any(), "else nothing is tried"
    assert (frame[kept] == stripes[kept]).all()
    hidden = cv2.erode((~kept).astype(np.uint8), np.ones((3, 3))) > 0
    grey = frame.astype(int)[:, :, 0]
    across = np.abs(np.diff(grey, axis=1))[hidden[:, 1:] & hidden[:, :-1]]
    assert across.max() < 40, "of stripes of black and white nothing is left"


def test_a_frame_of_other_classes_alone_is_none(street):
    with pytest.raises(InputError, match="no image with a labelled object of the student's"):
        redacted_frames(street[0], None, 1, LARGE, ("cup",), problems=[])


@pytest.mark.slow
def test_rendered_frames_show_what_the_network_knows():
    frames = rendered_frames(2, SMALL, ("dog", "jar"))
    assert [frame.shape for frame in frames] == [(48, 64, 3)] * 2
    assert not np.array_equal(*frames)
    with pytest.raises(UsageError, match="renders bottle, can, cup, jar, box, of which"):
        rendered_frames(2, SMALL, ("dog",))


@pytest.mark.parametrize("redacted", [False, True])
def test_a_bad_photo_is_left_out_and_another_stands_in(tmp_path, redacted):
    def choose(count, problems):
        if redacted:
            return redacted_frames(path, None, count, LARGE, ("bottle", "cup"), problems=problems)
        return labelled_frames(path, None, count, LARGE, shows_nobody=True, problems=problems)

    path = data_set(tmp_path)
    records = [r for r in CocoDataset.read(path).images if any(not a.ignore for a in r.annotations)]
    for cut in records:
        others, whole = [r.path for r in records if r is not cut], cut.path.read_bytes()
        for spoilt in (whole[:-2000], b"no photo", None):
            cut.path.unlink() if spoilt is None else cut.path.write_bytes(spoilt)
            problems = []
            assert len(choose(len(records), problems)) == len(others)
            if spoilt is not None:  # else it is told of where the file is read
                assert [str(cut.path) in line for line in problems] == [True]
            assert len(choose(1, [])) == 1
            cut.path.write_bytes(whole)
    for record in records:
        Image.open(record.path).crop((0, 0, 90, 90)).save(record.path)
    with pytest.raises(InputError, match=r"none of the 2 images .* but was labelled as 120x90"):
        choose(4, [])
