"""YOLO-seg folders: written and read back with masks that are nearly the same, faults in lines."""

import json

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
    (note,) = notes
    assert note.startswith("2 regions that don't count, in 2 images, are lost: YOLO can't say them")
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
    names = ('a "quoted": one', "- dash", "ü", "🍾", "null", "1.0", "a\\b\u2028c")
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


def as_folder(path):
    path.mkdir()


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
    ],
)
def test_a_line_that_can_t_be_read_is_not_background(folder, line, reason):
    """Something is there: its image is left out."""
    path = folder(GOOD, line, "")
    with pytest.raises(InputError, match=rf"none of its images can be used; .*{reason}"):
        read_yolo(path, ("cup",))
    Image.new("RGB", (100, 50)).save(path / "images" / "b.png")
    (path / "labels" / "b.txt").write_text(GOOD)
    dataset = read_yolo(path, ("cup",))
    assert [record.path.name for record in dataset.images] == ["b.png"]
    (problem,) = dataset.problems
    assert "a.txt: line 2" in problem
    assert reason in problem
    assert problem.endswith("; its image is left out")


@pytest.mark.parametrize("spoil", [lambda path: path.write_bytes(b"\xff\xfe0"), as_folder])
def test_labels_that_can_t_be_read_are_not_background(folder, spoil):
    path = folder(GOOD)
    Image.new("RGB", (100, 50)).save(path / "images" / "b.png")
    spoil(path / "labels" / "b.txt")
    dataset = read_yolo(path, ("cup",))
    assert [record.path.name for record in dataset.images] == ["a.png"]
    assert "b.txt can't be read" in dataset.problems[0]


def test_images_that_all_lack_labels_are_of_another_layout(folder):
    path = folder(GOOD)
    (path / "labels").rename(path / "annotations")
    with pytest.raises(InputError, match=r"no image has a file of labels; .*labels/a\.txt$"):
        read_yolo(path, ("cup",))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("0 0.1 0.1 0.1 0.1 0.1 0.1", "polygon without area"),
        (GOOD, "line 2 repeats one before it"),
    ],
)
def test_a_line_that_says_nothing_new_costs_itself_alone(folder, line, reason):
    dataset = read_yolo(folder(GOOD, line, ""), ("cup",))
    assert len(dataset.images[0].annotations) == 1
    (problem,) = dataset.problems
    assert "a.txt: line 2" in problem
    assert reason in problem


def test_folders_of_a_network_share_are_read_as_a_person_sees_them(folder, tmp_path):
    """Links lead on, and thumbnails and what macOS leaves are no images."""
    path = folder(GOOD)
    images = path / "images"
    for name in (
        "@eaDir/a.png/SYNOPHOTO_THUMB_M.jpg",
        ".thumbs/a.png",
        "._a.png",
        "#recycle/b.png",
    ):
        (images / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (9, 9)).save(images / name)
    for part in ("images", "labels"):
        (tmp_path / "share" / part).mkdir(parents=True)
        (path / part / "more").symlink_to(tmp_path / "share" / part)
    Image.new("RGB", (40, 30)).save(tmp_path / "share" / "images" / "c.png")
    (tmp_path / "share" / "labels" / "c.txt").write_text(GOOD)
    (images / "more" / "again").symlink_to(images)  # round and round
    dataset = read_yolo(path, ("cup",))
    assert [record.path for record in dataset.images] == [images / "a.png", images / "more/c.png"]
    assert [len(record.annotations) for record in dataset.images] == [1, 1]
    assert dataset.problems == ()


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


def of_names(folder, *names):
    """A data set of images of these names, below `images`; each has as many objects as its number."""
    records = []
    for number, name in enumerate(names, start=1):
        path = folder / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((*SIZE, 3), 20 * number, np.uint8)).save(path)
        objects = tuple(annotation(ellipse(10 * n + 10, 40, 4, 9)) for n in range(number))
        records.append(ImageRecord(number, path, SIZE[1], SIZE[0], None, None, objects))
    write_coco(folder / "annotations.json", CLASSES, records, {})
    return folder / "annotations.json"


def test_a_folder_called_images_inside_images_loses_no_labels(tmp_path):
    """YOLO takes the last folder of that name for the one that has labels beside it."""
    names = ("a.png", "images/a.png", "images/images/a.png", "images_/a.png", "b/images/c/a.png",
             "labels/a.png")  # fmt: skip
    exported(of_names(tmp_path / "set", *names), tmp_path / "yolo")
    back = read_yolo(tmp_path / "yolo" / "data.yaml")
    found = {round(r.read().mean() / 20): len(r.annotations) for r in back.images}
    assert found == {number: number for number in range(1, 7)}
    assert all(r.path.parts[-6:].count("images") == 1 for r in back.images)


def test_hidden_images_are_shown(tmp_path):
    """YOLO passes over names that begin with a dot, and what network shares keep for themselves."""
    names = (".frames/a.png", ".a.png", "#recycle/a.png", "@eaDir/a.png", "_.a.png")
    exported(of_names(tmp_path / "set", *names), tmp_path / "yolo")
    back = read_yolo(tmp_path / "yolo" / "data.yaml")
    assert sorted(len(r.annotations) for r in back.images) == [1, 2, 3, 4, 5]


