"""YOLO-seg folders: written and read back with masks that are nearly the same, faults in lines."""

import cv2
import numpy as np
import pytest
import yaml
from labelled import CLASSES, SIZE, annotation, data_set, ellipse, two_parts, with_hole
from PIL import Image

from distill.data import rle
from distill.data.coco import CocoDataset, ImageRecord, write_coco
from distill.data.polygon import joined, outlines
from distill.data.yolo import write_yolo
from distill.data.yolo_reader import read_yolo
from distill.errors import InputError, OutputError
from models.coco_names import COCO_NAMES


@pytest.fixture
def master(tmp_path):
    return data_set(tmp_path / "set")


def exported(master, out):
    return write_yolo(CocoDataset.read(master), master, out)


def iou(first, second):
    return rle.overlaps([rle.encode(first)], [rle.encode(second)])[0, 0]


def refilled(mask):
    return rle.decode(rle.from_polygons([joined(outlines(mask)).ravel()], mask.shape))


def test_an_outline_gives_its_mask_back():
    rng = np.random.default_rng(2)
    for _ in range(50):
        x, y, a, b, angle = (int(n) for n in rng.integers((25, 25, 2, 2, 0), (90, 70, 25, 25, 180)))
        mask = ellipse(x, y, a, b, angle)
        assert iou(refilled(mask), mask) > 0.97


def test_the_parts_of_a_mask_come_back_over_bridges():
    mask = two_parts()
    mask[80:84, 100:110] = 1
    assert len(outlines(mask)) == 3
    assert iou(refilled(mask), mask) > 0.97


def islands():
    """A ring around a ring around a spot."""
    shapes = [ellipse(60, 45, side, side) for side in (40, 30, 20, 10, 4)]
    return sum(shapes[::2]) - sum(shapes[1::2])


def holes():
    """As many as a sieve has, some at the edge."""
    mask = np.ones(SIZE, np.uint8)
    mask[4::18, 3::14] = 0
    mask[40:44, :3] = 0
    return mask


@pytest.mark.parametrize(
    "mask", [with_hole(), islands(), holes()], ids=["hole", "islands", "sieve"]
)
def test_holes_stay_holes(mask):
    """For COCO's tools, and as Ultralytics fills polygons."""
    assert iou(refilled(mask), mask) > 0.97
    filled = np.zeros_like(mask)
    cv2.fillPoly(filled, [joined(outlines(mask)).astype(np.int32)], 1)
    assert iou(filled, mask) > 0.95


def test_a_single_pixel_has_an_outline():
    mask = np.zeros(SIZE, np.uint8)
    mask[5, 7] = 1
    assert refilled(mask).sum() == 1
    assert outlines(np.zeros(SIZE, np.uint8)) == []


def test_an_export_is_read_back(master, tmp_path):
    notes = exported(master, tmp_path / "yolo")
    assert notes == [
        "2 images have regions to ignore, which YOLO can't say; left out",
    ]
    back = read_yolo(tmp_path / "yolo" / "data.yaml")
    assert back.classes == CLASSES
    assert back.problems == ()
    by_name = {"/".join(r.path.parts[-2:]): r for r in back.images}
    bottle, cup = by_name["street/000000.jpg"].annotations
    assert iou(rle.decode(bottle.rle), two_parts()) > 0.97
    assert cup.class_id == 1
    assert iou(rle.decode(cup.rle), with_hole()) > 0.97
    assert by_name["street/000002.jpg"].annotations == ()
    assert len(by_name["yard/000000.jpg"].annotations) == 1
    assert by_name["yard/000002.jpg"].annotations == ()


def test_clips_keep_their_split(master, tmp_path):
    exported(master, tmp_path / "yolo")
    train = read_yolo(tmp_path / "yolo" / "data.yaml", splits=["train"])
    val = read_yolo(tmp_path / "yolo" / "data.yaml", splits=["val"])
    assert {r.path.parent.name for r in train.images} == {"street"}
    assert {r.path.parent.name for r in val.images} == {"yard"}


