"""Model: a bundle's network, loaded once and proved, for all streams of an agent."""

from __future__ import annotations

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
from models.errors import ModelError
from models.feeding import Feedings
from models.golden import golden_frames
from models.self_test import self_test

if TYPE_CHECKING:
    from pathlib import Path

    from agent.config.tree import ModelConfig
    from agent.detect.detector import NetworkDetector
    from models.bundle import Bundle


@dataclass(frozen=True, slots=True)
class Model:
    """A network that passed its bundle's own test on this machine, and the pool that runs it."""

    bundle: Bundle
    detector: NetworkDetector
    pool: DetectorPool

    @classmethod
    def load(cls, config: ModelConfig, state: Path | None) -> Model:
        """Open, load and prove what a configuration names; `state` as in `admit`.

        Raises:
            ModelError: it can't be opened or loaded, or sees other things than it should.
        """
        bundle = admit(config, state)
        detector = detector_of(bundle, hidden_classes(bundle, Hiding()))
        _prove(bundle, detector)
        return cls(
            bundle, detector, DetectorPool(detector, config.workers, config.detect_timeout_s)
        )

    def status(self) -> ModelStatus:
        """What runs."""
        manifest, chosen = self.bundle.manifest, self.detector.chosen
        return ModelStatus(
            manifest.name, manifest.version, chosen.precision, chosen.runtime, chosen.sha256
        )


def _prove(bundle: Bundle, detector: NetworkDetector) -> None:
    """Have every golden frame seen as it should be, and one of them redacted.

    Without golden frames a grey one is covered whole: that much is always possible.
    """
    if not bundle.manifest.golden_files:
        grey = np.full((96, 96, 3), 128, np.uint8)
        redact_rgb(grey, Cover.all_of_it("no golden frame"), Effect("blur"))
        return
    network = detector.chosen.network
    verdict = self_test(bundle, network)
    if not verdict.ok:
        raise ModelError(
            f"bundle {bundle.manifest.name} fails its own test on this machine ({verdict.line}); "
            "run `sfumato model verify`, or another bundle"
        )
    hidden = hidden_classes(bundle, Hiding())
    eyes = ImageDetector(network, Feedings.of(bundle.manifest), hidden.weakest)
    for frame in islice(golden_frames(bundle), 1):
        redact_image(frame.image, eyes, hidden, BlurSettings())
