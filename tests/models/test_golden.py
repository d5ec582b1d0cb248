"""Golden frames come back as they were written, or not at all."""

import base64
import json
import re
import struct
import zlib

import cv2
import numpy as np
import pytest

from models.archive import MANIFEST, read_archive, write_archive
from models.bundle import Bundle, sign_bundle, write_bundle
from models.classes import ClassSpec
from models.errors import BundleError
from models.golden import (
    EXPECTED_PROBABILITY,
    encode_expected,
    encode_image,
    golden_frames,
)
from models.instances import Instances, Mask
from models.manifest import FileSpec, GoldenSpec, Manifest
from models.masks import pasted
from models.signing import PrivateKey

NAMES = {0: "person", 1: "car"}


def picture(height=48, width=64):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3)).astype(np.uint8)


def instances():
    soft = np.array([[0, EXPECTED_PROBABILITY - 1, EXPECTED_PROBABILITY], [255, 200, 3]], np.uint8)
    return Instances(
        np.array([[1.25, 2, 4, 5], [10, 20, 30, 40]], np.float32),
        np.array([0.9, 0.5], np.float32),
        np.array([1, 0], np.int64),
        (Mask(1, 2, soft), Mask(-3, 20, np.full((7, 9), 255, np.uint8))),
    )


def golden_bundle(path, manifest, model, image, expected, **changes):
    """An unsigned bundle of one golden frame."""
    golden = {"golden/01.png": image, "golden/01.json": expected}
    specs = [FileSpec.of(name, data) for name, data in golden.items()]
    listed = (GoldenSpec(image=specs[0], expected=specs[1]),)
    manifest = manifest.model_copy(update={"golden_files": listed, **changes})
    write_bundle(path, manifest, {"fp32": model}, None, golden)
    return path


@pytest.fixture
def written(tmp_path, manifest, model):
    """Write a bundle with these bytes and open it."""

    def write(image, expected):
        path = golden_bundle(tmp_path / "g.sfm", manifest, model, image, expected)
        return Bundle.open(path, allow_unsigned=True)

    return write


def test_pixels_and_instances_come_back(written):
    image, seen = picture(), instances()
    (frame,) = golden_frames(written(encode_image(image), encode_expected(seen, NAMES)))
    assert (frame.image == image).all()
    assert frame.expected.boxes.tolist() == seen.boxes.tolist()
    assert frame.expected.scores == pytest.approx(seen.scores)
    assert frame.expected.classes.tolist() == [1, 0]
    for ours, theirs in zip(frame.expected.masks, seen.masks, strict=True):
        assert (pasted(ours, (64, 48)) == pasted(theirs, (64, 48), EXPECTED_PROBABILITY)).all()


def test_the_size_at_which_it_was_seen_comes_back(tmp_path, manifest, model):
    golden, listed = {}, []
    for number, size in enumerate([(96, 64), None, (64, 64)]):
        files = {
            f"golden/{number}.png": encode_image(picture(48 + number)),
            f"golden/{number}.json": encode_expected(instances(), NAMES),
        }
        image, expected = (FileSpec.of(*file) for file in files.items())
        listed.append(GoldenSpec(image=image, expected=expected, size=size))
        golden |= files
    changes = {"golden_files": tuple(listed), "sizes": ((96, 64),)}
    path = tmp_path / "g.sfm"
    write_bundle(path, manifest.model_copy(update=changes), {"fp32": model}, None, golden)
    frames = [*golden_frames(Bundle.open(path, allow_unsigned=True))]
    assert [(frame.size, len(frame.image)) for frame in frames] == [
        ((96, 64), 48),
        (None, 49),
        ((64, 64), 50),
    ]


def test_classes_of_one_name_are_told_apart(tmp_path, manifest, model):
    """By their number; what was written before there were numbers means the first of the name."""
    classes = tuple(ClassSpec(id=i, name="person") for i in range(2))
    manifest = manifest.model_copy(update={"classes": classes})
    expected = encode_expected(instances(), {0: "person", 1: "person"})
    for data, ids in ((expected, [1, 0]), (re.sub(rb'"id": \d,', b"", expected), [0, 0])):
        path = golden_bundle(tmp_path / "g.sfm", manifest, model, encode_image(picture()), data)
        (frame,) = golden_frames(Bundle.open(path, allow_unsigned=True))
        assert frame.expected.classes.tolist() == ids


def test_an_empty_picture_is_a_golden_frame_too(written):
    bundle = written(encode_image(picture()), encode_expected(Instances.none(), NAMES))
    (frame,) = golden_frames(bundle)
    assert len(frame.expected) == 0


def test_families_without_masks_have_none(written):
    boxes = Instances(instances().boxes, instances().scores, instances().classes, None)
    bundle = written(encode_image(picture()), encode_expected(boxes, NAMES))
    (frame,) = golden_frames(bundle)
    assert frame.expected.masks is None


def test_a_bundle_without_golden_frames_has_none(bundle_path):
    assert not [*golden_frames(Bundle.open(bundle_path, allow_unsigned=True))]


def bomb():
    """A PNG that says it has 100 000 x 100 000 pixels."""
    head = b"IHDR" + struct.pack(">LLBBBBB", 100_000, 100_000, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">L", 13) + head + struct.pack(">L", zlib.crc32(head))


