"""COCO files: real ones are read, bad records cost only themselves, bad files one line."""

import json
import re

import numpy as np
import pytest
from PIL import Image

from distill.data import rle
from distill.data.coco import Annotation, CocoDataset, ImageRecord, write_coco
from distill.errors import InputError, OutputError

SIZE = (40, 60)
SQUARE = [10, 5, 30, 5, 30, 25, 10, 25]


def image(number=1, **others):
    return {"id": number, "file_name": f"{number}.png", "width": 60, "height": 40, **others}


def annotation(number=1, **others):
    return {
        "id": number,
        "image_id": 1,
        "category_id": 1,
        "bbox": [10, 5, 20, 20],
        "area": 400,
        "segmentation": [SQUARE],
        "iscrowd": 0,
        **others,
    }


@pytest.fixture
def write(tmp_path):
    """Writes a COCO file beside three images."""
    for number in (1, 2, 3):
        Image.new("RGB", (60, 40)).save(tmp_path / f"{number}.png")

    def write(images=None, annotations=None, categories=None, **others):
        path = tmp_path / "coco.json"
        whole = {
            "images": [image(1), image(2)] if images is None else images,
            "annotations": [annotation()] if annotations is None else annotations,
            "categories": [{"id": 1, "name": "cup"}] if categories is None else categories,
            **others,
        }
        path.write_text(json.dumps(whole))
        return path

    return write


def only(dataset):
    (found,) = dataset.images[0].annotations
    return found


def test_a_plain_file_is_read(write, tmp_path):
    dataset = CocoDataset.read(write(info={"year": 2017}))
    assert dataset.classes == ("cup",)
    assert [record.path for record in dataset.images] == [tmp_path / "1.png", tmp_path / "2.png"]
    assert dataset.images[1].annotations == ()
    assert dataset.problems == ()
    assert dataset.info == {"year": 2017}
    found = only(dataset)
    assert (found.class_id, found.box, found.ignore) == (0, (10, 5, 30, 25), False)
    assert rle.decode(found.rle)[5:25, 10:30].all()
    assert rle.area(found.rle) == 400


def test_all_three_forms_of_a_mask_mean_the_same(write):
    packed = rle.from_polygons([SQUARE], SIZE)
    runs = rle.runs(packed.counts).tolist()
    forms = [
        [SQUARE],
        SQUARE,
        {"size": list(SIZE), "counts": runs},
        {"size": list(SIZE), "counts": packed.counts},
    ]
    for form in forms:
        assert (
            only(CocoDataset.read(write(annotations=[annotation(segmentation=form)]))).rle == packed
        )


def test_parts_of_a_mask_survive(write):
    parts = [SQUARE, [40, 30, 50, 30, 50, 38, 40, 38]]
    found = only(CocoDataset.read(write(annotations=[annotation(segmentation=parts)])))
    assert rle.area(found.rle) == 400 + 80


def test_category_ids_may_have_gaps(write):
    path = write(
        categories=[{"id": 90, "name": "fork"}, {"id": 44, "name": "bottle"}],
        annotations=[annotation(category_id=90)],
    )
    dataset = CocoDataset.read(path)
    assert dataset.classes == ("bottle", "fork")
    assert only(dataset).class_id == 1


def test_classes_are_chosen_by_name_in_the_order_given(write):
    path = write(
        categories=[{"id": 1, "name": "cup"}, {"id": 2, "name": "can"}, {"id": 3, "name": "jar"}],
        annotations=[annotation(i, category_id=i) for i in (1, 2, 3)],
    )
    dataset = CocoDataset.read(path, classes=("jar", "cup"))
    assert dataset.classes == ("jar", "cup")
    assert [a.class_id for a in dataset.images[0].annotations] == [1, 0]
    assert dataset.problems == ()
    assert len(dataset.images) == 2


