"""Image files that hold several pictures, of which one would be redacted and the others lost."""

from __future__ import annotations

import shlex
import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

MPO = "MPO"
"""A JPEG with further pictures behind the first, as phones write it; the first is the photo."""

# Major and compatible brands of ISO/IEC 23008-12 and of AV1's binding to it.
_HEIF = frozenset({b"heic", b"heix", b"heim", b"heis", b"mif1", b"mif2", b"avif"})
_SEQUENCES = frozenset({b"hevc", b"hevx", b"hevm", b"hevs", b"msf1", b"avis"})
_MAX_BRANDS_BYTES = 256


def further_pictures(path: Path) -> int:
    """How many pictures a file holds behind the first; 0 where Pillow can't tell."""
    from PIL import Image  # noqa: PLC0415 0.01 s, which no video need wait for

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of sizes, of odd metadata
            with Image.open(path) as image:
                return getattr(image, "n_frames", 1) - 1
    except Exception:  # noqa: BLE001 - decoders raise whatever they like on damaged files
        return 0


def what_instead(path: Path, file_format: str | None) -> str:
    """What to do with a file of several pictures, in words that follow its name.

    Args:
        file_format: as Pillow calls it.
    """
    name, stem = shlex.quote(str(path)), shlex.quote(path.stem)
    if file_format == "WEBP":
        return (
            "an animated WebP, which FFmpeg can't decode; make a GIF of it and redact that: "
            f"magick {name} -coalesce {stem}.gif && sfumato blur {stem}.gif {stem}.mp4"
        )
    if file_format == "TIFF":
        return (
            "it holds several pictures; split it, and redact each: "
            f"magick {name} {stem}-%d.png && sfumato redact-image {stem}-*.png --out-dir {stem}"
        )
    return f"it holds several pictures; redact it as a video: sfumato blur {name} {stem}.mp4"


def is_heif(data: bytes) -> bool:
    """Whether this is the beginning of a HEIF or AVIF still: one picture, perhaps in tiles."""
    brands = _brands(data)
    return bool(brands & _HEIF) and not brands & _SEQUENCES


def _brands(data: bytes) -> set[bytes]:
    """Whom a file of the ISO base media format (ISO/IEC 14496-12) says that it is for."""
    if data[4:8] != b"ftyp":
        return set()
    end = min(int.from_bytes(data[:4], "big"), _MAX_BRANDS_BYTES)
    return {data[8:12], *(data[at : at + 4] for at in range(16, end, 4))}
