"""From a file that somebody exported to a manifest that fits it."""

import sys

import numpy as np
import pytest

from models.decode.rtmdet_ins import OUTPUT_NAMES, input_spec
from models.decode.yolo_seg_heads import RAW_OUTPUTS
from models.description import Description, describe
from models.errors import FamilyError, InferenceError, ModelError, UnknownClassError
from models.importing import import_onnx
from models.input_spec import InputSpec

METADATA = {"task": "segment", "names": "{0: 'person', 1: 'car'}", "imgsz": "[64, 64]"}


def yolo(make_onnx, metadata=METADATA, predictions=None, **options):
    if predictions is None:
        predictions = np.zeros((1, 38, 84), np.float32)
    prototypes = np.zeros((1, 32, 16, 16), np.float32)
    return make_onnx({"output0": predictions, "output1": prototypes}, metadata=metadata, **options)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "size", "role", "path"),
    [
        ("coco-yolov8n-seg-320.onnx", 320, "fp32", "model.onnx"),
        ("coco-yolov8n-seg-640.onnx", 640, "fp32", "model.onnx"),
        pytest.param(
            "coco-yolov8n-seg-320-int8dyn.onnx",
            320,
            "int8",
            "model.int8.onnx",
            marks=pytest.mark.skipif(
                sys.version_info < (3, 11),
                reason="the newest ONNX Runtime for Python 3.10 has no ConvInteger for this file",
            ),
        ),
    ],
)
def test_an_ordinary_export_needs_no_description(data, name, size, role, path):
    model = (data / "weights" / name).read_bytes()
    manifest, files = import_onnx(model, "street", classes=["car", "person"])
    assert files == {role: model}
    assert manifest.files[role].path == path
    assert (manifest.family, manifest.layout, manifest.class_count) == ("yolo_seg", None, 80)
    assert [(spec.id, spec.name) for spec in manifest.classes] == [(2, "car"), (0, "person")]
    assert (manifest.input.width, manifest.input.height) == (size, size)
    assert manifest.created.tzinfo is not None


def test_without_a_choice_all_classes_are_offered(make_onnx):
    manifest, _ = import_onnx(yolo(make_onnx), "street")
    assert [spec.name for spec in manifest.classes] == ["person", "car"]


def test_an_end_to_end_export_is_imported(make_onnx):
    model = yolo(make_onnx, predictions=np.zeros((1, 300, 38), np.float32))
    assert import_onnx(model, "street")[0].family == "yolo_seg"


def test_raw_heads_are_known_by_name_in_whatever_order_they_stand(make_onnx):
    channels = {"boxes": 64, "classes": 2, "coefficients": 32, "prototypes": 32}
    outputs = {}
    for name in reversed(RAW_OUTPUTS):
        kind, _, stride = name.partition("_")
        side = 64 // int(stride or 4)
        outputs[name] = np.full((1, channels[kind], side, side), -9, np.float32)
    manifest, _ = import_onnx(make_onnx(outputs, metadata=METADATA), "street")
    assert (manifest.family, manifest.outputs) == ("yolo_seg", RAW_OUTPUTS)


def test_an_export_of_varying_size_takes_the_size_it_was_made_for(make_onnx):
    metadata = METADATA | {"imgsz": "[64, 96]"}
    model = yolo(make_onnx, metadata, shape=("batch", 3, "height", "width"))
    manifest, _ = import_onnx(model, "street")
    assert (manifest.input.width, manifest.input.height) == (96, 64)


def test_an_export_of_varying_size_is_tried_at_each_that_is_asked_for(make_onnx):
    sizes = [(64, 64), (96, 64), (64, 96)]
    model = yolo(make_onnx, shape=("batch", 3, "height", "width"))
    manifest, _ = import_onnx(model, "street", sizes=sizes)
    assert [(spec.width, spec.height) for spec in manifest.inputs()] == sizes
    with pytest.raises(ModelError, match=r"wants \[1, 3, 64, 64\].*taking \[1, 3, 64, 96\]"):
        import_onnx(yolo(make_onnx), "street", sizes=sizes)
    with pytest.raises(ModelError, match="size of the input appears twice"):
        import_onnx(model, "street", sizes=[(64, 64), (64, 64)])