def test_missing_sizes_and_boxes_are_found_out(write):
    plain = {"id": 1, "file_name": "1.png"}
    bare = {"id": 1, "image_id": 1, "category_id": 1, "segmentation": [SQUARE]}
    dataset = CocoDataset.read(write(images=[plain], annotations=[bare]))
    assert (dataset.images[0].width, dataset.images[0].height) == (60, 40)
    assert only(dataset).box == (10, 5, 30, 25)


def test_images_may_be_elsewhere(write, tmp_path):
    path = write()
    other = tmp_path / "other"
    other.mkdir()
    with pytest.raises(InputError, match=r"none of 2 images .* --images$"):
        CocoDataset.read(path, images=other)
    path = path.rename(other / "coco.json")
    assert len(CocoDataset.read(path, images=tmp_path).images) == 2


def test_crowds_and_bands_do_not_count(write):
    rows = [
        annotation(1, iscrowd=1),
        annotation(2, band="review", score=0.4, track_id=7, iscrowd=1),
        annotation(3, band="accept", score=0.9),
    ]
    crowd, review, accept = CocoDataset.read(write(annotations=rows)).images[0].annotations
    assert (crowd.ignore, crowd.band) == (True, None)
    assert (review.ignore, review.band, review.score, review.track_id) == (True, "review", 0.4, 7)
    assert (accept.ignore, accept.band) == (False, "accept")


def test_a_box_without_a_mask_becomes_a_region_to_ignore(write):
    dataset = CocoDataset.read(write(annotations=[annotation(segmentation=[])]))
    assert only(dataset).ignore
    assert rle.area(only(dataset).rle) == 400
    assert "annotation 1 has a box, but no mask" in dataset.problems[0]


def test_a_box_is_cut_to_its_image(write):
    dataset = CocoDataset.read(
        write(
            annotations=[
                annotation(bbox=[-5, -5, 100, 30], segmentation=[[0, 0, 60, 0, 60, 25, 0, 25]])
            ]
        )
    )
    assert only(dataset).box == (0, 0, 60, 25)


BAD_MASKS = {
    "zero area": (
        annotation(segmentation=[[5, 5, 5, 5, 5, 5]]),
        "annotation 1 has a mask without area",
    ),
    "two points": (annotation(segmentation=[[1, 1, 2, 2]]), "no polygon of three points"),
    "not finite": (annotation(segmentation=[[1, 1, 9, float("nan"), 9, 9]]), "is damaged"),
    "far away": (annotation(segmentation=[[1, 1, 1e9, 1, 9, 9]]), "is damaged"),
    "one of two is cut off": (annotation(segmentation=[SQUARE, SQUARE[:-1]]), "is damaged"),
    "one of two is null": (annotation(segmentation=[SQUARE, None]), "is damaged"),
    "one of two has words": (annotation(segmentation=[SQUARE, ["a", *SQUARE[1:]]]), "is damaged"),
    "words": (annotation(segmentation="none"), "neither polygons nor run lengths"),
    "other size": (
        annotation(segmentation={"size": [4, 4], "counts": "0"}),
        r"but its image has \[40, 60\]",
    ),
    "cut off": (
        annotation(segmentation={"size": [40, 60], "counts": "P"}),
        "damaged mask: .* cut off",
    ),
    "short runs": (annotation(segmentation={"size": [40, 60], "counts": [5]}), "do not fill"),
    "negative": (
        annotation(segmentation={"size": [40, 60], "counts": [-5, 2405]}),
        "without run lengths",
    ),
    "no counts": (annotation(segmentation={"size": [40, 60]}), "without run lengths"),
}

BAD_ANNOTATIONS = {
    "zero area, no box": (
        annotation(segmentation=[[5, 5, 5, 5, 5, 5]], bbox=None),
        "annotation 1 has a mask without area",
    ),
    "box alone, flat": (annotation(segmentation=[], bbox=[10, 5, 0, 10]), "box without area"),
    "no image": (annotation(image_id=77), "belongs to an image that the file does not list"),
    "image is a list": (annotation(image_id=[1]), "has no image_id"),
    "no object": (17, "annotation at place 2 is no JSON object"),
}

