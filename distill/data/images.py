"""Images from files, upright and in RGB."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image as PilImage
from PIL import ImageOps, UnidentifiedImageError
from PIL.TiffImagePlugin import TiffImageFile

from distill.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    Image = npt.NDArray[np.uint8]

SUFFIXES = frozenset({".avif", ".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
"""What counts as an image in a folder."""

_QUARTER_TURNS = (5, 6, 7, 8)
"""EXIF orientations that swap width and height."""
_TURNS = range(2, 9)
"""Those that turn or mirror."""
_ORIENTATION_TAG = 0x0112
_TIFF_WIDTH_TAG, _TIFF_HEIGHT_TAG = 256, 257
_GLANCE_PX = (32, 32)
"""What a JPEG is decoded down to, only to see that all of it is there; chosen, not measured."""


def is_still(path: Path) -> bool:
    """Whether a file is an image by its name, and no clip."""
    return path.suffix.lower() in SUFFIXES


def read_rgb(path: Path) -> Image:
    """An image as RGB uint8 [h, w, 3], turned the way its EXIF says.

    Raises:
        InputError: it is missing, cut off, or no image.
    """
    with _opened(path) as opened:
        upright = ImageOps.exif_transpose(opened)
        if upright.mode.startswith("I"):  # 16 bits, which convert() would clip to white
            deep = np.asarray(upright, dtype=np.int64)
            upright = PilImage.fromarray((deep >> 8).clip(0, 255).astype(np.uint8))
        return np.array(upright.convert("RGB"))


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
    with _opened(path) as opened:
        return _header(opened)


def whole_header_of(path: Path) -> Header:
    """The size of an image all of which can be decoded.

    Raises:
        InputError: it is missing, cut off, or no image.
    """
    with _opened(path) as opened:
        header = _header(opened)
        opened.draft(None, _GLANCE_PX)  # a JPEG: several times as fast
        opened.load()
        return header


def size_of(path: Path) -> tuple[int, int]:
    """Width and height of an image once it is upright, from its header alone.

    Raises:
        InputError: it is missing or no image.
    """
    return header_of(path).size


def _header(opened: PilImage.Image) -> Header:
    """Of an image of which nothing is decoded yet."""
    orientation = opened.getexif().get(_ORIENTATION_TAG)
    stored = opened.size
    if isinstance(opened, TiffImageFile):  # which has turned its size already, and no other has
        stored = opened.tag_v2[_TIFF_WIDTH_TAG], opened.tag_v2[_TIFF_HEIGHT_TAG]
    upright = stored[::-1] if orientation in _QUARTER_TURNS else stored
    return Header(stored, upright, orientation in _TURNS)


@contextmanager
def _opened(path: Path) -> Iterator[PilImage.Image]:
    """An image to read in this block; whatever goes wrong in it is one line.

    Raises:
        InputError: it can't be read.
    """
    try:
        with PilImage.open(path) as opened:
            yield opened
    except Exception as error:  # a damaged file makes Pillow's decoders raise nearly anything
        raise InputError(_reason(path, error)) from error


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
    said = " ".join(str(error).split()) or type(error).__name__
    return f"{path} can't be decoded ({said}); copy it again or leave it out"
