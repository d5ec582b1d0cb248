"""What a manifest accepts, and what it refuses."""

import json
from datetime import datetime, timedelta, timezone

import pytest

from models.errors import BundleError
from models.manifest import Manifest, name_of_file


def changed(manifest, **fields):
    return json.dumps(json.loads(manifest.to_bytes()) | fields).encode()


def test_a_manifest_survives_its_bytes(manifest):
    assert Manifest.from_bytes(manifest.to_bytes()) == manifest
    assert Manifest.from_bytes(manifest.to_bytes()).to_bytes() == manifest.to_bytes()


FILE = {"path": "model.onnx", "bytes": 1, "sha256": "0" * 64}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"schema": 2}, "schema"),
        ({"schema": 0}, "schema"),
        ({"surprise": 1}, "surprise"),
        ({"name": "../up"}, "name"),
        ({"version": 0}, "version"),
        ({"created": "2026-01-02T03:04:05"}, "created"),
        ({"family": "yolo_pose"}, "family"),
        ({"family": "boxes"}, "needs a layout"),
        ({"layout": "dets"}, "needs a layout"),
        ({"family": "rtmdet_ins", "layout": "dets"}, "needs a layout"),
        ({"class_count": 1}, "class id 1 in a network of 1"),
        ({"classes": []}, "classes"),
        ({"classes": [{"id": 0, "name": "a"}, {"id": 0, "name": "b"}]}, "twice"),
        ({"thresholds": {"dog": 0.5}}, "unknown class: dog"),
        ({"thresholds": {"car": 1.5}}, "thresholds.car"),
        ({"files": {}}, "files"),
        ({"files": {"fp8": FILE}}, "files"),
        ({"files": {"fp32": FILE | {"path": "../model.onnx"}}}, "path"),
        ({"files": {"fp32": FILE | {"path": "/model.onnx"}}}, "path"),
        ({"files": {"fp32": FILE | {"path": "a//b"}}}, "path"),
        ({"files": {"fp32": FILE | {"path": "a/../b"}}}, "path"),
        ({"files": {"fp32": FILE | {"path": ".hidden"}}}, "path"),
        ({"files": {"fp32": FILE | {"bytes": 1 << 40}}}, "bytes"),
        ({"files": {"fp32": FILE | {"sha256": "0" * 63}}}, "sha256"),
        ({"files": {"fp32": FILE, "int8": FILE}}, r": two files at one path, model\.onnx"),
        ({"engines": [FILE]}, r"model\.onnx is not engines/"),
        ({"engines": [FILE | {"path": "engines/a"}] * 2}, "two files at one path, engines/a"),
        ({"engines": [FILE | {"path": f"engines/{i}"} for i in range(17)]}, "engines"),
        ({"metrics": {"map": float("nan")}}, "metrics"),
        ({"min_agent": "1.2"}, "min_agent"),
        ({"input": {"height": 64, "width": 10**9}}, "input.width"),
        ({"input": {"height": 64, "width": 64, "std": [0, 1, 1]}}, "input.std"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(manifest, fields, message):
    with pytest.raises(BundleError, match=message) as caught:
        Manifest.from_bytes(changed(manifest, **fields))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("data", [b"", b"[]", b"\xff\xfe", b'{"schema": 1}', b"[" * 10_000])
def test_what_is_no_manifest_is_refused(data):
    with pytest.raises(BundleError, match=r"manifest\.json"):
        Manifest.from_bytes(data)


def test_thresholds_fall_back_on_the_default(manifest):
    manifest = Manifest.from_bytes(changed(manifest, thresholds={"car": 0.4}))
    assert (manifest.threshold("car"), manifest.threshold("person")) == (0.4, 0.25)


def test_expiry_is_a_moment(manifest):
    moment = datetime(2027, 1, 1, tzinfo=timezone.utc)
    manifest = Manifest.from_bytes(changed(manifest, expires=moment.isoformat()))
    assert not manifest.has_expired(moment)
    assert manifest.has_expired(moment + timedelta(seconds=1))


def test_a_threshold_counts_for_every_class_of_its_name(manifest):
    classes = [{"id": 0, "name": "person"}, {"id": 1, "name": "person"}]
    again = Manifest.from_bytes(changed(manifest, classes=classes, thresholds={"person": 0.4}))
    assert [again.threshold(spec.name) for spec in again.classes] == [0.4, 0.4]


@pytest.mark.parametrize(
    ("before", "after", "key"),
    [
        (b'"version": 3', b'"version": 3, "version": 4', "version"),
        (b'"path":', b'"path": "other.onnx", "path":', "path"),
    ],
)
def test_what_is_said_twice_is_refused(manifest, before, after, key):
    """One reader would take the first, another the last."""
    data = manifest.to_bytes()
    assert data.count(before) == 1
    with pytest.raises(BundleError, match=rf"manifest\.json: says '{key}' twice"):
        Manifest.from_bytes(data.replace(before, after))


@pytest.mark.parametrize(
    ("stem", "name"),
    [
        ("street", "street"),
        ("my plates", "my-plates"),
        ("  ", "bundle"),
        ("plaques été (2)", "plaques-ete-2"),
        (".hidden", "hidden"),
        ("車", "bundle"),
        ("v1.2_x-y", "v1.2_x-y"),
        ("a/b\\c\n", "a-b-c"),
        ("x" * 300, "x" * 64),
        ("x" * 63 + " y", "x" * 63),
    ],
)
def test_a_bundle_is_called_after_its_file_as_far_as_may_be(manifest, stem, name):
    assert name_of_file(stem) == name
    assert Manifest.from_bytes(changed(manifest, name=name)).name == name


SMALL_GOLDEN = {
    "image": FILE | {"path": "golden/01.png"},
    "expected": FILE | {"path": "golden/01.json"},
}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"sizes": [[96, 50]]}, r"sizes\.0\.1: .*multiple of 32"),
        ({"sizes": [[96, 8192]]}, r"sizes\.0\.1"),
        ({"sizes": [[96, 64], [96, 64]]}, "a size of the input appears twice"),
        ({"sizes": [[64, 64]]}, "a size of the input appears twice"),
        ({"sizes": [[32 * i, 32] for i in range(1, 10)]}, "sizes"),
        (
            {"sizes": [[96, 64]], "golden_files": [SMALL_GOLDEN | {"size": [64, 96]}]},
            r"a golden frame of size \(64, 96\), at which it may not be run",
        ),
    ],
)
def test_sizes_that_make_no_sense_are_refused(manifest, fields, message):
    with pytest.raises(BundleError, match=message):
        Manifest.from_bytes(changed(manifest, **fields))


def test_it_may_be_fed_alike_at_every_size(manifest):
    fields = {"sizes": [[96, 64], [32, 64]], "golden_files": [SMALL_GOLDEN | {"size": [96, 64]}]}
    again = Manifest.from_bytes(changed(manifest, **fields))
    assert [(spec.width, spec.height) for spec in again.inputs()] == [(64, 64), (96, 64), (32, 64)]
    sizes = {"width": 0, "height": 0}
    assert len({spec.model_copy(update=sizes) for spec in again.inputs()}) == 1
    assert again.inputs()[0] == manifest.input