UNTOLD = {
    "another class": (annotation(category_id=9), "category_id 9, which the file does not list"),
    "class is a list": (annotation(category_id=[1]), r"category_id \[1\]"),
    "no class among several": (annotation(category_id=None), "category_id None"),
    "outside": (annotation(segmentation=None, bbox=[70, 5, 10, 10]), "outside its image of 60x40"),
    "nothing": (annotation(segmentation=None, bbox=None), "neither a mask nor a box"),
    "no list": (annotation(segmentation=[], bbox=[]), "neither a mask nor a box"),
    "a mask of another size": (
        annotation(segmentation={"size": [4, 4], "counts": "0"}, bbox=None),
        r"a mask of \[height, width\] \[4, 4\], but",
    ),
    "two points, no box": (annotation(segmentation=[[1, 1, 2, 2]], bbox=None), "no polygon"),
    "words": (annotation(segmentation=[], bbox="10,5,20,20"), "bbox that is not four numbers"),
    "inside out": (annotation(segmentation=None, bbox=[30, 25, -20, -20]), "of negative size"),
    "an empty mask, a damaged box": (
        annotation(segmentation=[[5, 5, 5, 5, 5, 5]], bbox=[1, 2]),
        "bbox that is not four numbers",
    ),
}


@pytest.mark.parametrize(("bad", "reason"), UNTOLD.values(), ids=UNTOLD)
def test_an_image_with_an_object_of_which_nobody_knows_what_or_where_is_left_out(
    write, bad, reason
):
    """Else its place would be background, whatever the others of the image say."""
    two = [{"id": 1, "name": "cup"}, {"id": 2, "name": "can"}]
    good = annotation(7, image_id=2)
    for rows in ([good, annotation(5), bad], [good, bad, annotation(5)]):
        dataset = CocoDataset.read(write(annotations=rows, categories=two))
        assert [record.id for record in dataset.images] == [2]
        assert only(dataset).box == (10, 5, 30, 25)
        (line,) = dataset.problems
        assert re.search(rf"annotation 1 .*{reason}.*; its image is left out$", line), line
    with pytest.raises(InputError, match="none of 1 annotations can be used"):
        CocoDataset.read(write(annotations=[bad], categories=two))
    with pytest.raises(InputError, match="none of 1 annotations can be used"):
        CocoDataset.read(write(images=[image(1)], annotations=rows[1:], categories=two))


@pytest.mark.parametrize(("bad", "reason"), BAD_MASKS.values(), ids=BAD_MASKS)
def test_an_object_whose_mask_is_bad_becomes_a_region_that_does_not_count(write, bad, reason):
    """Left out it would be background, and teach that nothing is there."""
    dataset = CocoDataset.read(write(annotations=[annotation(5), bad]))
    good, region = sorted(dataset.images[0].annotations, key=lambda a: a.ignore)
    assert not good.ignore
    assert region.ignore
    assert region.box == (10, 5, 30, 25)
    (line,) = dataset.problems
    assert "\n" not in line
    assert re.search(reason, line), line
    assert line.endswith("its box becomes a region that does not count")


@pytest.mark.parametrize(
    ("crowd", "ignored"),
    [(0, False), (1, True), (True, True), (False, False), (None, False), ("0", False), ("1", True),
     (0.0, False), (1.0, True), ("1.0", True)],
)  # fmt: skip
def test_iscrowd_is_0_or_1(write, crowd, ignored):
    dataset = CocoDataset.read(write(annotations=[annotation(iscrowd=crowd)]))
    assert only(dataset).ignore == ignored
    assert dataset.problems == ()


