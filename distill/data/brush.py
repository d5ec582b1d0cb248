"""Label Studio's brush format: bits, in a list of bytes.

It is thi.ng's rle-pack over the pixels' four channels, row by row: 32 bits of length in values,
5 bits of word size, four times 4 bits of run sizes (each one less than meant), then blocks of
1 bit (one value repeated, or values one by one), 2 bits that choose a run size, the run less one
in that many bits, and the value or values.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]

_CHANNELS = 4
_WORD = 8
_RUN_BITS = (3, 4, 8, 16)
_HALF = 128
"""A brush's edge is smoothed: a pixel is in if half of it is."""


def pack_brush(mask: Pixels) -> list[int]:
    """A mask [h, w], every value but 0 is object, as Label Studio has it."""
    line = (mask != 0).ravel()
    change = np.flatnonzero(line[1:] != line[:-1]) + 1
    starts = np.concatenate(([0], change))
    lengths = np.diff(starts, append=len(line)) * _CHANNELS
    head = f"{len(line) * _CHANNELS:032b}{_WORD - 1:05b}"
    bits = [head, *(f"{size - 1:04b}" for size in _RUN_BITS)]
    for start, length in zip(starts.tolist(), lengths.tolist(), strict=True):
        value = "1" * _WORD if line[start] else "0" * _WORD
        left = length
        while left:
            choice = next(
                (i for i, size in enumerate(_RUN_BITS) if left <= 1 << size), len(_RUN_BITS) - 1
            )
            run = min(left, 1 << _RUN_BITS[choice])
            bits.append(f"1{choice:02b}{run - 1:0{_RUN_BITS[choice]}b}{value}")
            left -= run
    text = "".join(bits)
    text += "0" * (-len(text) % 8)
    return list(int(text, 2).to_bytes(len(text) // 8, "big"))


def unpack_brush(data: list[int], size: tuple[int, int]) -> Pixels:
    """The mask [height, width], 0 or 1.

    Raises:
        ValueError: it is damaged, or for an image of another size.
    """
    try:
        raw = np.frombuffer(bytes(data), np.uint8)
    except (TypeError, ValueError):
        raise ValueError("its brush mask is not a list of bytes") from None
    bits = _Bits("".join(map(str, np.unpackbits(raw).tolist())))
    count = bits.take(32)
    height, width = size
    if count != height * width * _CHANNELS:
        raise ValueError(f"its brush mask is not one of {width}x{height} pixels")
    word = bits.take(5) + 1
    run_bits = [bits.take(4) + 1 for _ in range(4)]
    values = np.zeros(count, np.uint8)
    at = 0
    while at < count:
        same = bits.take(1)
        run = bits.take(run_bits[bits.take(2)]) + 1
        if same:
            values[at : at + run] = min(bits.take(word), 255)
        else:
            part = [min(bits.take(word), 255) for _ in range(run)]
            values[at : at + run] = part[: count - at]
        at += run
    alpha = values.reshape(height, width, _CHANNELS)[..., -1]
    return np.asarray(alpha >= _HALF, np.uint8)


class _Bits:
    """Reads numbers from a string of zeros and ones."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def take(self, count: int) -> int:
        end = self._at + count
        if end > len(self._text):
            raise ValueError("its brush mask is cut off")
        value = int(self._text[self._at : end], 2)
        self._at = end
        return value
