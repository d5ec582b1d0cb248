"""`sfumato-distill labels split` and `merge`, as they are typed."""

import json
import shutil

import pytest
from labelled import annotation, data_set, ellipse

from distill.cli import main
from distill.data.coco import CocoDataset, ImageRecord, write_coco


@pytest.fixture
def master(tmp_path):
    return data_set(tmp_path / "set", split=False)


def labels(*words):
    return main(["labels", *map(str, words)])


def exit_code(*words):
    """Also where the words themselves are wrong."""
    try:
        return labels(*words)
    except SystemExit as stopped:
        return stopped.code


def read(path):
    dataset = CocoDataset.read(path)
    assert not dataset.problems
    return dataset


def essence(dataset):
    """What is labelled, by the image's own file."""
    return {
        record.path.resolve(): sorted(
            (dataset.classes[one.class_id], one.ignore, one.band, one.rle.counts)
            for one in record.annotations
        )
        for record in dataset.images
    }


def test_split_keeps_clips_and_labels_whole_and_says_what_each_side_got(master, capsys):
    assert labels("split", master.parent, "--val", "0.5") == 0
    said = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["images", "2", "2"] in said
    assert sorted(row[2:] for row in said if row[0] == "bottle") == [["1", "1"]]
    train, val = (read(master.with_name(name)) for name in ("train.json", "val.json"))
    assert essence(train) | essence(val) == essence(read(master))
    assert {one.clip for one in train.images} ^ {one.clip for one in val.images} == {
        *("street", "yard")
    }
    ids = {one.path: one.id for one in read(master).images}
    assert all(ids[one.path] == one.id for one in (*train.images, *val.images))


def test_split_goes_elsewhere_and_keeps_what_it_replaces(master, tmp_path, capsys):
    out = tmp_path / "parts"
    assert labels("split", master, "--out", out) == 0
    before = (out / "val.json").read_bytes()
    assert essence(read(out / "train.json")) | essence(read(out / "val.json")) == essence(
        read(master)
    )
    seed = next(
        seed
        for seed in range(1, 30)
        if labels("split", master, "--out", tmp_path / f"{seed}", "--seed", seed) == 0
        and essence(read(tmp_path / f"{seed}/val.json")) != essence(read(out / "val.json"))
    )
    capsys.readouterr()
    assert labels("split", master, "--out", out, "--seed", seed) == 0
    assert f"the old one is {out / 'val.json.1'}" in capsys.readouterr().out
    assert (out / "val.json.1").read_bytes() == before != (out / "val.json").read_bytes()


def test_a_side_without_a_class_is_said(master, capsys):
    assert labels("split", master, "--val", "0.5") == 0
    assert "shows no cup; try another --seed" in capsys.readouterr().err


def test_one_clip_is_cut_and_it_is_said(master, capsys):
    whole = json.loads(master.read_text())
    whole["info"]["clips"] = [{"name": "street", "split": "train"}]
    for number, image in enumerate(whole["images"]):
        image |= {"clip": "street", "frame": number}
    master.write_text(json.dumps(whole))
    assert labels("split", master) == 0
    assert "there is one clip, street: its last 1 images are held out" in capsys.readouterr().out
    val = read(master.with_name("val.json"))
    assert [one.frame for one in val.images] == [3]
    assert val.info["clips"] == [{"name": "street", "split": "train and val"}]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--val", "4"], 2, "leaves nothing of 4 images"),
        (["--val", "1.5"], 2, "neither a share"),
        (["--val", "0"], 2, "neither a share"),
        (["--val", "nan"], 2, "neither a share"),
        (["--out", "/proc/nothing"], 4, "/proc/nothing"),
    ],
)
def test_what_is_wrong_with_a_split_is_one_line(master, capsys, words, code, said):
    assert exit_code("split", master, *words) == code
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_a_part_is_not_split_over_itself(master, capsys):
    shutil.copy(master, master.with_name("train.json"))
    assert labels("split", master.with_name("train.json")) == 2
    assert "name another folder with --out" in capsys.readouterr().err


def test_merge_takes_classes_by_name_and_keeps_images_of_one_name_apart(tmp_path, capsys):
    one, other = data_set(tmp_path / "one"), data_set(tmp_path / "two", split=False)
    repaint(other)
    whole = json.loads(other.read_text())
    names = {1: (7, "cup"), 2: (3, "can")}  # a bottle there is a cup here, and cups are cans
    whole["categories"] = [{"id": new, "name": name} for new, name in names.values()]
    for each in whole["annotations"]:
        each["category_id"] = names[each["category_id"]][0]
    other.write_text(json.dumps(whole))
    out = tmp_path / "all" / "all.json"
    assert labels("merge", one, other, "--out", out) == 0
    said = capsys.readouterr().out
    assert "one/annotations.json has no class can" in said
    assert "two/annotations.json has no class bottle" in said
    merged = read(out)
    assert merged.classes == ("bottle", "cup", "can")
    assert [each.id for each in merged.images] == list(range(1, 9))
    assert essence(merged) == essence(read(one)) | essence(read(other))
    tracks = [{a.track_id for r in part for a in r.annotations} - {None} for part in (
        merged.images[:4], merged.images[4:]
    )]  # fmt: skip
    assert [len(part) for part in tracks] == [2, 2]
    assert not tracks[0] & tracks[1]
    assert labels("merge", one, other, "--out", out) == 4
    assert "is there already" in capsys.readouterr().err


def repaint(master):
    """Other pictures in the files of a data set."""
    for number, path in enumerate(sorted(master.parent.rglob("*.jpg"))):
        path.write_bytes(path.read_bytes() + bytes([number]))


def test_the_same_image_counts_once_or_stops_the_merge(tmp_path, capsys):
    one, copy = data_set(tmp_path / "one"), data_set(tmp_path / "two")
    out = tmp_path / "all.json"
    assert labels("merge", one, copy, "--out", out) == 0
    assert "4 images are in several of them" in capsys.readouterr().out
    assert essence(read(out)) == essence(read(one))
    out.unlink()
    whole = json.loads(copy.read_text())
    whole["annotations"].pop()
    copy.write_text(json.dumps(whole))
    assert labels("merge", one, copy, "--out", out) == 3
    said = capsys.readouterr().err
    assert "two/images/yard/000000.jpg is the same image as" in said
    assert said.count("\n") == 1
    assert not out.exists()


def test_one_set_may_hold_a_picture_twice(tmp_path):
    master = data_set(tmp_path / "set", split=False)
    first, second, *_ = sorted(master.parent.rglob("*.jpg"))
    shutil.copy(first, second)
    other = tmp_path / "other" / "other.json"
    picture = tmp_path / "other" / "a.jpg"
    picture.parent.mkdir()
    picture.write_bytes(first.read_bytes() + b"0")
    objects = (annotation(ellipse(30, 30, 9, 9)),)
    write_coco(other, ("bottle",), [ImageRecord(1, picture, 120, 90, None, None, objects)], {})
    assert labels("merge", master, other, "--out", tmp_path / "all.json") == 0
    assert len(read(tmp_path / "all.json").images) == 5