def test_another_iscrowd_does_not_count_and_is_said(write):
    dataset = CocoDataset.read(write(annotations=[annotation(iscrowd="no")]))
    assert only(dataset).ignore
    assert "iscrowd 'no', not 0 or 1" in dataset.problems[0]


@pytest.mark.parametrize(("bad", "reason"), BAD_ANNOTATIONS.values(), ids=BAD_ANNOTATIONS)
def test_a_bad_annotation_costs_itself_alone_and_is_said_in_one_line(write, bad, reason):
    dataset = CocoDataset.read(write(annotations=[annotation(5), bad]))
    assert only(dataset).box == (10, 5, 30, 25)
    (line,) = dataset.problems
    assert "coco.json: annotation" in line
    assert line.endswith("it is left out")
    assert "\n" not in line
    assert re.search(reason, line), line


@pytest.mark.parametrize(
    ("box", "reason"),
    [
        ([70, 5, 10, 10], "box outside its image of 60x40 pixels"),
        ([10, 5, 0, 10], "box without area"),
        ([10, 5, 10], "bbox that is not four numbers"),
        ([10, 5, True, 4], "bbox that is not four numbers"),
        ("10,5,20,20", "bbox that is not four numbers"),
    ],
)
def test_a_bad_box_costs_no_mask(write, box, reason):
    dataset = CocoDataset.read(write(annotations=[annotation(bbox=box)]))
    assert (only(dataset).box, only(dataset).ignore) == ((10, 5, 30, 25), False)
    (line,) = dataset.problems
    assert reason in line
    assert line.endswith("that of its mask is used")


def test_an_empty_box_says_as_little_as_none(write):
    dataset = CocoDataset.read(write(annotations=[annotation(bbox=[])]))
    assert (only(dataset).box, dataset.problems) == ((10, 5, 30, 25), ())


def test_ids_and_sizes_as_pandas_writes_them_are_whole(write):
    path = write(
        images=[image(1.0, width=60.0, height=40.0, file_name="1.png")],
        annotations=[annotation(1.0, image_id=1.0, category_id=7.0, track_id=4.0)],
        categories=[{"id": 7.0, "name": "cup"}],
    )
    dataset = CocoDataset.read(path)
    assert only(dataset).track_id == 4
    assert dataset.images[0].id == 1
    assert dataset.problems == ()
    with pytest.raises(InputError, match="no whole number as id"):
        CocoDataset.read(write(images=[image(1.5, file_name="1.png")]))


@pytest.mark.parametrize("text", [str, "{}.0".format, " {} ".format])
def test_ids_and_sizes_that_stand_as_text_are_whole(write, text):
    path = write(
        images=[image(text(1), width=text(60), height=text(40), file_name="1.png")],
        annotations=[annotation(text(1), image_id=text(1), category_id=text(7), track_id=text(4))],
        categories=[{"id": text(7), "name": "cup"}],
    )
    dataset = CocoDataset.read(path)
    assert (only(dataset).track_id, dataset.images[0].id, dataset.problems) == (4, 1, ())


@pytest.mark.parametrize("number", ["", "one", "1.5", "1e3", "0x1", [1], {"a": 1}, True])
def test_what_is_no_whole_number_is_no_id(write, number):
    with pytest.raises(InputError, match="no whole number as id"):
        CocoDataset.read(write(images=[image(number, file_name="1.png")]))


RUNS = [2000 - 1200, 20, 1200, 20, 360]


@pytest.mark.parametrize(
    "shape",
    [
        [[str(value) for value in SQUARE]],
        [str(value) for value in SQUARE],
        [SQUARE, ["1", "1", "3", "1", "3", "3"]],
        {"size": [40.0, 60.0], "counts": [float(run) for run in RUNS]},
        {"size": ["40", "60"], "counts": [str(run) for run in RUNS]},
    ],
    ids=["polygon", "flat polygon", "two polygons", "floats", "run lengths"],
)
def test_masks_in_numbers_of_other_kinds_are_read(write, shape):
    dataset = CocoDataset.read(write(annotations=[annotation(segmentation=shape, bbox=None)]))
    assert not only(dataset).ignore
    assert rle.area(only(dataset).rle) > 30
    assert dataset.problems == ()