def test_names_that_differ_in_case_alone_have_a_label_file_each(tmp_path):
    """On file systems that hold `a` and `A` for one name, too."""
    master = of_names(tmp_path / "set", "a.png", "A.png", "B/c.png", "b/C.png", "a-2.png")
    exported(master, tmp_path / "yolo")
    labels = [
        path.relative_to(tmp_path).as_posix().lower()
        for path in (tmp_path / "yolo" / "labels").rglob("*.txt")
    ]
    assert len(set(labels)) == 5
    back = read_yolo(tmp_path / "yolo" / "data.yaml")
    assert sorted(len(r.annotations) for r in back.images) == [1, 2, 3, 4, 5]


def test_images_of_kinds_that_yolo_does_not_know_become_png(tmp_path):
    master = of_names(tmp_path / "set", "a.ppm", "a.gif", "b.PNG")
    exported(master, tmp_path / "yolo")
    back = read_yolo(tmp_path / "yolo" / "data.yaml")
    found = {round(r.read().mean() / 20): len(r.annotations) for r in back.images}
    assert found == {1: 1, 2: 2, 3: 3}
    assert {r.path.suffix for r in back.images} == {".png", ".PNG"}


def test_a_split_is_known_however_its_names_are_spelled(tmp_path):
    master = of_names(tmp_path / "set", "a.png", "b.png", "c.png")
    val = {"images": [{"id": 1, "file_name": "./images/b.png"},
                      {"id": 2, "file_name": "images\\c.png"}],
           "annotations": [], "categories": []}  # fmt: skip
    (master.parent / "val.json").write_text(json.dumps(val))
    assert exported(master, tmp_path / "yolo") == []
    found = read_yolo(tmp_path / "yolo" / "data.yaml", splits=["val"])
    assert [r.path.name for r in found.images] == ["b.png", "c.png"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_files_with_a_byte_order_mark_are_read(folder, encoding):
    """The first line is a label, too."""
    path = folder()
    (path / "labels" / "a.txt").write_bytes(f"{GOOD}\n1 0.5 0.5 0.9 0.5 0.9 0.9\n".encode(encoding))
    (path / "list.txt").write_bytes(b"images/a.png\n".decode().encode(encoding))
    settings = "train: list.txt\nval: list.txt\nnames: [cup, cané]\n"
    (path / "data.yaml").write_bytes(settings.encode(encoding))
    dataset = read_yolo(path / "data.yaml")
    assert dataset.classes == ("cup", "cané")
    assert [one.class_id for one in dataset.images[0].annotations] == [0, 1]
    assert dataset.problems == ()


def test_a_list_that_is_no_text_is_one_line(folder):
    path = folder(GOOD)
    (path / "list.txt").write_bytes(b"\xff\xd8 images/a.png")
    (path / "data.yaml").write_text("train: list.txt\nnames: [cup]\n")
    with pytest.raises(InputError, match=r"list\.txt is no text"):
        read_yolo(path / "data.yaml")


@pytest.mark.parametrize("word", ["0.0", "0.", "0e0", "-0.0", "+0"])
def test_class_numbers_may_have_a_point(folder, word):
    (record,) = read_yolo(folder(f"{word} {GOOD[2:]}"), ("cup",)).images
    (one,) = record.annotations
    assert (one.class_id, type(one.class_id), one.box) == (0, int, (10, 5, 50, 25))


@pytest.mark.parametrize("word", ["0.5", "nan", "inf"])
def test_a_class_in_between_is_none(folder, word):
    with pytest.raises(InputError, match="has a class that is no whole number"):
        read_yolo(folder(GOOD, f"{word} {GOOD[2:]}"), ("cup",))


@pytest.mark.parametrize(
    "names", ["{'0': cup, '1': can}", "{1: can, 0: cup}", "{0.0: cup, 1.0: can}"]
)
def test_names_may_be_numbered_in_any_way(folder, names):
    path = folder(GOOD)
    (path / "data.yaml").write_text(f"train: images\nnames: {names}\n")
    assert read_yolo(path / "data.yaml").classes == ("cup", "can")


def test_names_may_be_numbers(folder):
    path = folder(GOOD)
    (path / "data.yaml").write_text("train: images\nnames: [7, 8.5]\n")
    assert read_yolo(path / "data.yaml").classes == ("7", "8.5")


@pytest.mark.parametrize(
    "entry",
    [
        "../train/images", "../../train/images", "../set/train/images", "./train/images",
        "/content/somebody/set/train/images", "C:\\\\data\\\\set\\\\train\\\\images", "../train",
    ],
)  # fmt: skip
def test_folders_are_found_though_they_are_named_as_from_elsewhere(roboflow, entry):
    roboflow.write_text(f'train: "{entry}"\nval: ../valid/images\nnames: [bottle]\n')
    dataset = read_yolo(roboflow, splits=["train"])
    assert [record.path.parts[-3:] for record in dataset.images] == [("train", "images", "0.jpg")]
    assert len(dataset.images[0].annotations) == 1


def test_a_folder_beside_it_is_no_stand_in(roboflow):
    """The images of another split would be taken for those of this one."""
    (roboflow.parent / "images").mkdir()
    for entry in ("/content/somebody/test/images", "set/train/images"):
        roboflow.write_text(f"train: {entry}\nval: ../valid/images\nnames: [bottle]\n")
        with pytest.raises(InputError, match=r"which is not there$"):
            read_yolo(roboflow, splits=["train"])


def test_an_image_that_is_listed_twice_is_read_once(folder):
    path = folder(GOOD)
    (path / "list.txt").write_text("images/a.png\n./images/a.png\nimages/../images/a.png\n")
    (path / "data.yaml").write_text("train: [list.txt, images]\nval: ./images\nnames: [cup]\n")
    dataset = read_yolo(path / "data.yaml")
    assert [len(record.annotations) for record in dataset.images] == [1]
