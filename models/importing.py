"""Importing: an ONNX file that somebody exported becomes a manifest.

What the file says of itself, or what a person says, is tried: the network runs once before anything
is written, so that a wrong description fails here and not on the device.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError

from models.classes import choose, class_specs
from models.decode import decoder_for
from models.decode.rtmdet_ins import OUTPUT_NAMES
from models.decode.yolo_seg_heads import RAW_OUTPUTS
from models.description import Description, describe
from models.errors import FamilyError, ModelError
from models.input_spec import InputSpec
from models.manifest import (
    MAX_MODEL_BYTES,
    NETWORK_PATHS,
    Manifest,
    NetworkSpec,
    first_problem,
)
from models.preprocess import preprocess
from models.runtime.onnxruntime import OnnxRuntimeNetwork

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from models.manifest import Family, Layout, Role, Size

_TRIAL_SCORE = 0.001
"""Chosen, not measured: so low that even a grey image may give something to decode."""

_RTMDET: dict[str, Any] = {
    "colour": "bgr",
    "mean": (103.53, 116.28, 123.675),
    "std": (57.375, 57.12, 58.395),
    "letterbox": "corner",
}

# How the networks of each family or layout are fed by the code they come from: MMDetection's
# RTMDet (mean and std of its data preprocessor, padded right and below), YOLOX's `preproc` and
# TensorFlow's `fixed_shape_resizer`. `InputSpec`'s own defaults are Ultralytics'.
_FED: dict[Family | Layout, dict[str, Any]] = {
    "rtmdet_ins": _RTMDET,
    "dets": _RTMDET,
    "yolox": {"colour": "bgr", "std": (1.0, 1.0, 1.0), "letterbox": "corner"},
    "ssd": {"std": (1.0, 1.0, 1.0), "letterbox": "stretch"},
}


def import_onnx(
    model: bytes,
    name: str,
    *,
    classes: Sequence[str] = (),
    description: Description | None = None,
    sizes: Sequence[Size] = (),
) -> tuple[Manifest, dict[Role, bytes]]:
    """Describe and try a network: what `models.bundle.write_bundle` needs.

    Args:
        model: an ONNX file.
        name: the bundle's name.
        classes: the classes that the bundle offers to hide; none: all that the network knows.
        description: what the network is, where the file doesn't say it.
        sizes: at which it may be fed (width, height), its own first; none: what the file says.

    Raises:
        UnknownClassError: the network has no such class.
        ModelError: the network can't be run, or is not what it is described as.
    """
    if len(model) > MAX_MODEL_BYTES:
        raise ModelError(
            f"the model is larger than {MAX_MODEL_BYTES >> 20} MiB; export a smaller network"
        )
    network = OnnxRuntimeNetwork(model)
    described = description or describe(network.metadata)
    try:
        known = class_specs(described.names)
        manifest = Manifest(
            schema=1,
            name=name,
            created=datetime.now(timezone.utc).replace(microsecond=0),
            family=described.family,
            layout=described.layout,
            outputs=_outputs(described, network.outputs),
            class_count=len(known),
            classes=choose(classes, known) or known,
            input=_input(described, sizes[0] if sizes else described.size or network.image_size),
            sizes=tuple(sizes[1:]) if sizes else described.others,
            files={network.precision: NetworkSpec.of(NETWORK_PATHS[network.precision], model)},
        )
    except ValidationError as error:
        raise ModelError(f"the model can't be described: {first_problem(error)}") from error
    _try(manifest, model)
    return manifest, {network.precision: model}


def _input(described: Description, size: Size | None) -> InputSpec:
    if size is None:
        raise ModelError("the network takes images of any size; choose one with --size WxH")
    custom = _FED.get(described.layout or described.family, {})
    return InputSpec(width=size[0], height=size[1], **{**custom, **(described.feeding or {})})


def _outputs(described: Description, there: Iterable[str]) -> tuple[str, ...]:
    """The outputs to read, by name where the file may have them in any order or has more."""
    named = tuple(there)
    if described.family == "rtmdet_ins":
        return OUTPUT_NAMES
    if described.family == "yolo_seg" and set(RAW_OUTPUTS) <= set(named):
        return RAW_OUTPUTS
    return _ssd_outputs(named) if described.layout == "ssd" else ()


def _ssd_outputs(there: Sequence[str]) -> tuple[str, ...]:
    """The outputs of layout `ssd` among all that the TensorFlow zoo gives.

    `detection_scores` stands beside `raw_detection_scores` and `detection_multiclass_scores`:
    the shortest name is the one that is meant.
    """
    found = []
    for word in ("boxes", "scores", "classes", "num"):
        candidates = [name for name in there if word in name.lower()]
        if not candidates:
            raise FamilyError(
                f"layout ssd has an output named like '{word}'; this network has {', '.join(there)}"
            )
        found.append(min(candidates, key=len))
    return tuple(found)


def _try(manifest: Manifest, model: bytes) -> None:
    """Feed the network a grey image at each of its sizes and decode what it gives."""
    network = OnnxRuntimeNetwork(model, inputs=manifest.inputs(), outputs=manifest.outputs)
    grey = np.full((480, 640, 3), 128, np.uint8)
    for spec in manifest.inputs():
        image, fit = preprocess(grey, spec)
        decoder_for(manifest, spec).decode(network.run(image), fit, min_score=_TRIAL_SCORE)