def test_an_unknown_class_is_refused(make_onnx):
    with pytest.raises(UnknownClassError, match="did you mean 'person'"):
        import_onnx(yolo(make_onnx), "street", classes=["persons"])


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({}, "--family, --layout and --names"),
        (METADATA | {"task": "pose"}, "'pose'.*yolo11n-seg.*yolo11n"),
        (METADATA | {"task": "x" * 99}, "'x{40}' can't be used; export"),
        (METADATA | {"task": "detect", "head": "RTDETRDecoder"}, "an RT-DETR network"),
        (METADATA | {"task": "detect", "description": "Ultralytics rtdetr-l"}, "an RT-DETR"),
        (METADATA | {"names": "__import__('os').getcwd()"}, "names can't be read"),
        (METADATA | {"names": "[" * 5000}, "names can't be read"),
        (METADATA | {"names": "{0: '" + "a" * 300_000 + "'}"}, "names can't be read"),
        (METADATA | {"names": "{1: 'person', 2: 'car'}"}, "not a list, nor numbered from 0"),
        (METADATA | {"names": "{'a': 'b', 0: 'c'}"}, "not a list"),
        (METADATA | {"names": "{}"}, "not a list"),
        (METADATA | {"names": "7"}, "not a list"),
        (METADATA | {"imgsz": "64"}, r"not \[height, width\]"),
        (METADATA | {"imgsz": "[64, 'a']"}, r"not \[height, width\]"),
        (METADATA | {"imgsz": "[64"}, "imgsz can't be read"),
    ],
)
def test_metadata_that_says_nothing_useful_is_refused_in_one_line(metadata, message):
    with pytest.raises(ModelError, match=message) as caught:
        describe(metadata)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_names_may_be_a_list():
    assert describe(METADATA | {"names": "['a', 'b']"}).names == ("a", "b")


def test_names_that_are_no_text_are_read_as_such():
    """YAML takes 7, no and nothing for something else than names."""
    assert describe(METADATA | {"names": "{0: 7, 1: False, 2: None}"}).names == ("7", "False", "")


def test_one_odd_name_does_not_refuse_a_network(make_onnx):
    """A name twice, and one that is none: each class can be asked for."""
    odd = METADATA | {"names": "{0: 'a, b', 1: 'A,  B'}"}
    assert len(import_onnx(yolo(make_onnx, odd), "x", classes=["a, b"])[0].classes) == 2
    odd = METADATA | {"names": "['a', '\\n']"}
    assert [spec.name for spec in import_onnx(yolo(make_onnx, odd), "x")[0].classes] == [
        "a",
        "class 1",
    ]


@pytest.mark.parametrize(
    "output", [np.zeros((1, 6, 84), np.float32), np.zeros((1, 300, 6), np.float16)]
)
def test_a_detector_of_ultralytics_gives_boxes(make_onnx, output):
    model = make_onnx({"output0": output}, metadata=METADATA | {"task": "detect"})
    manifest, _ = import_onnx(model, "street")
    assert (manifest.family, manifest.layout, manifest.class_count) == ("boxes", "yolo", 2)
    assert manifest.input == InputSpec(height=64, width=64)
    described = Description("boxes", ("person", "car"), "yolo")
    again, _ = import_onnx(make_onnx({"a": output}), "street", description=described)
    assert (again.layout, again.input) == (manifest.layout, manifest.input)


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        (METADATA | {"imgsz": "[64, 9999999]"}, "width: Input should be less"),
        (METADATA | {"imgsz": "[96, 96]"}, r"wants \[1, 3, 64, 64\]"),
    ],
)
def test_a_description_that_makes_no_sense_is_refused(make_onnx, metadata, message):
    with pytest.raises(ModelError, match=message):
        import_onnx(yolo(make_onnx, metadata), "street")


def test_a_name_that_is_none_is_refused(make_onnx):
    with pytest.raises(ModelError, match="name: "):
        import_onnx(yolo(make_onnx), "../street")


def test_a_network_that_is_not_what_its_file_says_fails_here(make_onnx):
    with pytest.raises(FamilyError, match="with 3 classes"):
        import_onnx(yolo(make_onnx, METADATA | {"names": "['a', 'b', 'c']"}), "street")


def test_a_network_that_gives_nonsense_fails_here(make_onnx):
    broken = np.full((1, 38, 84), np.nan, np.float32)
    with pytest.raises(InferenceError, match="not finite"):
        import_onnx(yolo(make_onnx, predictions=broken), "street")


def test_rtmdet_is_imported_as_mmdetection_feeds_it(data):
    model = (data / "weights" / "rtmdet-nano-person.onnx").read_bytes()
    manifest, _ = import_onnx(
        model, "person", description=Description("boxes", ("person",), "dets", (320, 320))
    )
    assert manifest.input.model_dump() == {
        "height": 320,
        "width": 320,
        "colour": "bgr",
        "mean": (103.53, 116.28, 123.675),
        "std": (57.375, 57.12, 58.395),
        "pad_value": 114,
        "letterbox": "corner",
    }


OURS = {
    "sfumato.family": "rtmdet_ins",
    "sfumato.names": '["bottle", "cup"]',
    "sfumato.input": input_spec(64).model_dump_json(),
}


def rtmdet(make_onnx, metadata, *, last_first=False):
    """An RTMDet-Ins that sees nothing."""
    channels = {"cls": 2, "reg": 4, "kernel": 169, "mask_feat": 8}
    outputs = {
        name: np.full((1, channels[name.rstrip("012")], size, size), -9, np.float32)
        for name, size in zip(OUTPUT_NAMES, (8, 4, 2, 8, 4, 2, 8, 4, 2, 8), strict=True)
    }
    if last_first:
        outputs = dict(reversed(outputs.items()))
    return make_onnx(outputs, metadata=metadata)


