"""Importing: an ONNX file that somebody exported becomes a manifest.

Ultralytics' exporter and `sfumato-distill teacher export` write into the file what the network
is; of others a person says it. Either way the network runs once before anything is written, so
that a wrong description fails here and not on the device.
"""

from __future__ import annotations

import ast
import json
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError

from models.classes import MAX_CLASSES, ClassSpec, choose
from models.decode import decoder_for
from models.decode.rtmdet_ins import OUTPUT_NAMES
from models.errors import FamilyError, ModelError
from models.manifest import MAX_MODEL_BYTES, FileSpec, Manifest, first_problem
from models.preprocess import InputSpec, preprocess
from models.runtime.onnxruntime import OnnxRuntimeNetwork

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from models.manifest import Family, Layout, Role

_PATHS: dict[Role, str] = {
    "fp32": "model.onnx",
    "fp16": "model.fp16.onnx",
    "int8": "model.int8.onnx",
}
_MAX_LITERAL_CHARACTERS = 200_000
"""Chosen, not measured: 10,000 class names of 20 letters."""

_TRIAL_SCORE = 0.001
"""Chosen, not measured: so low that even a grey image may give something to decode."""

FAMILY_KEY, NAMES_KEY, INPUT_KEY = "sfumato.family", "sfumato.names", "sfumato.input"
"""Where our own export says what it is: the family, a JSON list, an `InputSpec` as JSON."""

_RTMDET: dict[str, Any] = {
    "colour": "bgr",
    "mean": (103.53, 116.28, 123.675),
    "std": (57.375, 57.12, 58.395),
    "letterbox": "corner",
}

# How the networks of each family or layout are fed by the code they come from: MMDetection's
# RTMDet (mean and std of its data preprocessor, padded right and below), YOLOX's `preproc` and
# TensorFlow's `fixed_shape_resizer`.
_FED: dict[Family | Layout, dict[str, Any]] = {
    "rtmdet_ins": _RTMDET,
    "dets": _RTMDET,
    "yolox": {"colour": "bgr", "std": (1.0, 1.0, 1.0), "letterbox": "corner"},
    "ssd": {"std": (1.0, 1.0, 1.0), "letterbox": "stretch"},
}


@dataclass(frozen=True, slots=True)
class Description:
    """What a network is.

    Attributes:
        family: how its outputs are read.
        names: the classes that it knows, by their id.
        layout: of the family `boxes`.
        size: width, height of its input; None where the file says it.
        feeding: fields of `InputSpec` that differ from the layout's custom.
    """

    family: Family
    names: tuple[str, ...]
    layout: Layout | None = None
    size: tuple[int, int] | None = None
    feeding: Mapping[str, Any] | None = None


def import_onnx(
    model: bytes,
    name: str,
    *,
    classes: Sequence[str] = (),
    description: Description | None = None,
) -> tuple[Manifest, dict[Role, bytes]]:
    """Describe and try a network: what `models.bundle.write_bundle` needs.

    Args:
        model: an ONNX file.
        name: the bundle's name.
        classes: the classes that the bundle offers to hide; none: all that the network knows.
        description: what the network is, where the file doesn't say it.

    Raises:
        UnknownClassError: the network has no such class.
        ModelError: the network can't be run, or is not what it is described as.
    """
    if len(model) > MAX_MODEL_BYTES:
        raise ModelError(f"the model is larger than {MAX_MODEL_BYTES >> 20} MiB")
    network = OnnxRuntimeNetwork(model)
    described = description or describe(network.metadata)
    try:
        known = tuple(ClassSpec(id=i, name=word) for i, word in enumerate(described.names))
        manifest = Manifest(
            schema=1,
            name=name,
            created=datetime.now(timezone.utc).replace(microsecond=0),
            family=described.family,
            layout=described.layout,
            outputs=_outputs(described, network.outputs),
            class_count=len(known),
            classes=choose(classes, known) or known,
            input=_input(described, network.image_size),
            files={network.precision: FileSpec.of(_PATHS[network.precision], model)},
        )
    except ValidationError as error:
        raise ModelError(f"the model can't be described: {first_problem(error)}") from error
    _try(manifest, model)
    return manifest, {network.precision: model}


def describe(metadata: Mapping[str, str]) -> Description:
    """Read what the exporter wrote into the file.

    Raises:
        ModelError: it wrote nothing, or the network has a task that is not ours.
    """
    if FAMILY_KEY in metadata:
        return _described_by_us(metadata)
    if not {"task", "names", "imgsz"} <= metadata.keys():
        raise ModelError(
            "the file does not say what network it holds (only an export by Ultralytics or "
            "sfumato-distill does); "
            "say it with --family, --layout and --names"
        )
    if metadata["task"] != "segment":
        raise ModelError(
            f"this is a '{metadata['task'][:40]}' network, which gives no masks; "
            "export a segmentation model (its name ends in -seg)"
        )
    names, size = _literal(metadata["names"], "names"), _literal(metadata["imgsz"], "imgsz")
    if isinstance(names, dict) and names.keys() == set(range(len(names))):
        names = [names[i] for i in range(len(names))]
    _check_names(names)
    if not isinstance(size, list) or len(size) != 2 or not all(type(n) is int for n in size):
        raise ModelError("the file's imgsz is not [height, width]")
    return Description("yolo_seg", tuple(names), size=(size[1], size[0]))


def _described_by_us(metadata: Mapping[str, str]) -> Description:
    if metadata[FAMILY_KEY] != "rtmdet_ins":
        raise ModelError(f"the file's family '{metadata[FAMILY_KEY][:40]}' is not known")
    try:
        names = json.loads(metadata.get(NAMES_KEY, ""))
        spec = InputSpec.model_validate_json(metadata.get(INPUT_KEY, ""))
    except ValidationError as error:
        raise ModelError(f"the file's input can't be read: {first_problem(error)}") from error
    except (ValueError, RecursionError) as error:
        raise ModelError("the file's class names can't be read") from error
    _check_names(names)
    feeding = spec.model_dump(exclude={"width", "height"})
    return Description("rtmdet_ins", tuple(names), size=(spec.width, spec.height), feeding=feeding)


def _check_names(names: Any) -> None:
    if (
        not isinstance(names, list)
        or not 0 < len(names) <= MAX_CLASSES
        or not all(isinstance(word, str) for word in names)
    ):
        raise ModelError("the file's class names are not a list, nor numbered from 0")


def _literal(text: str, field: str) -> Any:
    try:
        if len(text) <= _MAX_LITERAL_CHARACTERS:
            return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        pass
    raise ModelError(f"the file's {field} can't be read: {text[:40]!r}")


def _input(described: Description, image_size: tuple[int, int] | None) -> InputSpec:
    size = described.size or image_size
    if size is None:
        raise ModelError("the network takes images of any size; choose one with --size WxH")
    custom = _FED.get(described.layout or described.family, {})
    return InputSpec(width=size[0], height=size[1], **{**custom, **(described.feeding or {})})


def _outputs(described: Description, there: Iterable[str]) -> tuple[str, ...]:
    """The outputs to read, by name where the file may have them in any order or has more."""
    if described.family == "rtmdet_ins":
        return OUTPUT_NAMES
    return _ssd_outputs(tuple(there)) if described.layout == "ssd" else ()


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
    """Feed the network a grey image and decode what it gives."""
    network = OnnxRuntimeNetwork(model, spec=manifest.input, outputs=manifest.outputs)
    grey = np.full((480, 640, 3), 128, np.uint8)
    image, fit = preprocess(grey, manifest.input)
    decoder_for(manifest).decode(network.run(image), fit, min_score=_TRIAL_SCORE)
