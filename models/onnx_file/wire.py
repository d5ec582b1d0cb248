"""Protobuf's wire format: the fields of a message, whatever they mean.

What a runtime's own parser may read in another way is refused, so that nothing can be hidden from
us that it would see. Format: https://protobuf.dev/programming-guides/encoding
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from models.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
"""Kinds of values. Groups (3 and 4) are not in ONNX."""

_MAX_VARINT_BYTES = 10
_MAX_NUMBER = (1 << 29) - 1
_DAMAGED = "it is damaged or cut short, or no ONNX file"
_FIXED_BYTES = {FIXED64: 8, FIXED32: 4}


class DamagedOnnxError(ModelError):
    """The bytes are no ONNX file, or one that is damaged."""


class Field(NamedTuple):
    """One field of a message.

    Attributes:
        number: which field.
        kind: of its value: `VARINT`, `FIXED64`, `BYTES` or `FIXED32`.
        varint: the value of a `VARINT`, unsigned, 64 bits; else 0.
        message: that it is a field of.
        begin: where its tag begins in the message.
        first: where its value begins: of `BYTES`, the content.
        end: where it ends.
    """

    number: int
    kind: int
    varint: int
    message: memoryview
    begin: int
    first: int
    end: int

    @property
    def content(self) -> memoryview:
        """The bytes of a value that is no `VARINT`."""
        return self.message[self.first : self.end]

    @property
    def whole(self) -> memoryview:
        """Tag and value, as they stand in the message."""
        return self.message[self.begin : self.end]


def fields(message: memoryview) -> Iterator[Field]:
    """The fields of a message, in their order.

    Raises:
        DamagedOnnxError: these bytes are no message.
    """
    place, end = 0, len(message)
    while place < end:
        begin = place
        tag, place = read_varint(message, place)
        number, kind, varint, first = tag >> 3, tag & 7, 0, place
        if kind == BYTES:
            size, first = read_varint(message, place)
            place = first + size
        elif kind == VARINT:
            varint, place = read_varint(message, place)
        elif kind in _FIXED_BYTES:
            place += _FIXED_BYTES[kind]
        else:
            raise DamagedOnnxError(_DAMAGED)
        if not 0 < number <= _MAX_NUMBER or place > end:
            raise DamagedOnnxError(_DAMAGED)
        yield Field(number, kind, varint, message, begin, first, place)


def read_varint(message: memoryview, place: int) -> tuple[int, int]:
    """The unsigned number at `place`, its lowest 64 bits, and where it ends.

    Raises:
        DamagedOnnxError: there is none.
    """
    if place < len(message) and (value := message[place]) < 128:  # almost every one
        return value, place + 1
    value = shift = 0
    for byte in message[place : place + _MAX_VARINT_BYTES]:
        place += 1
        if byte < 128:
            return (value | byte << shift) & (1 << 64) - 1, place
        value |= (byte & 127) << shift
        shift += 7
    raise DamagedOnnxError(_DAMAGED)


def varint(value: int) -> bytes:
    """An unsigned number as it is written."""
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def bytes_header(number: int, size: int) -> bytes:
    """What stands before the content of a `BYTES` field."""
    return varint(number << 3 | BYTES) + varint(size)
