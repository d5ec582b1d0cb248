"""Images that belong to no clip: labelled by score alone, in the same folder, in the same way."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from distill.cli import main
from distill.cli.label import _files, label
from distill.data import rle
from distill.data.coco import CocoDataset
from distill.errors import InputError
from distill.label.progress_log import NAME
from tests.distill.label.blobs import BlobTeacher, scene, settings, write_clip

pytestmark = pytest.mark.slow  # each labels images


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Ten photos, two of one name, one turned by its EXIF, and one that is none."""
    folder = tmp_path_factory.mktemp("photos")
    for number in range(8):
        Image.fromarray(scene(number, seed=number)).save(folder / f"p{number}.png")
    (folder / "more").mkdir()
    Image.fromarray(scene(3, seed=20)).save(folder / "more" / "P0.png")
    exif = Image.Exif()
    exif[0x0112] = 6  # stored lying on its side
    turned = Image.fromarray(np.ascontiguousarray(np.rot90(scene(2, seed=21))))
    turned.save(folder / "more" / "turned.jpg", exif=exif, quality=95)
    (folder / "broken.jpg").write_bytes(b"\xff\xd8 no image")
    return folder


@pytest.fixture(scope="module")
def labelled(photos, tmp_path_factory):
    folder = tmp_path_factory.mktemp("labelled") / "set"
    paths = _files([photos], folder)
    assert label(paths, BlobTeacher(lambda x: x / 60), settings(), folder) == 0
    return folder


def contents(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_every_image_is_there_once_upright_and_by_its_name(labelled):
    dataset = CocoDataset.read(labelled / "annotations.json")
    assert not dataset.problems
    names = [one.path.name for one in dataset.images]
    assert sorted(name for name in names if "-" not in name) == [
        *(f"p{number}.jpg" for number in range(1, 8)), "turned.jpg",
    ]  # fmt: skip
    assert sorted(name[:3] for name in names if "-" in name) == ["P0-", "p0-"]
    assert {one.path.parent for one in dataset.images} == {labelled / "images" / "stills"}
    assert all((one.width, one.height, one.clip) == (128, 96, None) for one in dataset.images)
    turned = next(one for one in dataset.images if one.path.name == "turned.jpg")
    assert np.abs(turned.read().astype(int) - scene(2, seed=21)).mean() < 4


def test_score_alone_decides_and_masks_are_the_teachers(labelled):
    dataset = CocoDataset.read(labelled / "annotations.json")
    bands = {}
    for image in dataset.images:
        for one in image.annotations:
            assert one.track_id is None
            assert one.ignore == (one.band != "accept")
            if dataset.classes[one.class_id] == "ball":
                bands[image.path.stem] = (one.band, one.score)
                red = image.read().astype(int)
                truth = red[..., 0] - red[..., 1:].max(axis=2) > 90
                mask = rle.decode(one.rle) > 0
                assert (mask & truth).sum() / (mask | truth).sum() > 0.9
            else:
                assert one.band == "accept"
    for number in range(1, 8):  # the ball's left edge is at 8 + 2 * number
        band = "review" if 8 + 2 * number >= 18 else "ignore"
        assert bands[f"p{number}"][0] == band
    review = CocoDataset.read(labelled / "review.json")
    assert all(any(a.band == "review" for a in one.annotations) for one in review.images)


def test_some_are_held_out_and_what_can_not_be_read_is_said(labelled, photos, tmp_path, capsys):
    parts = [CocoDataset.read(labelled / f"{name}.json").images for name in ("train", "val")]
    assert [len(part) for part in parts] == [8, 2]
    assert not {one.path for one in parts[0]} & {one.path for one in parts[1]}
    assert (labelled / "sheets" / "stills-001.png").exists()
    info = CocoDataset.read(labelled / "annotations.json").info
    assert info["stills"] == 10
    assert [one["file"] for one in info["not_decoded"]] == ["broken.jpg"]
    before = contents(labelled)
    paths = _files([photos], labelled)
    assert label(paths, BlobTeacher(lambda x: x / 60), settings(), labelled) == 0
    said = capsys.readouterr()
    assert "nothing is new" in said.out
    assert "broken.jpg" in said.err
    assert contents(labelled) == before
    with pytest.raises(InputError, match="nothing was labelled"):
        label([photos / "broken.jpg"], BlobTeacher(), settings(), tmp_path / "none")


class Stops(BlobTeacher):
    """A teacher that a kill ends after some images."""

    def predict(self, images, *, min_score):
        if self.asked >= 4:
            raise KeyboardInterrupt
        return super().predict(images, min_score=min_score)


def test_a_run_that_was_stopped_goes_on_and_gives_the_same(labelled, photos, tmp_path):
    folder = tmp_path / "set"
    paths = _files([photos], folder)
    with pytest.raises(KeyboardInterrupt):
        label(paths, Stops(lambda x: x / 60), settings(), folder)
    log = (folder / NAME).read_text()
    assert log.count('"kind": "stills"') == 1
    teacher = BlobTeacher(lambda x: x / 60)
    assert label(paths, teacher, settings(), folder) == 0
    assert teacher.asked == 6
    one, other = contents(labelled), contents(folder)
    assert one.keys() == other.keys()
    assert all(one[name] == other[name] for name in one)


def test_images_and_clips_share_a_set_and_no_id_ever_changes(photos, tmp_path):
    folder = tmp_path / "set"
    clip = write_clip(tmp_path / "stills.mp4", [scene(i, seed=9) for i in range(16)])
    label([photos / "p1.png", photos / "p2.png"], BlobTeacher(), settings(), folder)
    first = json.loads((folder / "annotations.json").read_bytes())["images"]
    label([clip, photos / "p3.png"], BlobTeacher(), settings(), folder)
    whole = json.loads((folder / "annotations.json").read_bytes())["images"]
    stills = [one for one in whole if one["clip"] is None]
    assert [one["id"] for one in first] == [one["id"] for one in stills[:2]] == [1, 2]
    assert {one["id"] for one in whole} == set(range(1, 12))
    (filmed,) = {one["clip"] for one in whole} - {None}
    assert filmed.startswith("stills-")  # the folder of images keeps its name
    page = (folder / "sheets" / "stills-001.png").read_bytes()
    label([photos / "p4.png"], BlobTeacher(), settings(), folder)
    assert (folder / "sheets" / "stills-001.png").read_bytes() != page


def test_a_folder_of_videos_gives_its_videos_and_the_set_itself_is_not_meant(
    photos, tmp_path, capsys
):
    place = tmp_path / "place"
    place.mkdir()
    clip = write_clip(place / "a.mp4", [scene(i) for i in range(8)])
    (place / "thumb.jpg").write_bytes((photos / "more" / "turned.jpg").read_bytes())
    out = place / "set"
    assert _files([place], out) == [clip]
    assert "left out: 1 images in" in capsys.readouterr().err
    clip.unlink()
    (out / "images").mkdir(parents=True)
    (out / "images" / "old.jpg").write_bytes(b"")
    assert _files([place], out) == [Path(place / "thumb.jpg")]
    (place / "thumb.jpg").unlink()
    with pytest.raises(InputError, match="without videos or images"):
        _files([place], out)


def test_what_became_of_stills_can_be_split(labelled, tmp_path):
    assert main(["labels", "split", str(labelled), "--out", str(tmp_path / "parts")]) == 0
    val = CocoDataset.read(tmp_path / "parts" / "val.json")
    assert len(val.images) == 2
