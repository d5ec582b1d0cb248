"""Images from files, upright and in RGB."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image as PilImage
from PIL import ImageOps, UnidentifiedImageError

from distill.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    Image = npt.NDArray[np.uint8]

_QUARTER_TURNS = (5, 6, 7, 8)
"""EXIF orientations that swap width and height."""
_TURNS = range(2, 9)
"""Those that turn or mirror."""
_ORIENTATION_TAG = 0x0112


def read_rgb(path: Path) -> Image:
    """An image as RGB uint8 [h, w, 3], turned the way its EXIF says.

    Raises:
        InputError: it is missing, cut off, or no image.
    """
    try:
        with PilImage.open(path) as opened:
            upright = ImageOps.exif_transpose(opened)
            if upright.mode.startswith("I"):  # 16 bits, which convert() would clip to white
                deep = np.asarray(upright, dtype=np.int64)
                upright = PilImage.fromarray((deep >> 8).clip(0, 255).astype(np.uint8))
            return np.array(upright.convert("RGB"))
    except (OSError, SyntaxError, ValueError, PilImage.DecompressionBombError) as error:
        raise InputError(_reason(path, error)) from error


class Header(NamedTuple):
    """What an image's header says.

    Attributes:
        stored: width and height as they are stored.
        size: width and height once it is upright.
        turned: whether its EXIF has it turned or mirrored.
    """

    stored: tuple[int, int]
    size: tuple[int, int]
    turned: bool


def header_of(path: Path) -> Header:
    """The size of an image, from its header alone.

    Raises:
        InputError: it is missing or no image.
    """
    try:
        with PilImage.open(path) as opened:
            stored, orientation = opened.size, opened.getexif().get(_ORIENTATION_TAG)
    except (OSError, SyntaxError, ValueError, PilImage.DecompressionBombError) as error:
        raise InputError(_reason(path, error)) from error
    upright = stored[::-1] if orientation in _QUARTER_TURNS else stored
    return Header(stored, upright, orientation in _TURNS)


def size_of(path: Path) -> tuple[int, int]:
    """Width and height of an image once it is upright, from its header alone.

    Raises:
        InputError: it is missing or no image.
    """
    return header_of(path).size


def _reason(path: Path, error: Exception) -> str:
    """One line that says what is wrong with the file and what to do."""
    if isinstance(error, FileNotFoundError):
        return f"{path} is not there"
    if isinstance(error, PermissionError):
        return f"{path} may not be read by you; change its permissions"
    if isinstance(error, IsADirectoryError):
        return f"{path} is a folder, not an image"
    if isinstance(error, UnidentifiedImageError):
        return f"{path} is no image that can be read; leave it out or convert it to JPEG or PNG"
    return (
        f"{path} can't be decoded ({' '.join(str(error).split())}); copy it again or leave it out"
    )