def test_a_box_in_text_is_read(write):
    dataset = CocoDataset.read(write(annotations=[annotation(bbox=["9.5", "5", "20", "20"])]))
    assert only(dataset).box == (9.5, 5, 29.5, 25)
    assert dataset.problems == ()


@pytest.mark.parametrize(
    "box",
    [
        [10, 5, 30, 25],  # corners in place of a corner and sides
        [0.1, 0.2, 0.3, 0.5],  # shares of the image
        [5, 10, 20, 20],  # y before x
        [40, 10, 20, 20],
        [0, 0, 60, 40],
    ],
)
def test_a_box_that_is_not_around_its_mask_is_not_believed(write, box):
    where = [[30, 15, 50, 15, 50, 35, 30, 35]] if box[:2] == [5, 10] else [SQUARE]
    dataset = CocoDataset.read(write(annotations=[annotation(bbox=box, segmentation=where)]))
    assert only(dataset).box == rle.box(only(dataset).rle)
    assert not only(dataset).ignore
    (line,) = dataset.problems
    assert line.endswith("a bbox that is not around its mask; that of its mask is used")


@pytest.mark.parametrize("box", [[9, 4, 22, 22], [8.2, 3.4, 23, 22.6], [10, 5, 20, 24]])
def test_a_box_that_is_rounded_or_drawn_loosely_is_believed(write, box):
    dataset = CocoDataset.read(write(annotations=[annotation(bbox=box)]))
    x, y, wide, high = box
    assert only(dataset).box == pytest.approx((x, y, x + wide, y + high))
    assert dataset.problems == ()


def test_an_object_without_a_category_is_of_the_only_one(write):
    """VIA writes null."""
    nameless = {key: value for key, value in annotation(2).items() if key != "category_id"}
    nameless["segmentation"] = [[1, 1, 9, 1, 9, 9]]
    dataset = CocoDataset.read(write(annotations=[annotation(category_id=None), nameless]))
    assert [one.class_id for one in dataset.images[0].annotations] == [0, 0]
    assert dataset.problems[-1].endswith(
        "2 annotations have no category; they are taken for the only one that the file lists"
    )


@pytest.mark.parametrize(
    "empty", [None, {}, {"id": 3}, {"id": None, "name": "can"}, {"id": 3, "name": None}]
)
def test_a_category_that_is_none_costs_nothing_that_does_not_use_it(write, empty):
    cup = {"id": 1, "name": "cup", "supercategory": None}
    dataset = CocoDataset.read(write(categories=[empty, cup]))
    assert dataset.classes == ("cup",)
    assert only(dataset).class_id == 0
    assert dataset.problems[0].endswith("needs an id (a whole number) and a name; it is left out")


def test_a_category_that_is_used_needs_a_name(write):
    with pytest.raises(InputError, match="needs an id"):
        CocoDataset.read(write(categories=[{"id": 1, "name": None}, {"id": 2, "name": "can"}]))
    assert CocoDataset.read(write(categories=[{"id": 1, "name": 7}])).classes == ("7",)


def test_a_file_that_is_listed_twice_is_one_image(write):
    """Else what is labelled in one of them would be background in the other."""
    path = write(
        images=[image(1), image(5, file_name="./1.png"), image(2)],
        annotations=[
            annotation(1),
            annotation(2, image_id=5, segmentation=[[40, 5, 50, 5, 50, 15, 40, 15]], bbox=None),
            annotation(3, image_id=5),
            annotation(4, image_id=2),
        ],
    )
    dataset = CocoDataset.read(path)
    assert [record.id for record in dataset.images] == [1, 2]
    assert [one.box for one in dataset.images[0].annotations] == [(10, 5, 30, 25), (40, 5, 50, 15)]
    assert "images 1 and 5 are one file; they are read as one" in dataset.problems[0]
    assert "annotation 3 repeats one before it" in dataset.problems[1]


