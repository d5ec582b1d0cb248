"""Hidden: which of a bundle's classes are hidden, and from which score on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.errors import UsageError
from agent.track.tracker import WEAK_SHARE
from models.classes import choose
from models.errors import UnknownClassError

if TYPE_CHECKING:
    from agent.settings import Hiding
    from models.bundle import Bundle
    from models.classes import ClassSpec
    from models.manifest import Role


@dataclass(frozen=True, slots=True)
class Hidden:
    """What is hidden, and from which score on.

    Attributes:
        labels: names by class id.
        scores: least score of a new track by class id.
        sure_scores: likewise, where nobody asks for a lower one than the bundle's.
    """

    labels: dict[int, str]
    scores: dict[int, float]
    sure_scores: dict[int, float]

    @property
    def weakest(self) -> float:
        """Detections that score no more than this are of no use."""
        return WEAK_SHARE * min(self.scores.values())

    @property
    def sought(self) -> frozenset[frozenset[int]]:
        """What to look for even where another class scores higher (`models.decode.Decoder`)."""
        return frozenset([frozenset(self.labels)])


def hidden_classes(bundle: Bundle, settings: Hiding, role: Role | None = None) -> Hidden:
    """Which of a bundle's classes the settings ask to hide.

    Args:
        role: the precision that runs, whose own thresholds count; None where that isn't known yet,
            and only the labels are right.

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
    own = {spec.id: bundle.manifest.threshold(spec.name, role) for spec in chosen}
    asked = {class_id: settings.conf or score for class_id, score in own.items()}
    sure = {class_id: max(asked[class_id], score) for class_id, score in own.items()}
    return Hidden({spec.id: spec.name for spec in chosen}, asked, sure)