def test_without_a_split_both_are_the_same_images_and_that_is_said(tmp_path):
    master = data_set(tmp_path / "set", split=False)
    assert "train and val are the same images" in exported(master, tmp_path / "yolo")[0]
    settings = yaml.safe_load((tmp_path / "yolo" / "data.yaml").read_text())
    assert settings["train"] == settings["val"] == "images/train"
    assert len(read_yolo(tmp_path / "yolo").images) == 4


def test_odd_class_names_survive_the_yaml(tmp_path):
    image = tmp_path / "a.png"
    Image.new("RGB", (120, 90)).save(image)
    names = ('a "quoted": one', "- dash", "ü")
    record = ImageRecord(1, image, 120, 90, None, None, (annotation(ellipse(30, 30, 9, 9), 2),))
    write_coco(tmp_path / "a.json", names, [record], {})
    exported(tmp_path / "a.json", tmp_path / "yolo")
    assert read_yolo(tmp_path / "yolo").classes == names


def test_a_folder_that_holds_something_is_left_alone(master, tmp_path):
    with pytest.raises(OutputError, match="is not empty"):
        exported(master, tmp_path / "set")


@pytest.fixture
def folder(tmp_path):
    """A YOLO folder with one image; gives a function that writes its labels."""
    (tmp_path / "images").mkdir()
    (tmp_path / "labels").mkdir()
    Image.new("RGB", (100, 50)).save(tmp_path / "images" / "a.png")

    def write(*lines):
        (tmp_path / "labels" / "a.txt").write_text("\n".join(lines))
        return tmp_path

    return write


GOOD = "0 0.1 0.1 0.5 0.1 0.5 0.5 0.1 0.5"


def test_polygons_are_shares_of_the_image(folder):
    (record,) = read_yolo(folder(GOOD), ("cup",)).images
    assert record.annotations[0].box == (10, 5, 50, 25)
    assert not record.annotations[0].ignore


def test_a_box_is_a_region_to_ignore(folder):
    (record,) = read_yolo(folder("0 0.5 0.5 0.2 0.4"), ("cup",)).images
    assert record.annotations[0].box == (40, 15, 60, 35)
    assert record.annotations[0].ignore


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("cup 0.1 0.1", "is not a class number and corners"),
        ("7 0.1 0.1 0.5 0.1 0.5 0.5", "has class 7, but there are names for 1"),
        ("0 10 10 50 10 50 50", "not counted from 0 to 1"),
        ("0 nan 0.1 0.5 0.1 0.5 0.5", "not counted from 0 to 1"),
        ("0 0.1 0.1 0.5", "no polygon of three corners"),
        ("0 0.1 0.1 0.5 0.1 0.5 0.5 0.3", "no polygon of three corners"),
        ("0 0.1 0.1 0.1 0.1 0.1 0.1", "polygon without area"),
        (GOOD, "line 2 repeats one before it"),
    ],
)
def test_a_bad_line_costs_itself_alone(folder, line, reason):
    dataset = read_yolo(folder(GOOD, line, ""), ("cup",))
    assert len(dataset.images[0].annotations) == 1
    (problem,) = dataset.problems
    assert "a.txt: line 2" in problem
    assert reason in problem


def test_an_image_without_labels_is_empty_and_one_that_is_none_is_left_out(folder):
    path = folder(GOOD)
    Image.new("RGB", (10, 10)).save(path / "images" / "b.png")
    (path / "images" / "c.png").write_text("no image")
    dataset = read_yolo(path, ("cup",))
    assert [len(r.annotations) for r in dataset.images] == [1, 0]
    assert "c.png is no image" in dataset.problems[0]


def test_names_must_come_from_somewhere(folder):
    with pytest.raises(InputError, match="say them with --names"):
        read_yolo(folder(GOOD))


BAD_YAMLS = {
    "list": ("- 1", "says neither train nor val"),
    "broken": ("train: [", "is no YAML"),
    "names": ("train: images\nnames: {1: cup}", "neither a list nor numbered from 0"),
    "place": ("train: elsewhere\nnames: [cup]", "elsewhere, which is not there"),
    "nothing": ("train: labels\nnames: [cup]", "leads to no images"),
}