def test_a_file_that_is_listed_in_two_sizes_is_believed_the_first_time(write):
    path = write(
        images=[image(1), image(5, file_name="1.png", width=30)],
        annotations=[annotation(1), annotation(2, image_id=5)],
    )
    dataset = CocoDataset.read(path)
    assert len(only(dataset).box) == 4
    assert "image 5 is image 1 once more, of another size; it is left out" in dataset.problems[0]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
def test_a_byte_order_mark_is_read(write, encoding):
    path = write(categories=[{"id": 1, "name": "tasse à café"}])
    text = json.dumps(json.loads(path.read_text()), ensure_ascii=False)
    mark = "\ufeff" if encoding == "utf-16-le" else ""
    path.write_bytes((mark + text).encode(encoding))
    assert CocoDataset.read(path).classes == ("tasse à café",)


BAD_IMAGES = {
    "missing": (image(3, file_name="9.png"), r"image 3 is not there as .*9\.png"),
    "nameless": (image(3, file_name=None), "image 3 has no file_name"),
    "no id": ({"file_name": "3.png"}, "image at place 2 has no whole number as id"),
    "same id": (image(1, file_name="3.png"), "image 1 has the id of an image before it"),
    "no size to find": (image(3, file_name="coco.json", width=None), "image 3 has no size"),
    "no object": (None, "image at place 2 has no whole number"),
}


@pytest.mark.parametrize(("bad", "reason"), BAD_IMAGES.values(), ids=BAD_IMAGES)
def test_a_bad_image_costs_itself_and_its_objects(write, bad, reason):
    rows = [annotation(1), annotation(2, image_id=3)] if bad and bad.get("id") == 3 else None
    dataset = CocoDataset.read(write(images=[image(1), bad], annotations=rows))
    assert [record.id for record in dataset.images] == [1]
    (line,) = dataset.problems
    assert re.search(reason, line), line


def test_a_repeated_annotation_counts_once_and_a_shared_id_costs_nothing(write):
    other = annotation(1, bbox=[1, 1, 5, 5])
    dataset = CocoDataset.read(write(annotations=[annotation(1), annotation(1), other]))
    assert len(dataset.images[0].annotations) == 2
    assert "repeats one before it" in dataset.problems[0]
    assert "shares its id with another" in dataset.problems[1]


def test_a_polygon_that_is_none_among_good_ones_is_said(write):
    dataset = CocoDataset.read(write(annotations=[annotation(segmentation=[SQUARE, [1, 2]])]))
    assert rle.area(only(dataset).rle) == 400
    assert "1 polygons that are none" in dataset.problems[0]


def test_names_that_occur_twice_are_one_class(write):
    path = write(
        categories=[{"id": 0, "name": "cup"}, {"id": 1, "name": "cup"}],
        annotations=[annotation(1), annotation(2, category_id=0)],
    )
    dataset = CocoDataset.read(path)
    assert dataset.classes == ("cup",)
    assert len(dataset.images[0].annotations) == 2
    assert "several categories have one name" in dataset.problems[0]


def test_problems_are_counted_where_they_are_many(write):
    rows = [annotation(1), *(annotation(i, image_id=9) for i in range(2, 12))]
    lines = CocoDataset.read(write(annotations=rows)).problem_lines(3)
    assert len(lines) == 4
    assert lines[-1] == "... and 7 more"


