"""Size: bytes, written as people write them."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

_UNITS = {
    "TiB": 1 << 40,
    "GiB": 1 << 30,
    "MiB": 1 << 20,
    "KiB": 1 << 10,
    "TB": 10**12,
    "GB": 10**9,
    "MB": 10**6,
    "KB": 10**3,
    "kB": 10**3,
    "B": 1,
}
"""Largest first of each kind, as `size_text` tries them."""

_PATTERN = rf"[0-9]{{1,15}}(\.[0-9]{{1,6}})? ?({'|'.join(_UNITS)})"
_SIZE = re.compile(_PATTERN)


def _size_of(value: Any) -> Any:
    """Bytes of `50GiB`, `500MB` or a plain number; what is neither is left to be refused."""
    if isinstance(value, str):
        if not _SIZE.fullmatch(value):
            raise ValueError("should be a size, such as 50GiB, 500MB or a number of bytes")
        number = value.rstrip("BKMGTik ")
        value = int(Fraction(number) * _UNITS[value[len(number) :].strip()])
    if type(value) is int and value < 1:
        raise ValueError("should be at least one byte")
    return value


def size_text(size_bytes: int) -> str:
    """A size in the largest unit that leaves a whole number, as `Size` reads it."""
    unit = next(unit for unit, factor in _UNITS.items() if size_bytes % factor == 0)
    return f"{size_bytes // _UNITS[unit]}{unit}"


Size = Annotated[
    int,
    BeforeValidator(_size_of),
    PlainSerializer(size_text, return_type=str, when_used="json"),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 1},
                {"type": "string", "pattern": f"^{_PATTERN}$"},
            ]
        }
    ),
]
"""Bytes, at least one; in YAML with a unit or without."""
