"""Inference against the original: raw outputs in both precisions, then the whole test pipeline."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import torch

from distill.parity.table import Row
from models.decode.dynamic import mask_logits
from models.decode.rtmdet_ins import (
    MAX_INSTANCES,
    OUTPUT_NAMES,
    RtmdetInsDecoder,
    input_spec,
)
from models.masks import pasted
from models.nets.rtmdet_ins import RTMDetIns
from models.preprocess import Letterbox, preprocess

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy.typing as npt
    from torch import Tensor

    from distill.parity.fixture import Fixture
    from models.decode.rtmdet_ins import Detections
    from models.input_spec import InputSpec
    from models.instances import Instances

    Image = npt.NDArray[np.uint8]
    Floats = npt.NDArray[np.float32]
    Ints = npt.NDArray[np.int64]

EXACT = 1e-9
"""Share of a tensor's greatest value by which float64 may differ."""

SINGLE = 2e-4
"""The same for float32."""

# The tolerances below were chosen, not measured: a few times what float32 costs.

_LOGITS = 1e-3
_BOX_PX, _BOX_SHARE, _SCORE, _PIXELS = 0.02, 1e-4, 5e-4, 1e-3
_MIN_SCORE = 0.05
_NEIGHBOURS = 2
"""Detections of a full list that may differ, where two scores are as good as equal."""


def check_structure(fixture: Fixture) -> Iterator[Row]:
    """Names, shapes and number of parameters; nothing else can be compared if these differ."""
    net = RTMDetIns(fixture.size, fixture.classes)
    ours, theirs = net.state_dict(), fixture.shapes
    yield Row("keys", len(ours.keys() ^ theirs.keys()), 0)
    yield Row(
        "shapes", sum(tuple(ours[key].shape) != theirs[key] for key in ours.keys() & theirs), 0
    )
    yield Row("parameters", abs(sum(p.numel() for p in net.parameters()) - fixture.parameters), 0)


def check_inference(fixture: Fixture) -> Iterator[Row]:
    """Everything that the fixture holds about the network in eval mode, row by row."""
    net = RTMDetIns(fixture.size, fixture.classes).eval()
    net = loaded(net, fixture.state_dict("plain"))
    yield from _check_raw(net, fixture, "plain", _fed(fixture, "formula")[0])
    for name in fixture.images:
        net = loaded(net, fixture.state_dict("calib", fixture.class_bias(name)))
        yield from _check_image(net, fixture, name)


def loaded(net: RTMDetIns, state: Mapping[str, npt.NDArray[np.float32]]) -> RTMDetIns:
    """The same network with these weights, in float32."""
    net = net.float()
    net.load_state_dict({key: torch.from_numpy(value) for key, value in state.items()})
    return net


def _fed(fixture: Fixture, name: str) -> tuple[Floats, Letterbox, InputSpec]:
    height, width = fixture.padded_shape(name)
    spec = input_spec().model_copy(update={"height": height, "width": width})
    image = np.ascontiguousarray(fixture.image(name)[..., ::-1])  # the fixture's are BGR
    return *preprocess(image, spec), spec


def _check_image(net: RTMDetIns, fixture: Fixture, name: str) -> Iterator[Row]:
    fed, fit, spec = _fed(fixture, name)
    mean, std = (np.array(value, np.float32)[:, None, None] for value in (spec.mean, spec.std))
    pixels = np.rint(fed[0] * std + mean).astype(np.uint8).transpose(1, 2, 0)
    digest = hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest()
    yield Row(f"{name}: input pixels", int(digest != fixture.input_sha256(name)), 0)
    yield from _check_raw(net, fixture, name, fed)
    raw = _run(net.float(), fed)
    outputs = [raw[output].numpy() for output in OUTPUT_NAMES]
    decoder = RtmdetInsDecoder(spec, fixture.classes, as_published=True)
    seen = decoder.decode(outputs, fit, min_score=_MIN_SCORE)
    found, features = decoder.detect(outputs, fit, min_score=_MIN_SCORE)
    yield from _check_instances(seen, found, features, fixture, name)