BAD_FILES = {
    "empty": (b"", "is empty"),
    "words": (b"hello", "is no JSON: it does not begin"),
    "bytes": (b"\xff\xfe\x00", "not text in UTF-8"),
    "cut off": (b'{"images": [{"id": 1', r"is cut off after 20 bytes; copy or write it again"),
    "cut off in a word": (b'{"images": "ab', "is cut off"),
    "damaged": (b'{"images": [}, "a": 1}', "is damaged JSON in line 1"),
    "list": (b'[{"image_id": 1}]', "not COCO's: it holds a list"),
    "other": (b'{"shapes": []}', "has no list of images or annotations or categories"),
    "half": (b'{"images": [], "annotations": []}', "has no list of categories"),
    "no images": (
        b'{"images": [], "annotations": [], "categories": [{"id": 1, "name": "a"}]}',
        "lists no images",
    ),
    "no classes": (b'{"images": [], "annotations": [], "categories": []}', "names no categories"),
    "class without name": (
        b'{"images": [], "annotations": [], "categories": [{"id": 1}]}',
        "needs an id",
    ),
    "two names": (
        b'{"images":[],"annotations":[],"categories":[{"id":1,"name":"a"},{"id":1,"name":"b"}]}',
        "category id 1 is both 'a' and 'b'",
    ),
    "deep": (b"[" * 200_000, "nested without end|is cut off"),
}