def claiming(name, length=1 << 30):
    """A good picture, and a chunk that says that it has so many bytes."""
    return encode_image(picture())[:33] + struct.pack(">L", length) + name + b"\0" * 60


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (b"no picture", "no PNG"),
        (claiming(b"IDAT"), "is cut off"),
        (claiming(b"tEXt", 56), "more than a picture needs"),
        (encode_image(picture())[:36], "is cut off"),
        (b"\x89PNG\r\n\x1a\n", "no PNG"),
        (bomb(), "no PNG of up to 4096 px"),
        (b"II*\0" + bomb()[4:], "no PNG"),
        (encode_image(picture())[:60], "is cut off"),
        (encode_image(picture())[:33] + encode_image(picture())[-12:], "can't be decoded"),
    ],
)
def test_a_picture_that_is_none_is_refused(written, image, message):
    with pytest.raises(BundleError, match=message):
        next(golden_frames(written(image, encode_expected(instances(), NAMES))))


def person(**changes):
    seen = {"name": "person", "score": 0.5, "box": [0, 0, 9, 9], "mask": None}
    return json.dumps({"instances": [seen | changes]}).encode()


def test_masks_that_unfold_to_gigabytes_are_refused(written):
    white = cv2.imencode(".png", np.full((4096, 4096), 255, np.uint8))[1].tobytes()
    mask = {"x": 0, "y": 0, "png": base64.b64encode(white).decode()}
    one = json.loads(person(mask=mask))["instances"][0]
    expected = json.dumps({"instances": [one] * 3}).encode()
    with pytest.raises(BundleError, match="the masks of a golden frame are too large"):
        next(golden_frames(written(encode_image(picture()), expected)))


@pytest.mark.parametrize(
    ("expected", "message"),
    [
        (b"{", "a golden frame's instances"),
        (person(name="dog"), "expects 'dog'"),
        (person(score=2), r"instances\.0\.score"),
        (person(box=[0, 0, float("nan"), 9]), "finite"),
        (person(box=[0, 0, 1e39, 9]), r"instances\.0\.box"),
        (person(mask={"x": 0, "y": 0, "png": "é"}), "not base64"),
        (person(surprise=1), "surprise"),
        (person(mask={"x": 0, "y": 0, "png": "%"}), "not base64"),
        (person(mask={"x": 0, "y": 0, "png": "AAAA"}), "no PNG"),
        (json.dumps({"instances": [json.loads(person())["instances"][0]] * 301}).encode(), "300"),
    ],
)
def test_instances_that_make_no_sense_are_refused_in_one_line(written, expected, message):
    with pytest.raises(BundleError, match=message) as caught:
        next(golden_frames(written(encode_image(picture()), expected)))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["golden/01.png", "golden/01.json"])
def test_a_golden_file_that_was_changed_is_refused(tmp_path, manifest, model, name):
    key = PrivateKey.generate()
    path = golden_bundle(
        tmp_path / "g.sfm",
        manifest,
        model,
        encode_image(picture()),
        encode_expected(instances(), NAMES),
    )
    sign_bundle(path, path, key)
    assert Bundle.open(path, [key.public]).manifest.golden_files
    files = read_archive(path)
    write_archive(path, files | {name: files[name].replace(b"0", b"1", 1)})
    with pytest.raises(BundleError, match=f"{name} is damaged"):
        Bundle.open(path, [key.public])
    write_archive(path, {place: data for place, data in files.items() if place != name})
    with pytest.raises(BundleError, match=f"lacks {name}"):
        Bundle.open(path, [key.public])
    write_archive(path, files | {"golden/02.png": b"?"})
    with pytest.raises(BundleError, match=r"does not list: golden/02\.png"):
        Bundle.open(path, [key.public])


FILE = {"path": "golden/01.png", "bytes": 1, "sha256": "0" * 64}
PAIR = {"image": FILE, "expected": FILE | {"path": "golden/01.json"}}


@pytest.mark.parametrize(
    ("golden", "message"),
    [
        ([PAIR | {"image": FILE | {"path": "01.png"}}], r"01\.png is not golden/\*\.png"),
        ([PAIR | {"image": FILE | {"path": "golden/1.jpg"}}], r"not golden/\*\.png"),
        ([PAIR | {"image": FILE | {"bytes": 9 << 20}}], "larger than 8 MiB"),
        ([PAIR | {"expected": PAIR["expected"] | {"bytes": 2 << 20}}], "larger than 1 MiB"),
        ([PAIR, PAIR], "two files at one path"),
        ([PAIR] * 17, "golden_files"),
        ([{"image": FILE}], "expected"),
    ],
)
def test_a_manifest_s_golden_files_are_small_and_in_their_place(manifest, golden, message):
    data = json.loads(manifest.to_bytes()) | {"golden_files": golden}
    with pytest.raises(BundleError, match=message):
        Manifest.from_bytes(json.dumps(data).encode())


def test_a_manifest_from_before_golden_frames_is_read(bundle_path):
    files = read_archive(bundle_path)
    before = json.loads(files[MANIFEST])
    del before["golden_files"]
    write_archive(bundle_path, files | {MANIFEST: json.dumps(before).encode()})
    assert Bundle.open(bundle_path, allow_unsigned=True).manifest.golden_files == ()
