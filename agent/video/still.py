"""Stills: what FFmpeg opens as a video, and gives only one picture of, or a part of one."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from agent.errors import InputError
from agent.several_pictures import further_pictures, is_heif, what_instead

if TYPE_CHECKING:
    from pathlib import Path

    from av.container import InputContainer

_HEAD_BYTES = 256
_IMAGES = {"webp_pipe": "WEBP", "tiff_pipe": "TIFF"}
"""FFmpeg's demuxers of one image, by Pillow's names; those of animations are others."""


def refuse_stills(path: Path, container: InputContainer) -> None:
    """Refuse an image file if more is in it than the one picture that FFmpeg would give.

    Raises:
        InputError: it is an animated WebP, or has pages, tiles or layers.
    """
    demuxer = container.format.name
    if not path.is_file():
        return
    if demuxer in _IMAGES and further_pictures(path):
        raise InputError(f"{path}: {what_instead(path, _IMAGES[demuxer])}")
    if demuxer.startswith("mov") and len(container.streams.video) > 1:
        with path.open("rb") as file:
            still = is_heif(file.read(_HEAD_BYTES))
        if still:
            raise InputError(
                f"{path}: a still image in tiles or layers, of which one would be taken: "
                f"sfumato redact-image {shlex.quote(str(path))}"
            )