@pytest.mark.parametrize(("data", "reason"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_file_that_is_no_coco_is_one_line(tmp_path, data, reason):
    path = tmp_path / "coco.json"
    path.write_bytes(data)
    with pytest.raises(InputError, match=reason) as caught:
        CocoDataset.read(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_a_folder_are_one_line(tmp_path):
    with pytest.raises(InputError, match="can't be read: No such file"):
        CocoDataset.read(tmp_path / "none.json")
    with pytest.raises(InputError, match="is a folder; name the JSON file in it"):
        CocoDataset.read(tmp_path)


def test_an_unknown_class_is_answered_with_the_nearest(write):
    with pytest.raises(InputError, match=r"has no class 'cupp'; did you mean 'cup'\?"):
        CocoDataset.read(write(), classes=("cupp",))
    with pytest.raises(InputError, match="has no class 'zebra'; it has cup"):
        CocoDataset.read(write(), classes=("zebra",))


def test_nothing_that_can_be_used_ends_it(write):
    with pytest.raises(
        InputError, match="none of 1 annotations can be used; the first: annotation 1"
    ):
        CocoDataset.read(write(annotations=[annotation(segmentation=[[0]], bbox=[0])]))
    two = [{"id": 1, "name": "cup"}, {"id": 2, "name": "can"}]
    rows = [annotation(i, category_id=None) for i in (1, 2)]
    with pytest.raises(InputError, match=r"none of 1 annotations can be used; .* category_id None"):
        CocoDataset.read(write(annotations=rows, categories=two))
    with pytest.raises(InputError, match="none of 1 images can be used"):
        CocoDataset.read(write(images=[image(9)]))


def test_images_without_any_objects_are_fine(write):
    assert CocoDataset.read(write(annotations=[])).images[0].annotations == ()


def test_a_record_reads_its_pixels_and_notices_another_size(write, tmp_path):
    record = CocoDataset.read(write()).images[0]
    assert record.read().shape == (40, 60, 3)
    Image.new("RGB", (30, 20)).save(tmp_path / "1.png")
    with pytest.raises(InputError, match="has 30x20 pixels, but was labelled as 60x40"):
        record.read()


def some_records(folder):
    mask = np.zeros(SIZE, np.uint8)
    mask[3:9, 4:20] = 1
    mask[20:30, 40:50] = 1
    packed = rle.encode(mask)
    objects = (
        Annotation(1, (4.0, 3.0, 50.0, 30.0), packed, False, 0.875, 3, "accept"),
        Annotation(0, (4.25, 3.0, 50.0, 30.0), packed, True, None, None, "review"),
    )
    return [
        ImageRecord(7, folder / "1.png", 60, 40, "street", 12, objects),
        ImageRecord(9, folder / "2.png", 60, 40, None, None, ()),
    ]


def test_what_is_written_is_read_back(write, tmp_path):
    write()
    records = some_records(tmp_path)
    path = tmp_path / "deeper" / "out.json"
    write_coco(path, ("cup", "can"), records, {"teacher": "x"})
    dataset = CocoDataset.read(path)
    assert dataset.classes == ("cup", "can")
    assert dataset.info == {"teacher": "x"}
    assert dataset.problems == ()
    assert [r.annotations for r in dataset.images] == [r.annotations for r in records]
    assert [(r.id, r.clip, r.frame) for r in dataset.images] == [(7, "street", 12), (9, None, None)]
    assert json.loads(path.read_text())["images"][0]["file_name"] == "../1.png"


def test_a_file_is_written_as_anyone_reads_coco(write, tmp_path):
    write()
    path = tmp_path / "out.json"
    write_coco(path, ("cup", "can"), some_records(tmp_path), {})
    whole = json.loads(path.read_text())
    assert whole["categories"] == [{"id": 1, "name": "cup"}, {"id": 2, "name": "can"}]
    first, second = whole["annotations"]
    assert first["bbox"] == [4, 3, 46, 27]
    assert (first["area"], first["iscrowd"], first["score"]) == (6 * 16 + 100, 0, 0.875)
    assert (second["id"], second["iscrowd"], second["band"]) == (2, 1, "review")
    assert "score" not in second


def test_numbers_of_numpy_are_written_too(write, tmp_path):
    write()
    packed = rle.from_box((1, 1, 5, 5), SIZE)
    box = tuple(np.array([1, 1, 5, 5], np.float32))
    row = Annotation(np.int64(0), box, packed, np.bool_(0), np.float32(0.5), np.int64(2), None)
    record = ImageRecord(1, tmp_path / "1.png", 60, 40, None, None, (row,))
    write_coco(tmp_path / "out.json", ("cup",), [record], {})
    assert only(CocoDataset.read(tmp_path / "out.json")).score == 0.5


def test_a_place_that_cant_be_written_to_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="can't be written"):
        write_coco(tmp_path / "file" / "out.json", ("a",), [], {})


ROBOFLOW = [
    {"id": 0, "name": "bottles", "supercategory": "none"},
    {"id": 1, "name": "bottle", "supercategory": "bottles"},
    {"id": 2, "name": "cup", "supercategory": "bottles"},
]


def test_a_category_that_only_heads_others_is_no_class(write):
    """Roboflow puts one first, and a student would learn a class that nothing is."""
    dataset = CocoDataset.read(write(categories=ROBOFLOW))
    assert dataset.classes == ("bottle", "cup"), "a class without objects stays one"
    assert only(dataset).class_id == 0
    (line,) = dataset.problems
    assert line.endswith("category 'bottles' heads others and has no objects; it is no class")


def test_a_head_with_objects_or_that_is_asked_for_is_a_class(write):
    rows = [annotation(1), annotation(2, category_id=0, segmentation=[[1, 1, 9, 1, 9, 9]])]
    used = CocoDataset.read(write(categories=ROBOFLOW, annotations=rows))
    assert used.classes == ("bottles", "bottle", "cup")
    asked = CocoDataset.read(write(categories=ROBOFLOW), classes=("cup", "bottles"))
    assert asked.classes == ("cup", "bottles")
    assert (used.problems[1:], asked.problems) == ((), ())


def test_categories_that_head_themselves_or_each_other_are_classes(write):
    """COCO's person is a person."""
    person = [{"id": 1, "name": "person", "supercategory": "person"}]
    assert CocoDataset.read(write(categories=person, annotations=[])).classes == ("person",)
    round_about = [
        {"id": 1, "name": "a", "supercategory": "b"},
        {"id": 2, "name": "b", "supercategory": "a"},
    ]
    assert CocoDataset.read(write(categories=round_about, annotations=[])).classes == ("a", "b")