@pytest.mark.parametrize(("text", "reason"), BAD_YAMLS.values(), ids=BAD_YAMLS)
def test_a_bad_yaml_is_one_line(folder, text, reason):
    path = folder(GOOD) / "data.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=reason):
        read_yolo(path)


def test_a_text_file_may_list_the_images(folder):
    path = folder(GOOD)
    (path / "list.txt").write_text("images/a.png\n\n")
    (path / "data.yaml").write_text("path: .\ntrain: list.txt\nval: list.txt\nnames: {0: cup}\n")
    assert len(read_yolo(path / "data.yaml").images) == 1


def test_coco128_is_converted_whole(data, tmp_path):
    """Every label of an image that is there becomes one object; masks are what polygons say."""
    source = data / "coco128-seg"
    dataset = read_yolo(source, COCO_NAMES)
    assert len(dataset.images) == 128
    assert dataset.problems == ()
    labels = source / "labels" / "train2017"
    for record in dataset.images:
        path = labels / f"{record.path.stem}.txt"
        classes = (
            [int(line.split()[0]) for line in path.read_text().splitlines()]
            if path.is_file()
            else []
        )
        assert [a.class_id for a in record.annotations] == classes
    write_coco(tmp_path / "coco128.json", dataset.classes, dataset.images, {})
    back = CocoDataset.read(tmp_path / "coco128.json")
    assert back.problems == ()
    assert sum(len(r.annotations) for r in back.images) == 929
    assert back.images[0].read().shape == (back.images[0].height, back.images[0].width, 3)


def test_images_of_one_stem_have_a_label_file_each(tmp_path):
    """YOLO finds an image's labels by its name without the ending."""
    records = []
    for number, name in enumerate(("a-2.bmp", "a.jpg", "a.png", "A.png", "b/a.png"), start=1):
        path = tmp_path / "set" / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((*SIZE, 3), 40 * number, np.uint8)).save(path)
        objects = tuple(annotation(ellipse(10 * n + 10, 40, 4, 9)) for n in range(number))
        records.append(ImageRecord(number, path, SIZE[1], SIZE[0], None, None, objects))
    master = tmp_path / "set" / "annotations.json"
    write_coco(master, CLASSES, records, {})
    exported(master, tmp_path / "yolo")
    back = read_yolo(tmp_path / "yolo" / "data.yaml")
    found = {round(r.read().mean() / 40): len(r.annotations) for r in back.images}
    assert found == {1: 1, 2: 2, 3: 3, 4: 4, 5: 5}, "shade and objects of each image"


@pytest.fixture
def roboflow(tmp_path):
    """Its data.yaml names folders as from one further down, and a test set that it lacks."""
    for split in ("train", "valid"):
        for part in ("images", "labels"):
            (tmp_path / split / part).mkdir(parents=True)
        Image.new("RGB", (40, 30)).save(tmp_path / split / "images" / "0.jpg")
        (tmp_path / split / "labels" / "0.txt").write_text("0 0.1 0.1 0.5 0.1 0.5 0.5\n")
    settings = {split: f"../{split}/images" for split in ("train", "valid", "test")}
    settings["val"] = settings.pop("valid")
    path = tmp_path / "data.yaml"
    path.write_text(yaml.safe_dump({**settings, "nc": 1, "names": ["bottle"]}))
    return path


def test_what_roboflow_exports_is_read(roboflow):
    dataset = read_yolo(roboflow)
    assert [record.path.parent.parent.name for record in dataset.images] == ["train", "valid"]
    assert all(len(record.annotations) == 1 for record in dataset.images)
    (line,) = dataset.problems
    assert "test is" in line
    assert line.endswith("which is not there; it is left out")


def test_a_split_that_is_asked_for_has_to_be_there(roboflow):
    with pytest.raises(InputError, match=r"test is .* which is not there$"):
        read_yolo(roboflow, splits=["test"])
    (roboflow.parent / "train").rename(roboflow.parent / "elsewhere")
    with pytest.raises(InputError, match=r"train is .* which is not there$"):
        read_yolo(roboflow)
