"""Golden frames: how a bundle proves that its network still sees what it saw.

A frame is a picture (PNG, so that everyone decodes the same pixels) and the instances that the
student gave in PyTorch, each with its mask. `models.self_test` compares.
"""

from __future__ import annotations

import base64
import math
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import cv2
import numpy as np
import numpy.typing as npt
from pydantic import Field, ValidationError

from models.errors import BundleError
from models.instances import Instances, Mask
from models.manifest import first_problem
from models.strict_model import StrictModel

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from models.bundle import Bundle
    from models.manifest import Size

    Image = npt.NDArray[np.uint8]

MAX_SIDE = 4096
"""Pixels: the largest input that a network may have (`models.preprocess.InputSpec`)."""

_MAX_INSTANCES = 300
"""As many as a decoder gives (`models.decode.outputs.MAX_INSTANCES`)."""

_MAX_MASK_PIXELS = 1 << 25
"""Of all masks of a frame: two of the largest frames. A few kilobytes of PNG can unfold to
gigabytes."""

_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_SIZE = struct.Struct(">8s4x4sLL")
"""Signature, length of the first chunk, its name (IHDR), width, height (PNG, 5.2 and 11.2.2)."""

EXPECTED_PROBABILITY = 70
"""Mask probability (of 255) at which expected masks are cut: all bundles so far were made so, and
a mask that is cut can't be compared at another one."""

_CHUNK = struct.Struct(">L4s")
_CHUNKS = {b"IHDR", b"PLTE", b"IDAT", b"IEND"}
"""What a picture needs; a decoder may make room for what any other chunk claims to hold."""

_MAX_COORDINATE_PX = 1e6
"""Of a box's corner. Chosen, not measured: far outside of any frame, and exact in float32."""


@dataclass(frozen=True, slots=True)
class GoldenFrame:
    """A picture and what is to be seen in it.

    Attributes:
        image: RGB uint8 [h, w, 3].
        expected: by the network's class ids.
        size: width, height of the network's input at which this was seen; None for that of the
            manifest's `input`.
    """

    image: Image
    expected: Instances
    size: Size | None = None


_Pixels = Annotated[float, Field(ge=-_MAX_COORDINATE_PX, le=_MAX_COORDINATE_PX)]


class _Mask(StrictModel):
    x: int = Field(ge=-MAX_SIDE, le=MAX_SIDE)
    y: int = Field(ge=-MAX_SIDE, le=MAX_SIDE)
    png: str = Field(description="the rectangle in black and white, base64")


class _Seen(StrictModel):
    name: str
    id: int | None = Field(None, description="which class of this name, where there are several")
    score: Annotated[float, Field(ge=0, le=1)]
    box: tuple[_Pixels, _Pixels, _Pixels, _Pixels]
    mask: _Mask | None


class _Expected(StrictModel):
    instances: tuple[_Seen, ...] = Field(max_length=_MAX_INSTANCES)


def encode_image(image: Image) -> bytes:
    """An RGB image as PNG."""
    return cv2.imencode(".png", image[..., ::-1])[1].tobytes()


def encode_expected(seen: Instances, names: Mapping[int, str]) -> bytes:
    """Instances as JSON.

    Args:
        seen: what the network is to see.
        names: class names by id.
    """
    masks = seen.masks or [None] * len(seen)
    objects = tuple(
        _Seen(
            name=names[int(label)],
            id=int(label),
            score=round(float(score), 6),
            box=tuple(round(float(value), 3) for value in box),
            mask=mask and _encoded(mask),
        )
        for box, score, label, mask in zip(
            seen.boxes, seen.scores, seen.classes, masks, strict=True
        )
    )
    return _Expected(instances=objects).model_dump_json(indent=1).encode()


def _encoded(mask: Mask) -> _Mask:
    white = np.where(mask.pixels >= EXPECTED_PROBABILITY, np.uint8(255), np.uint8(0))
    data = cv2.imencode(".png", white, [cv2.IMWRITE_PNG_BILEVEL, 1])[1].tobytes()
    return _Mask(x=mask.x, y=mask.y, png=base64.b64encode(data).decode())


def golden_frames(bundle: Bundle) -> Iterator[GoldenFrame]:
    """Read a bundle's frames, one at a time: unfolded, all of them may fill the memory.

    Raises:
        BundleError: one can't be read, or expects a class that the bundle does not have.
    """
    ids: dict[str, list[int]] = {}
    for spec in bundle.manifest.classes:
        ids.setdefault(spec.name, []).append(spec.id)
    listed = bundle.manifest.golden_files
    for frame, (image, expected) in zip(listed, bundle.golden_bytes(), strict=True):
        rgb = _decoded(image, cv2.IMREAD_COLOR)[..., ::-1]
        yield GoldenFrame(rgb, _expected(expected, ids), frame.size)


def _expected(data: bytes, ids: Mapping[str, Sequence[int]]) -> Instances:
    try:
        objects = _Expected.model_validate_json(data).instances
    except ValidationError as error:
        raise BundleError(f"a golden frame's instances: {first_problem(error)}") from error
    return Instances(
        np.array([seen.box for seen in objects], np.float32).reshape(-1, 4),
        np.array([seen.score for seen in objects], np.float32),
        np.array([_class_of(seen, ids) for seen in objects], np.int64),
        _masks([seen.mask for seen in objects]),
    )


def _class_of(seen: _Seen, ids: Mapping[str, Sequence[int]]) -> int:
    for number in ids.get(seen.name, ()):
        if seen.id in {None, number}:
            return number
    raise BundleError(f"a golden frame expects '{seen.name}', which is none of its classes")


def _masks(given: Sequence[_Mask | None]) -> tuple[Mask, ...] | None:
    masks = [mask for mask in given if mask]
    if len(masks) < len(given):
        return None
    packed = [_bytes(mask) for mask in masks]
    if sum(math.prod(_size(png)) for png in packed) > _MAX_MASK_PIXELS:
        raise BundleError("the masks of a golden frame are too large")
    return tuple(
        Mask(mask.x, mask.y, _decoded(png, cv2.IMREAD_GRAYSCALE))
        for mask, png in zip(masks, packed, strict=True)
    )


def _bytes(mask: _Mask) -> bytes:
    try:
        return base64.b64decode(mask.png, validate=True)
    except ValueError as error:
        raise BundleError("a golden frame's mask is not base64") from error


def _size(data: bytes) -> tuple[int, int]:
    """Width and height of a PNG, looked at before it is unfolded."""
    if len(data) >= _PNG_SIZE.size:
        signature, name, width, height = _PNG_SIZE.unpack(data[: _PNG_SIZE.size])
        fits = 0 < min(width, height) <= max(width, height) <= MAX_SIDE
        if (signature, name) == (_PNG, b"IHDR") and fits:
            return width, height
    raise BundleError(f"a golden frame is no PNG of up to {MAX_SIDE} px")


def _check_chunks(data: bytes) -> None:
    """See that each chunk of a PNG lies within the file (PNG, 5.3)."""
    place = len(_PNG)
    while place < len(data):
        length, name = _CHUNK.unpack(data[place : place + _CHUNK.size].ljust(_CHUNK.size, b"\0"))
        place += _CHUNK.size + length + 4  # and its checksum
        if name not in _CHUNKS or place > len(data):
            raise BundleError("a golden frame is cut off, or has more than a picture needs")


def _decoded(data: bytes, kind: int) -> Image:
    _size(data)
    _check_chunks(data)
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), kind)
    if pixels is None:
        raise BundleError("a golden frame can't be decoded")
    return np.asarray(pixels, np.uint8)
