"""Image files: read upright in sRGB with 8 bits a channel, written as pixels and nothing else."""

from __future__ import annotations

import io
import shlex
import warnings
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from agent.errors import InputError
from agent.several_pictures import MPO, is_heif, what_instead

if TYPE_CHECKING:
    from pathlib import Path

Pixels = npt.NDArray[np.uint8]
"""RGB, uint8 [h, w, 3]."""

FORMATS = {
    ".bmp": "BMP",
    ".jpeg": "JPEG",
    ".jpg": "JPEG",
    ".png": "PNG",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".webp": "WEBP",
}
"""What an output can be, by its suffix; inputs are told by their contents."""

_READ = sorted({*FORMATS.values(), "AVIF", "GIF"})

MAX_PIXELS = 200_000_000
"""A larger image takes more memory than a device has. Chosen, not measured."""

_QUALITY = 95


def read_image(path: Path) -> Pixels:
    """An image's pixels, upright, in sRGB, of 8 bits a channel.

    Of 16 bits the upper eight are kept, what is transparent is laid on white, and colours with
    a profile are converted, because the profile itself is not passed on.

    Raises:
        InputError: it is missing, damaged, holds several pictures, or is nothing that we read.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file") from error
    except OSError as error:
        raise InputError(f"{path}: can't be read ({error.strerror})") from error
    if not data:
        raise InputError(f"{path}: the file is empty")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of sizes that we judge ourselves, of odd metadata
            return _decoded(path, data)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    except UnidentifiedImageError as error:
        kinds, name = ", ".join(_READ), shlex.quote(str(path))
        if is_heif(data):
            raise InputError(
                f"{path}: a HEIF image, or a damaged AVIF, which can't be read here; convert it: "
                f"magick {name} {shlex.quote(path.stem)}.png"
            ) from error
        raise InputError(f"{path}: not an image that can be read ({kinds})") from error
    except Exception as error:  # decoders raise whatever they like on damaged files
        raise InputError(f"{path}: the image is damaged ({error})") from error


def _decoded(path: Path, data: bytes) -> Pixels:
    with Image.open(io.BytesIO(data), formats=_READ) as image:
        if image.width * image.height > MAX_PIXELS:
            raise InputError(f"{image.width}x{image.height} pixels are too many; scale it down")
        if getattr(image, "n_frames", 1) > 1 and image.format != MPO:
            raise InputError(what_instead(path, image.format))
        upright = ImageOps.exif_transpose(image)
    if upright.mode.startswith("I;16"):
        grey = (np.asarray(upright).astype(np.uint16) >> 8).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    if upright.mode in {"I", "F"}:
        raise InputError("its pixels have 32 bits; convert it to 8 bits a channel first")
    return np.array(_in_srgb(_opaque(upright)), np.uint8)


def _opaque(image: Image.Image) -> Image.Image:
    """Without transparency: pixels that nobody sees could show what nobody should see."""
    if not image.has_transparency_data:
        return image
    layer = image.convert("RGBA")
    ground = Image.new("RGBA", image.size, "white")
    flat = Image.alpha_composite(ground, layer).convert("RGB")
    flat.info = {"icc_profile": image.info.get("icc_profile")}
    return flat


def _in_srgb(image: Image.Image) -> Image.Image:
    profile = image.info.get("icc_profile")
    if not profile or image.mode not in {"RGB", "CMYK", "L"}:
        return image.convert("RGB")
    try:
        theirs = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        ours = ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, theirs, ours, outputMode="RGB")
    except (OSError, ImageCms.PyCMSError):  # a damaged profile changes no colour elsewhere either
        converted = None
    return image.convert("RGB") if converted is None else converted


def encode_image(rgb: Pixels, file_format: str) -> bytes:
    """A file of `FORMATS`' format that holds RGB pixels, uint8 [h, w, 3], and no metadata."""
    data = io.BytesIO()
    options = {"compression": "tiff_lzw"} if file_format == "TIFF" else {"quality": _QUALITY}
    if file_format in {"PNG", "BMP"}:
        options = {}
    Image.fromarray(rgb).save(data, file_format, **options)
    return data.getvalue()
