"""FrameNumbers: where pictures of H.264 were lost on which others build."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice
from typing import final

_UNIT = re.compile(rb"\x00\x00\x01(.)(?=(.{0,512}))", re.DOTALL)
"""A NAL unit of Annex B, and what follows, as far as it is read: a sequence's parameters with all of
its scaling lists, or the beginning of a slice."""
_SLICE, _KEY_SLICE, _SEQUENCE = 1, 5, 7  # ITU-T H.264, table 7-1
_MOST_UNITS = 64
"""Looked at before a picture's first slice. Chosen: cameras put three or four there."""
_WITH_CHROMA = frozenset({44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 244})
"""Profiles whose parameters tell of chroma: ITU-T H.264, 7.3.2.1.1."""
_444, _MOST_CYCLE = 3, 255


@dataclass(frozen=True)
class _Sequence:
    """What is to be known of a sequence's parameters: ITU-T H.264, 7.3.2.1.1.

    Attributes:
        bits: of a frame number.
    """

    bits: int
    has_planes: bool
    may_have_gaps: bool
    may_have_fields: bool


@final
class FrameNumbers:
    """Follows `frame_num`, which each picture raises that others build on: ITU-T H.264, 7.4.3.

    A decoder predicts from what it has as if nothing were missing, and doesn't tell: of a camera whose
    twentieth packets were lost FFmpeg showed whole groups wrong, none of them marked. What is lost
    within a picture it sees. Nothing is told by as many lost pictures as numbers wrap by, 16 at least;
    by a key that is lost behind a group of one more; by streams in which gaps are allowed, or whose
    sequences are unlike each other. Where a camera counts anew without a key (MMCO 5), one is told of
    that isn't missing.

    Args:
        parameters: what the stream was announced with, Annex B as its packets are.
    """

    def __init__(self, parameters: bytes = b"") -> None:
        self._sequences: dict[int, _Sequence] = {}
        self._last: int | None = None
        self.missing_before(parameters)

    def missing_before(self, data: bytes) -> bool:
        """Take in the next packet; whether a picture is missing before it.

        What can't be read is left to the decoder.
        """
        try:
            return self._missing_before(data)
        except IndexError:
            return False

    def _missing_before(self, data: bytes) -> bool:
        for found in islice(_UNIT.finditer(data), _MOST_UNITS):
            header, kind = found[1][0], found[1][0] & 31
            if kind == _SEQUENCE:
                number, sequence = _sequence(_Bits(found[2]))
                self._sequences[number] = sequence
            elif kind == _KEY_SLICE:
                self._last = 0
                return False
            elif kind == _SLICE:
                return self._is_gap(_Bits(found[2]), is_built_on=bool(header >> 5 & 3))
        return False

    def _is_gap(self, bits: _Bits, *, is_built_on: bool) -> bool:
        """Whether this slice's picture can't follow the last that was built on."""
        kinds = set(self._sequences.values())
        if len(kinds) != 1 or (sequence := kinds.pop()).may_have_gaps:
            return False
        begins = bits.whole() == 0
        bits.whole()  # kind of slice
        bits.whole()  # the picture's parameters
        if sequence.has_planes:
            bits.take(2)
        number, last = bits.take(sequence.bits), self._last
        if is_built_on:
            self._last = number
        if last is None or number == (last + 1) % (1 << sequence.bits):
            return False
        return number != last or (begins and not sequence.may_have_fields)


def _sequence(bits: _Bits) -> tuple[int, _Sequence]:
    """By which number pictures name it, and what it is."""
    profile = bits.take(8)
    bits.take(16)  # constraints and level
    number = bits.whole()
    has_planes = profile in _WITH_CHROMA and _has_planes(bits)
    number_bits = bits.whole() + 4
    _skip_order(bits)
    bits.whole()  # pictures that are built on
    may_have_gaps = bool(bits.take(1))
    bits.whole()  # width
    bits.whole()  # height
    return number, _Sequence(number_bits, has_planes, may_have_gaps, not bits.take(1))


def _has_planes(bits: _Bits) -> bool:
    """Read what is told of chroma; whether each plane is coded by itself."""
    chroma = bits.whole()
    planes = bool(chroma == _444 and bits.take(1))
    bits.whole()
    bits.whole()
    bits.take(1)
    if bits.take(1):
        for index in range(12 if chroma == _444 else 8):
            if bits.take(1):
                _skip_scaling(bits, 16 if index < 6 else 64)  # 4x4 before 8x8
    return planes


def _skip_scaling(bits: _Bits, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.signed()) % 256
            last = following or last


def _skip_order(bits: _Bits) -> None:
    """What says in which order pictures are shown."""
    kind = bits.whole()
    if kind == 0:
        bits.whole()
    elif kind == 1:
        bits.take(1)
        bits.whole()
        bits.whole()
        for _ in range(min(bits.whole(), _MOST_CYCLE)):
            bits.whole()


class _Bits:
    """Reads a NAL unit bit by bit.

    Raises:
        IndexError: when reading behind its end.
    """

    def __init__(self, unit: bytes) -> None:
        data = unit.replace(b"\x00\x00\x03", b"\x00\x00")
        self._left, self._value = 8 * len(data), int.from_bytes(data, "big")

    def take(self, count: int) -> int:
        """The next bits, as a number."""
        self._left -= count
        if self._left < 0:
            raise IndexError("behind the end")
        return self._value >> self._left & (1 << count) - 1

    def whole(self) -> int:
        """ue(v), ITU-T H.264, 9.1; of se(v) as many bits."""
        zeros = 0
        while not self.take(1):
            zeros += 1
        return (1 << zeros | self.take(zeros)) - 1

    def signed(self) -> int:
        """se(v), ITU-T H.264, 9.1.1."""
        code = self.whole()
        return (code + 1) // 2 if code & 1 else -(code // 2)