@pytest.mark.parametrize("last_first", [False, True])
def test_our_own_export_needs_no_description(make_onnx, last_first):
    """Its outputs are known by name, in whatever order they stand."""
    manifest, _ = import_onnx(rtmdet(make_onnx, OURS, last_first=last_first), "teacher")
    assert (manifest.family, manifest.layout, manifest.class_count) == ("rtmdet_ins", None, 2)
    assert [spec.name for spec in manifest.classes] == ["bottle", "cup"]
    assert manifest.outputs == OUTPUT_NAMES
    assert manifest.input == input_spec(64)


def test_an_rtmdet_that_does_not_say_so_can_be_described(make_onnx):
    described = Description("rtmdet_ins", ("bottle", "cup"))
    manifest, _ = import_onnx(rtmdet(make_onnx, {}), "teacher", description=described)
    assert manifest.input == input_spec(64)


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"sfumato.family": "x" * 99}, "family 'x{40}' is not known"),
        ({"sfumato.names": "bottle"}, "names can't be read"),
        ({"sfumato.names": "[" * 100_000}, "names can't be read"),
        ({"sfumato.names": "{}"}, "names are not a list"),
        ({"sfumato.names": '["bottle"]'}, "with 1 classes"),
        ({"sfumato.input": ""}, "input can't be read"),
        ({"sfumato.input": '{"width": 1}'}, "input can't be read: height"),
        ({"sfumato.input": input_spec(96).model_dump_json()}, "wants"),
    ],
)
def test_our_metadata_is_not_believed_either(make_onnx, metadata, message):
    with pytest.raises(ModelError, match=message) as caught:
        import_onnx(rtmdet(make_onnx, OURS | metadata), "teacher")
    assert "\n" not in str(caught.value)


def test_an_rtmdet_without_its_outputs_is_refused(make_onnx):
    model = yolo(make_onnx, OURS)
    with pytest.raises(ModelError, match="no output named"):
        import_onnx(model, "teacher")


def test_a_network_of_any_size_needs_one(data):
    model = (data / "weights" / "rtmdet-nano-person.onnx").read_bytes()
    with pytest.raises(ModelError, match="--size WxH"):
        import_onnx(model, "person", description=Description("boxes", ("person",), "dets"))


@pytest.mark.slow
def test_yolox_is_imported_at_its_own_size(data):
    model = (data / "weights" / "coco-yolox-nano.onnx").read_bytes()
    names = tuple(f"class {i}" for i in range(80))
    manifest, _ = import_onnx(model, "coco", description=Description("boxes", names, "yolox"))
    assert (manifest.input.width, manifest.input.colour, manifest.input.std) == (
        416,
        "bgr",
        (1,) * 3,
    )
    with pytest.raises(FamilyError, match="with 3 classes"):
        import_onnx(model, "coco", description=Description("boxes", names[:3], "yolox"))
    with pytest.raises(FamilyError, match="layout dets"):
        import_onnx(model, "coco", description=Description("boxes", names, "dets"))
    with pytest.raises(FamilyError, match="yolo_seg with 80 classes"):
        import_onnx(model, "coco", description=Description("yolo_seg", names))


def test_of_all_that_the_tensorflow_zoo_gives_the_right_four_are_read(make_onnx):
    """Named and ordered as an export of TensorFlow 2 has them."""
    floats = np.float32
    outputs = {
        "detection_anchor_indices": np.zeros((1, 5), floats),
        "detection_boxes": np.zeros((1, 5, 4), floats),
        "detection_classes": np.full((1, 5), 3, floats),
        "detection_multiclass_scores": np.zeros((1, 5, 4), floats),
        "detection_scores": np.full((1, 5), 0.5, floats),
        "num_detections": np.full(1, 5, floats),
        "raw_detection_boxes": np.zeros((1, 99, 4), floats),
        "raw_detection_scores": np.zeros((1, 99, 4), floats),
    }
    model = make_onnx(outputs, shape=(1, "h", "w", 3), dtype="uint8")
    described = Description("boxes", ("a", "b", "c"), "ssd", (300, 300))
    manifest, _ = import_onnx(model, "zoo", description=described)
    assert manifest.outputs == (
        "detection_boxes",
        "detection_scores",
        "detection_classes",
        "num_detections",
    )
    assert manifest.input.letterbox == "stretch"


def test_an_ssd_without_its_outputs_is_refused(make_onnx):
    model = make_onnx({"boxes": np.zeros((1, 5, 4), np.float32)})
    with pytest.raises(FamilyError, match="named like 'scores'"):
        import_onnx(model, "zoo", description=Description("boxes", ("a",), "ssd"))


def test_what_is_no_network_is_refused():
    with pytest.raises(ModelError, match="can't load"):
        import_onnx(b"hello", "street")
