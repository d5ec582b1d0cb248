"""Model: a bundle's network, loaded once and proved, for all streams of an agent."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import scipy.optimize  # noqa: F401 - else with the first object: 0.8 s, in which a camera goes on

from agent.blur import detector_of
from agent.detect.pool import DetectorPool
from agent.frames.cover import Cover
from agent.hidden import hidden_classes
from agent.redact.effect import Effect
from agent.redact.rgb_image import redact_rgb
from agent.redact_image import ImageDetector, redact_image
from agent.service.admitted import admit
from agent.settings import BlurSettings, Hiding
from agent.telemetry.status import ModelStatus
from models.feeding import Feedings
from models.golden import golden_frames
from models.runtime.choice_cache import ChoiceCache
from models.runtime.choose import choose_network

if TYPE_CHECKING:
    from pathlib import Path

    from agent.config.tree import ModelConfig
    from agent.detect.detector import NetworkDetector
    from agent.hidden import Hidden
    from models.bundle import Bundle
    from models.runtime.choose import Chosen

_log = logging.getLogger(__name__)

_CHOICES = "network-choices.json"


@dataclass(frozen=True, slots=True)
class Model:
    """A network that passed its bundle's own test on this machine, and the pool that runs it."""

    bundle: Bundle
    detector: NetworkDetector
    pool: DetectorPool

    @classmethod
    def load(cls, config: ModelConfig, state: Path | None, choices: Path | None = None) -> Model:
        """Open, load and prove what a configuration names.

        Args:
            state: as in `admit`.
            choices: a folder that remembers which of a bundle's files suits this machine; None
                where there is none, and all are tried.

        Raises:
            ModelError: it can't be opened or loaded, or sees other things than it should.
        """
        bundle = admit(config, state)
        cache = None if choices is None else ChoiceCache(choices / _CHOICES)
        chosen = choose_network(bundle, cache=cache, prove=True)
        for each in chosen.candidates:
            level = logging.WARNING if each.is_faulty else logging.INFO
            _log.log(level, "%s%s", each.line, " (chosen)" * (each.outcome == "chosen"))
        _redact_something(bundle, chosen)
        detector = detector_of(bundle, Hiding(), chosen)
        return cls(
            bundle, detector, DetectorPool(detector, config.workers, config.detect_timeout_s)
        )

    def hidden(self, settings: Hiding) -> Hidden:
        """Which classes the settings ask to hide, and from which scores of what runs.

        Raises:
            UsageError: the bundle does not know a class.
        """
        return hidden_classes(self.bundle, settings, self.detector.chosen.precision)

    def status(self) -> ModelStatus:
        """What runs."""
        manifest, chosen = self.bundle.manifest, self.detector.chosen
        return ModelStatus(
            manifest.name,
            manifest.version,
            chosen.precision,
            chosen.runtime,
            chosen.sha256,
            chosen.candidates,
        )


def _redact_something(bundle: Bundle, chosen: Chosen) -> None:
    """Redact a golden frame by what the network sees in it.

    Without golden frames a grey one is covered whole: that much is always possible.
    """
    if not bundle.manifest.golden_files:
        grey = np.full((96, 96, 3), 128, np.uint8)
        redact_rgb(grey, Cover.all_of_it("no golden frame"), Effect("blur"))
        return
    hidden = hidden_classes(bundle, Hiding(), chosen.precision)
    eyes = ImageDetector(chosen, Feedings.of(bundle.manifest), hidden.weakest)
    for frame in islice(golden_frames(bundle), 1):
        redact_image(frame.image, eyes, hidden, BlurSettings())
