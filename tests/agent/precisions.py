"""Networks in several precisions, good ones and faulty ones, and bundles that hold them."""

from datetime import datetime, timezone

import numpy as np
from networks import PLACE, computing_network
from worlds import CLASSES

from models.bundle import write_bundle
from models.golden import encode_expected, encode_image
from models.input_spec import InputSpec
from models.manifest import FileSpec, GoldenSpec, Manifest, NetworkSpec
from models.runtime.onnxruntime import OnnxRuntimeNetwork
from models.self_test import look

PICTURE = (1 / 255, np.uint8(0))
DRAWING = (0.06, np.uint8(77))
TAIL = (2.5, np.uint8(0))
"""Of boxes up to 640 px and scores together, as one scale of a last Concat has it."""

LONG, LONGER = 1000, 5000
"""Turns of a loop: a third of a millisecond, and 1.7 of them; without it a run takes 0.02."""

QUANTISED = computing_network(picture=PICTURE, drawing=DRAWING)
SWAPPED = computing_network(picture=DRAWING, drawing=PICTURE)
CUT = QUANTISED[: len(QUANTISED) // 2]
BLIND = computing_network(tail=TAIL)
NOT_A_NUMBER = computing_network(float("nan"))
SLOW = computing_network(turns=LONG)
SLOWER = computing_network(turns=LONGER)
SYMMETRIC = computing_network(picture=(1 / 127, np.int8(0)), drawing=(0.06, np.int8(0)))


def scene():
    """A frame in which something bright stands where the networks see a person."""
    picture = np.full((96, 160, 3), 60, np.uint8)
    x0, y0, x1, y1 = PLACE
    picture[y0:y1, x0:x1] = 200
    return picture


def write_precisions(path, models, specs=None, *, golden=True, **said):
    """A bundle of these networks, by precision, with a golden frame or without.

    Args:
        specs: what else the manifest says of a file, by precision.
        said: what it says beside that.
    """
    files = {
        role: NetworkSpec.of(f"{role}.onnx", model).model_copy(update=(specs or {}).get(role, {}))
        for role, model in models.items()
    }
    manifest = Manifest(
        name="world",
        created=datetime(2026, 1, 2, tzinfo=timezone.utc),
        family="yolo_seg",
        class_count=len(CLASSES),
        classes=CLASSES,
        input=InputSpec(height=64, width=64),
        files=files,
        **said,
    )
    contents = {}
    if golden:
        seen = look(scene(), manifest, OnnxRuntimeNetwork(computing_network()))
        contents = {
            "golden/0.png": encode_image(scene()),
            "golden/0.json": encode_expected(seen, {spec.id: spec.name for spec in CLASSES}),
        }
        image, expected = (FileSpec.of(path, each) for path, each in contents.items())
        tested = {
            "golden": {"box_px": 2.0, "score": 0.05, "mask_iou": 0.9},
            "golden_files": (GoldenSpec(image=image, expected=expected),),
        }
        manifest = manifest.model_copy(update=tested)
    write_bundle(path, manifest, models, golden=contents)
    return path
