"""Tensor: what an ONNX file says of one, and where its values are."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.errors import ModelError
from models.onnx_file.wire import BYTES, VARINT, fields, read_varint

if TYPE_CHECKING:
    from collections.abc import Mapping

DIMS, DATA_TYPE, NAME, RAW_DATA, EXTERNAL_DATA, DATA_LOCATION = 1, 2, 8, 9, 13, 14
"""Fields of `TensorProto`."""

_KEY, _VALUE = 1, 2
"""Fields of `StringStringEntryProto`."""

_MAX_DIGITS = 18
"""Of an offset or a length; a file of so many bytes does not exist."""

_BITS: Mapping[int, int] = {
    **dict.fromkeys((25, 26), 2),  # UINT2, INT2
    **dict.fromkeys((21, 22, 23), 4),  # UINT4, INT4, FLOAT4E2M1
    **dict.fromkeys((27, 28), 6),  # FLOAT6*
    **dict.fromkeys((2, 3, 9, 17, 18, 19, 20, 24), 8),  # (U)INT8, BOOL, FLOAT8*
    **dict.fromkeys((4, 5, 10, 16), 16),  # (U)INT16, FLOAT16, BFLOAT16
    **dict.fromkeys((1, 6, 12), 32),  # FLOAT, INT32, UINT32
    **dict.fromkeys((7, 11, 13, 14), 64),  # INT64, DOUBLE, UINT64, COMPLEX64
    15: 128,  # COMPLEX128
}
"""Bits of an element by `TensorProto.DataType`; strings (8) have no fixed size."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor, without its values.

    Attributes:
        name: of the tensor; empty where it has none.
        shape: its sizes.
        data_type: a number of `TensorProto.DataType`.
        data_location: 0 where its values stand in the file itself.
        external: what is said about where else they are: location, offset, length.
    """

    name: str
    shape: tuple[int, ...]
    data_type: int
    data_location: int
    external: Mapping[str, str]

    @property
    def is_elsewhere(self) -> bool:
        """Whether its values are outside of the file."""
        return self.data_location != 0  # protobuf would cut off higher bits, so no other is "here"

    @property
    def bytes(self) -> int:
        """How many bytes its values take.

        Raises:
            ModelError: that can't be told.
        """
        # A size below zero is a number of 64 bits, so far too large, as it should be.
        if self.data_type not in _BITS:
            raise ModelError(f"{self}: values of type {self.data_type} can't lie in another file")
        return -(-math.prod(self.shape) * _BITS[self.data_type] // 8)

    def number(self, key: str) -> int | None:
        """What `external` says of `offset` or `length`, not below 0; None where it says nothing.

        Raises:
            ModelError: it is no number.
        """
        text = self.external.get(key)
        if text is None:
            return None
        if not (text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS):
            raise ModelError(f"the {key} of {self} is {text[:20]!r}, not a number of bytes")
        return int(text)

    def __str__(self) -> str:
        return f"tensor {self.name[:80]!r}"


def read_tensor(message: memoryview) -> Tensor:
    """Read a `TensorProto`.

    Raises:
        DamagedOnnxError: it is none.
    """
    name, data_type, data_location = "", 0, 0
    shape: list[int] = []
    external: dict[str, str] = {}
    for field in fields(message):
        if field.number == DIMS and field.kind == VARINT:
            shape.append(field.varint)
        elif field.number == DIMS and field.kind == BYTES:  # packed
            place = 0
            while place < len(field.content):
                size, place = read_varint(field.content, place)
                shape.append(size)
        elif field.number == DATA_TYPE:
            data_type = field.varint
        elif field.number == NAME:
            name = _text(field.content)
        elif field.number == EXTERNAL_DATA:
            external |= _entry(field.content)
        elif field.number == DATA_LOCATION:
            data_location |= field.varint
    return Tensor(name, tuple(shape), data_type, data_location, external)


def _entry(message: memoryview) -> dict[str, str]:
    said = {field.number: _text(field.content) for field in fields(message)}
    return {said.get(_KEY, ""): said.get(_VALUE, "")}


def _text(content: memoryview) -> str:
    return str(content, "utf-8", errors="backslashreplace")
