"""Redact one image: what `sfumato redact-image` does, as functions.

An image is covered as a keyframe of a video is. It has no neighbours that could vouch for it, so
whatever is not certain ends in an error and leaves no output.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from agent.detect.detector import check_sane
from agent.errors import UsageError
from agent.frames.cover import Cover, PlacedOutline
from agent.frames.sighting import sightings_of
from agent.hidden import hidden_classes
from agent.image_file import FORMATS, encode_image, read_image
from agent.output_file import check_paths, write_output_file
from agent.redact.effect import Effect
from agent.redact.rgb_image import redact_rgb
from models.feeding import Feedings
from models.outline import lies_outside, longer_side
from models.preprocess import preprocess
from models.runtime.choose import choose_network

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from agent.hidden import Hidden
    from agent.image_file import Pixels
    from agent.settings import BlurSettings, Hiding
    from models.bundle import Bundle
    from models.instances import Instances
    from models.runtime.choose import Chosen


class DetectsInImages(Protocol):
    """Sees objects in one image."""

    def detect(self, rgb: Pixels) -> Instances:
        """The instances, in image pixels.

        Raises:
            ModelError: there is no result that may be trusted.
        """
        ...


@dataclass(frozen=True, slots=True)
class ImageDetector:
    """A bundle's network, fed from RGB pixels.

    Attributes:
        min_score: detections that score no more than this are of no use to anyone.
        sought: as `agent.detect.detector.NetworkDetector` has it.
    """

    chosen: Chosen
    feedings: Feedings
    min_score: float
    sought: frozenset[frozenset[int]] = frozenset()

    @classmethod
    def of(cls, bundle: Bundle, settings: Hiding, chosen: Chosen | None = None) -> ImageDetector:
        """A network of the bundle, on images.

        Args:
            chosen: the network; None for what suits this machine best, remembered by nobody.

        Raises:
            UsageError: the bundle does not know a class that is to be hidden.
            ModelError: no network can be loaded, or sees what it should.
        """
        chosen = chosen or choose_network(bundle)
        hidden = hidden_classes(bundle, settings, chosen.precision)  # as in a video
        return cls(chosen, Feedings.of(bundle.manifest), hidden.weakest, hidden.sought)

    def detect(self, rgb: Pixels) -> Instances:
        """Scale, run, decode."""
        way = self.feedings.suited((rgb.shape[1], rgb.shape[0]))
        fed, fit = preprocess(rgb, way.spec)
        outputs = self.chosen.network.run(fed)
        return way.decoder.decode(outputs, fit, min_score=self.min_score, sought=self.sought)


def redact_image(
    rgb: Pixels, detector: DetectsInImages, hidden: Hidden, settings: BlurSettings
) -> tuple[Pixels, int]:
    """Hide the chosen classes in an image; returns a copy, and how many objects are hidden in it.

    Raises:
        ModelError: there is no result that may be trusted.
    """
    instances = detector.detect(rgb)
    check_sane(instances)
    size = rgb.shape[1], rgb.shape[0]
    cover = Cover(tuple(_outlines(instances, size, hidden, settings.margin)))
    redacted = redact_rgb(rgb, cover, Effect.parse(settings.effect), settings.shape)
    return redacted, len(cover.outlines)


def _outlines(
    instances: Instances, size: tuple[int, int], hidden: Hidden, margin: float
) -> Iterator[PlacedOutline]:
    for sighting in sightings_of(instances, 0):
        # What does not reach its class's score could only carry on a track, and here is none.
        if sighting.score < hidden.scores.get(sighting.class_id, np.inf):
            continue
        outline = sighting.outline
        grow_px = margin * longer_side(outline.bounds)
        if not lies_outside(outline.bounds, grow_px, size):
            label = hidden.labels[sighting.class_id]
            yield PlacedOutline(outline.bounds, outline.field, grow_px, label=label)


def redact_image_file(
    source: Path,
    target: Path,
    detector: DetectsInImages,
    hidden: Hidden,
    settings: BlurSettings,
    *,
    overwrite: bool = False,
) -> int:
    """Redact a file; returns how many objects are hidden in it.

    The target is written in the format that its suffix names, all at once, and holds pixels
    only: whatever else the source carried stays behind.

    Raises:
        InputError: the source is missing, damaged, or nothing that we read.
        OutputError: the target is the source, exists already, or can't be written.
        UsageError: the target's suffix names no format.
        ModelError: there is no result that may be trusted.
    """
    file_format = FORMATS.get(target.suffix.lower())
    if file_format is None:
        raise UsageError(
            f"{target}: an image is written as {', '.join(sorted(FORMATS))}; choose such a name"
        )
    rgb = read_image(source)  # first: what is wrong with an input matters more
    check_paths(source, target, overwrite=overwrite)
    redacted, count = redact_image(rgb, detector, hidden, settings)
    write_output_file(target, encode_image(redacted, file_format), overwrite=overwrite)
    return count
