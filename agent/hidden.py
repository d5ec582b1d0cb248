"""Hidden: which of a bundle's classes are hidden, and from which score on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.errors import UsageError
from models.classes import choose
from models.errors import UnknownClassError

if TYPE_CHECKING:
    from agent.settings import BlurSettings
    from models.bundle import Bundle
    from models.classes import ClassSpec

WEAK_SHARE = 0.4
"""A detection that scores this share of what a new track needs can still carry one on (chosen
together with the tracker's gates, on the six DAVIS-2016 sequences that README reports)."""


@dataclass(frozen=True, slots=True)
class Hidden:
    """What is hidden, and from which score on.

    Attributes:
        labels: names by class id.
        scores: least score of a new track by class id.
    """

    labels: dict[int, str]
    scores: dict[int, float]

    @property
    def weakest(self) -> float:
        """Detections that score no more than this are of no use."""
        return WEAK_SHARE * min(self.scores.values())


def hidden_classes(bundle: Bundle, settings: BlurSettings) -> Hidden:
    """Which of a bundle's classes the settings ask to hide.

    Raises:
        UsageError: the bundle does not know a class; the nearest is named.
    """
    known = bundle.manifest.classes
    try:
        chosen: tuple[ClassSpec, ...] = (
            choose(settings.classes, known) if settings.classes else known
        )
    except UnknownClassError as error:
        raise UsageError(str(error)) from error
    return Hidden(
        {spec.id: spec.name for spec in chosen},
        {spec.id: settings.conf or bundle.manifest.threshold(spec.name) for spec in chosen},
    )
