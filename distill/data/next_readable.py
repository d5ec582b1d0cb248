"""Next readable: a training goes on without an image that can't be read, and says so."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeVar

from distill.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_MAX_FAILURES = 10
"""Images in a row that can't be read before it is the disk, not the images. Chosen, not measured."""

_NAME = f"{InputError.__module__}.{InputError.__qualname__}: "

T = TypeVar("T")


def next_readable(
    read: Callable[[int], T],
    first: int,
    count: int,
    say: Callable[[str], None],
    most: int = _MAX_FAILURES,
) -> T:
    """What `read` gives of an image, or of another one that can be read.

    Others are far from it and from one another: photos that were spoilt together lie together.

    Args:
        read: reads an image by its number, from 0 to `count` - 1.
        first: the number of the image.
        count: how many there are.
        say: is told of each image that can't be read.
        most: how many are tried.

    Raises:
        InputError: several in a row can't be read.
    """
    last = ""
    attempts, stride = min(most, count), _stride(count)
    for attempt in range(attempts):
        try:
            return read((first + attempt * stride) % count)
        except InputError as error:
            last = str(error)
            say(last)
    raise InputError(f"{attempts} images in a row can't be read; the last: {last}")


def _stride(count: int) -> int:
    """About the golden section of `count`, and such that it leads to every number once."""
    stride = max(1, round(count * (math.sqrt(5) - 1) / 2))
    while math.gcd(stride, count) > 1:
        stride += 1
    return stride


def plain_errors(batches: Iterable[T]) -> Iterator[T]:
    """The same batches; what a loader process could not read is one line again.

    Raises:
        InputError: as `next_readable` raised it; PyTorch hands it on with the whole traceback.
    """
    try:
        yield from batches
    except InputError as error:
        raise plain(error) from None


def plain(error: InputError) -> InputError:
    """An error of a loader process without the traceback that PyTorch puts before it."""
    return InputError(str(error).rpartition(_NAME)[2].strip())
