"""What calibrates never judges."""

import numpy as np
import pytest
from PIL import Image

from distill.errors import InputError
from distill.quantize.camera_frames import sources, split
from tests.distill.label.blobs import scene, write_clip


def shades(folder, count, first=0):
    """Images of one shade each, that tell them apart."""
    folder.mkdir(parents=True, exist_ok=True)
    for shade in range(first, first + count):
        Image.new("RGB", (8, 8), (shade, shade, shade)).save(folder / f"{shade:03}.png")
    return folder


def seen(frames):
    return [int(image[0, 0, 0]) for image in frames]


def test_frames_are_chosen_evenly_and_each_has_one_use(tmp_path):
    found = sources([shades(tmp_path / "a", 200)])
    tune, judged = (seen(each) for each in split(found, (), 20, 30))
    assert (len(tune), len(judged)) == (20, 30)
    assert not set(tune) & set(judged)
    for frames in (tune, judged):
        assert frames == sorted(frames)
        assert np.diff(frames).max() <= 16
        assert frames[0] < 12
        assert frames[-1] > 188


def test_of_few_two_in_five_calibrate(tmp_path):
    tune, judged = split(sources([shades(tmp_path / "a", 25)]), ())
    assert (len(tune), len(judged)) == (10, 15)
    assert sorted(seen(tune) + seen(judged)) == list(range(25))


def test_images_and_clips_are_read_anew_each_time(tmp_path):
    shades(tmp_path / "camera", 10)
    write_clip(tmp_path / "camera" / "b.mp4", [scene(i) for i in range(30)])
    (tmp_path / "camera" / "notes.txt").write_text("no picture")
    found = sources([tmp_path / "camera"])
    assert sum(source.pictures for source in found) == 40
    assert [source.is_clip for source in found].count(True) == 1
    tune, judged = split(found, ())
    assert (len(tune), len(judged)) == (16, 24)
    assert [image.shape for image in tune] == [image.shape for image in tune]
    assert len(list(tune)) == 16
    assert tune.digest() == split(found, ())[0].digest() != judged.digest()


def test_labelled_images_and_their_copies_do_not_calibrate(tmp_path):
    camera = shades(tmp_path / "camera", 60)
    labelled = shades(tmp_path / "labelled", 20, first=30)
    tune, judged = split(sources([camera]), list(labelled.iterdir()))
    assert not {*seen(tune), *seen(judged)} & set(range(30, 50))
    assert len(tune) + len(judged) == 40
    with pytest.raises(InputError, match="has 0 frames beside 60 that --data judges on, and needs"):
        split(sources([camera]), list(camera.iterdir()))


def test_too_few_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"has 19 frames, and needs 20 or more \(better 500\)"):
        split(sources([shades(tmp_path / "a", 19)]), ())


def test_a_picture_that_can_t_be_read_is_left_out_and_named(tmp_path):
    folder = shades(tmp_path / "a", 30)
    for path in list(folder.iterdir())[:3]:
        path.write_bytes(b"no picture")
    tune, judged = split(sources([folder]), ())
    assert len(list(tune)) + len(list(judged)) == 27
    assert len(tune.problems) + len(judged.problems) == 3
    assert all("is no image that can be read" in line for line in tune.problems + judged.problems)


def test_a_clip_of_a_folder_that_can_t_be_read_is_left_out_and_named(tmp_path):
    folder = shades(tmp_path / "a", 29)
    (folder / "cut.mp4").write_bytes(b"no clip")
    tune, judged = split(sources([folder]), ())
    assert len(list(tune)) + len(list(judged)) == 29
    (line,) = tune.problems + judged.problems
    assert "cut.mp4" in line
    with pytest.raises(InputError, match=r"cut\.mp4"):
        sources([folder / "cut.mp4"])


def test_a_picture_is_read_when_its_turn_comes(tmp_path):
    folder = shades(tmp_path / "a", 30)
    reader = iter(split(sources([folder]), ())[0])
    next(reader)
    for path in folder.iterdir():
        Image.new("RGB", (8, 8), (255, 0, 0)).save(path)
    assert {int(image[0, 0, 0]) for image in reader} == {255}


def test_nothing_to_read_is_said(tmp_path):
    with pytest.raises(InputError, match="can't be read"):
        sources([tmp_path / "camera"])
    (tmp_path / "camera").mkdir()
    with pytest.raises(InputError, match="is a folder without images or videos"):
        sources([tmp_path / "camera"])
