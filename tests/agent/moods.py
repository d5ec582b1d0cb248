"""Networks that pass any test and turn bad on a bright picture, and bundles that hold them."""

from datetime import datetime, timezone

import networks as of
import numpy as np
from networks import PLACE
from worlds import CLASSES

from models.bundle import Bundle, write_bundle
from models.golden import encode_expected, encode_image
from models.input_spec import InputSpec
from models.manifest import FileSpec, GoldenSpec, Manifest, NetworkSpec
from models.runtime.onnxruntime import OnnxRuntimeNetwork
from models.self_test import look

MOODS = ("fine", "blind", "nan", "flooded", "slow", "hanging")

_SLOW_TURNS = 20_000.0
"""Of a loop that does nothing: 7 ms and more."""


def moody_network(mood, place=PLACE, value=0.9):
    """As `networks.network`, but for a picture that glares.

    Args:
        mood: of which it is then: it goes on as before, sees nothing, gives no numbers, sees sixty
            small people more, takes much longer, or hangs.
        place: where it sees a person.
    """
    floats = {"level": of._GLARE, "steep": 1e9, "all": 1.0}
    parts = [
        of._tensor("rows", of.predictions(place, value)),
        *(of._tensor(name, np.array(number, "f4")) for name, number in floats.items()),
        of._node("ReduceMean", ["image"], ["mean"], of._attribute("keepdims", 2, of.protobuf(3, 0))),
        of._node("Sub", ["mean", "level"], ["over"]),
        of._node("Relu", ["over"], ["above"]),
        of._node("Mul", ["above", "steep"], ["far"]),
        of._node("Min", ["far", "all"], ["glare"]),
        of._node("Sub", ["all", "glare"], ["dark"]),
        *_mood(mood),
        *of._constant("output1", np.ones((1, 32, 16, 16), "f4")),
    ]  # fmt: skip
    return of._model(
        {"output0": np.empty((1, 39, 84)), "output1": np.empty((1, 32, 16, 16))}, parts
    )


def write_moody_bundle(path, mood, *, version=1, place=PLACE):
    """An unsigned bundle of such a network, whose golden frame is dark; its digest."""
    model = moody_network(mood, place)
    files = {"fp32": NetworkSpec.of("model.onnx", model)}
    manifest = Manifest(
        name="world",
        version=version,
        created=datetime(2026, 1, 2, tzinfo=timezone.utc),
        family="yolo_seg",
        class_count=len(CLASSES),
        classes=CLASSES,
        input=InputSpec(height=64, width=64),
        files=files,
    )
    picture = np.full((96, 160, 3), 60, np.uint8)
    seen = look(picture, manifest, OnnxRuntimeNetwork(model))
    golden = {
        "golden/0.png": encode_image(picture),
        "golden/0.json": encode_expected(seen, {spec.id: spec.name for spec in CLASSES}),
    }
    image, expected = (FileSpec.of(name, data) for name, data in golden.items())
    tested = {
        "golden": {"box_px": 2.0, "score": 0.05, "mask_iou": 0.9},
        "golden_files": (GoldenSpec(image=image, expected=expected),),
    }
    write_bundle(path, manifest.model_copy(update=tested), {"fp32": model}, golden=golden)
    return Bundle.open(path, allow_unsigned=True).digest


def _mood(mood):
    """Nodes from `rows`, and `glare` (0 or 1) or `dark` (the rest of it), to the output."""
    match mood:
        case "fine":
            return [of._node("Identity", ["rows"], ["output0"])]
        case "blind":
            return [of._node("Mul", ["rows", "dark"], ["output0"])]
        case "nan":
            return [
                of._tensor("nothing", np.array(0, "f4")),
                of._node("Div", ["nothing", "dark"], ["number"]),
                of._node("Add", ["rows", "number"], ["output0"]),
            ]
        case "flooded":
            return [
                of._tensor("flood", _flood()),
                of._node("Mul", ["flood", "glare"], ["people"]),
                of._node("Add", ["rows", "people"], ["output0"]),
            ]
    cast = of._attribute("to", 2, of.protobuf(3, of._INT64))
    return [
        of._tensor("much", np.array(1e16 if mood == "hanging" else _SLOW_TURNS, "f4")),
        of._tensor("zero", np.zeros(1, "f4")),
        of._node("Mul", ["glare", "much"], ["long"]),
        of._node("Cast", ["long"], ["turns"], cast),
        of._loop("turns", "zero", "after"),
        of._node("Add", ["rows", "after"], ["output0"]),
    ]


def _flood():
    """Sixty people of 3 px, side by side, in the rows that `predictions` leaves empty."""
    rows = np.zeros((1, 39, 84), np.float32)
    for i in range(60):
        rows[0, :5, i + 1] = 4 + 4 * (i % 15), 16 + 8 * (i // 15), 3, 3, 0.9
        rows[0, 7, i + 1] = 9
    return rows