def _run(net: RTMDetIns, fed: Floats) -> dict[str, Tensor]:
    """Every tensor that fixtures know, by its name there."""
    x = torch.from_numpy(fed).to(next(net.parameters()).dtype)
    with torch.inference_mode():
        maps = net.backbone(x)
        features = net.neck(maps)
        raw = net.bbox_head(features)
    named = {f"backbone{i}": value for i, value in enumerate(maps)}
    named |= {f"neck{i}": value for i, value in enumerate(features)}
    outputs = [*raw.class_logits, *raw.distances, *raw.kernels, raw.mask_features]
    return named | dict(zip(OUTPUT_NAMES, outputs, strict=True))


def _check_raw(net: RTMDetIns, fixture: Fixture, name: str, fed: Floats) -> Iterator[Row]:
    for precision, limit in (("f64", EXACT), ("f32", SINGLE)):
        prefix = f"{name}/{precision}/"
        if not fixture.has(f"{prefix}cls0"):
            continue
        got = _run(net.double() if precision == "f64" else net.float(), fed)
        worst = {
            part: max(
                fixture.reference(prefix + key).error(value.numpy())
                for key, value in got.items()
                if key.rstrip("012") == part
            )
            for part in ("backbone", "neck", "cls", "reg", "kernel", "mask_feat")
        }
        for part, error in worst.items():
            yield Row(f"{name}: {part} {precision}", error, limit)


def _check_instances(
    seen: Instances, found: Detections, features: Floats, fixture: Fixture, name: str
) -> Iterator[Row]:
    boxes = fixture.array(f"{name}/boxes")
    count = len(boxes)
    spare = _NEIGHBOURS if count == MAX_INSTANCES else 0
    pairs = _pairs(seen, boxes, fixture.array(f"{name}/labels"), fixture.array(f"{name}/scores"))
    theirs, ours = pairs.T
    yield Row(f"{name}: instances more or less", abs(len(seen) - count), spare)
    yield Row(f"{name}: instances unmatched", count - len(pairs), spare)
    if not len(pairs):
        return
    allowed = _BOX_PX + _BOX_SHARE * np.abs(boxes[theirs])
    yield Row(
        f"{name}: boxes", float((np.abs(seen.boxes[ours] - boxes[theirs]) / allowed).max()), 1
    )
    scores = np.abs(seen.scores[ours] - fixture.array(f"{name}/scores")[theirs])
    yield Row(f"{name}: scores", float(scores.max()), _SCORE)
    logits = np.zeros((count, *features.shape[1:]), np.float32)
    logits[theirs] = mask_logits(features, found.kernels[ours], found.priors[ours])
    reference = fixture.reference(f"{name}/det_mask_logits_s8")
    yield Row(f"{name}: mask logits", reference.error(logits, theirs), _LOGITS)
    wrong = [_wrong_pixels(seen, i, j, fixture, name) for i, j in pairs]
    yield Row(f"{name}: masks", max(wrong), _PIXELS)


def _pairs(seen: Instances, boxes: Floats, labels: Ints, scores: Floats) -> Ints:
    """Indices [M, 2] of their instances and ours that are the same; each is used once.

    By label and box, and by score among instances that differ in nothing else.
    """
    free, pairs = set(range(len(seen))), []
    for i, (box, label, score) in enumerate(zip(boxes, labels, scores, strict=True)):
        near = [
            j
            for j in free
            if seen.classes[j] == label
            and (np.abs(seen.boxes[j] - box) <= _BOX_PX + _BOX_SHARE * np.abs(box)).all()
        ]
        if near:
            best = min(near, key=lambda j: abs(seen.scores[j] - score))
            free.remove(best)
            pairs.append((i, best))
    return np.array(pairs, np.int64).reshape(-1, 2)


def _wrong_pixels(seen: Instances, theirs: int, ours: int, fixture: Fixture, name: str) -> float:
    """Share of pixels that differ, or what their overlap lacks to 1: the smaller counts."""
    index, inside = fixture.mask_pixels(name, theirs)
    height, width = fixture.image(name).shape[:2]
    masks = seen.masks or ()
    mask = pasted(masks[ours], (width, height)).reshape(-1)[index]
    different, either = (mask != inside).mean(), (mask | inside).sum()
    overlap = (mask & inside).sum() / either if either else 1.0
    return float(min(different, 1 - overlap))
