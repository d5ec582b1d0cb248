"""Redact one still image: what `sfumato redact-image` does, as functions.

An image is covered as a keyframe of a video is. It has no neighbours that could vouch for it, so
whatever is not certain ends in an error and leaves no output.
"""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from agent.blur import check_paths
from agent.detect.pool import check_sane
from agent.errors import InputError, UsageError
from agent.frames.cover import Cover, Patch
from agent.output_file import write_output_file
from agent.redact.effect import Effect
from agent.redact.rgb_image import redact_still
from agent.track.track import sightings_of
from models.decode import decoder_for
from models.outline import longer_side, render
from models.preprocess import preprocess
from models.runtime.choose import choose_network

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from agent.blur import Hidden
    from agent.settings import BlurSettings
    from models.bundle import Bundle
    from models.decode import Decoder
    from models.instances import Instances
    from models.preprocess import InputSpec
    from models.runtime.network import Network

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

MOST_PIXELS = 200_000_000
"""A larger image takes more memory than a device has."""

_QUALITY = 95
_MPO = "MPO"
"""A JPEG with further pictures behind the first, as phones write it; the first is the photo."""


class SeesStills(Protocol):
    """Sees objects in one image."""

    def detect(self, rgb: Pixels) -> Instances:
        """The instances, in image pixels.

        Raises:
            ModelError: there is no result that may be trusted.
        """
        ...


@dataclass(frozen=True, slots=True)
class StillDetector:
    """A bundle's network, fed from RGB pixels.

    Attributes:
        min_score: detections that score no more than this are of no use to anyone.
    """

    network: Network
    decoder: Decoder
    spec: InputSpec
    min_score: float

    @classmethod
    def of(cls, bundle: Bundle, hidden: Hidden) -> StillDetector:
        """The bundle's network on this machine.

        Raises:
            ModelError: the network can't be loaded, or contradicts the manifest.
        """
        min_score = hidden.weakest  # as in a video
        spec = bundle.manifest.input
        network = choose_network(bundle).network
        return cls(network, decoder_for(bundle.manifest), spec, min_score)

    def detect(self, rgb: Pixels) -> Instances:
        """Scale, run, decode."""
        fed, fit = preprocess(rgb, self.spec)
        return self.decoder.decode(self.network.run(fed), fit, min_score=self.min_score)


def redact_image(
    rgb: Pixels, detector: SeesStills, hidden: Hidden, settings: BlurSettings
) -> tuple[Pixels, int]:
    """Hide the chosen classes in an image; returns a copy, and how many objects are hidden in it.

    Raises:
        ModelError: there is no result that may be trusted.
    """
    instances = detector.detect(rgb)
    check_sane(instances)
    cover = Cover(tuple(_patches(instances, (rgb.shape[1], rgb.shape[0]), hidden, settings.margin)))
    redacted = redact_still(rgb, cover, Effect.parse(settings.effect), settings.shape)
    return redacted, len(cover.patches)


def _patches(
    instances: Instances, size: tuple[int, int], hidden: Hidden, margin: float
) -> Iterator[Patch]:
    for sighting in sightings_of(instances, 0):
        # What does not reach its class's score could only carry on a track, and here is none.
        if sighting.score < hidden.scores.get(sighting.class_id, np.inf):
            continue
        shape = sighting.shape
        painted = render(shape.bounds, shape.field, margin * longer_side(shape.bounds), size)
        if painted is not None:
            yield Patch(*painted, label=hidden.labels[sighting.class_id])


def redact_image_file(
    source: Path,
    target: Path,
    detector: SeesStills,
    hidden: Hidden,
    settings: BlurSettings,
) -> int:
    """Redact a file; returns how many objects are hidden in it.

    The target is written in the format that its suffix names, all at once, and holds pixels
    only: whatever else the source carried stays behind.

    Raises:
        InputError: the source is missing, damaged, or nothing that we read.
        OutputError: the target is the source, or can't be written.
        UsageError: the target's suffix names no format.
        ModelError: there is no result that may be trusted.
    """
    file_format = FORMATS.get(target.suffix.lower())
    if file_format is None:
        raise UsageError(
            f"{target}: an image is written as {', '.join(sorted(FORMATS))}; choose such a name"
        )
    check_paths(source, target)
    redacted, count = redact_image(read_image(source), detector, hidden, settings)
    write_output_file(target, _encoded(redacted, file_format))
    return count


def read_image(path: Path) -> Pixels:
    """An image's pixels, upright, in sRGB, of 8 bits a channel.

    Of 16 bits the upper eight are kept, what is transparent is laid on white, and colours with
    a profile are converted, because the profile itself is not passed on.

    Raises:
        InputError: it is missing, damaged, holds several pictures, or is nothing that we read.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: can't be read ({error.strerror})") from error
    if not data:
        raise InputError(f"{path}: the file is empty")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of sizes that we judge ourselves, of odd metadata
            return _decoded(data)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    except UnidentifiedImageError as error:
        kinds = ", ".join(sorted(set(FORMATS.values())))
        raise InputError(f"{path}: not an image that can be read ({kinds})") from error
    except Exception as error:  # decoders raise whatever they like on damaged files
        raise InputError(f"{path}: the image is damaged ({error})") from error


def _decoded(data: bytes) -> Pixels:
    with Image.open(io.BytesIO(data), formats=sorted(set(FORMATS.values()))) as image:
        if image.width * image.height > MOST_PIXELS:
            raise InputError(f"{image.width}x{image.height} pixels are too many; scale it down")
        if getattr(image, "n_frames", 1) > 1 and image.format != _MPO:
            raise InputError("it holds several pictures; split it, or redact it as a video")
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


def _encoded(rgb: Pixels, file_format: str) -> bytes:
    data = io.BytesIO()
    options = {"compression": "tiff_lzw"} if file_format == "TIFF" else {"quality": _QUALITY}
    if file_format in {"PNG", "BMP"}:
        options = {}
    Image.fromarray(rgb).save(data, file_format, **options)
    return data.getvalue()
