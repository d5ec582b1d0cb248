"""Model: a bundle's network, loaded once and proved, for all streams of an agent."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, final

import numpy as np

from agent.blur import detector_of
from agent.detect.detector import NoModelError
from agent.detect.pool import DetectorPool
from agent.frames.cover import Cover
from agent.hidden import Hidden, hidden_classes
from agent.redact.effect import Effect
from agent.redact.rgb_image import redact_rgb
from agent.redact_image import ImageDetector, redact_image
from agent.service.admitted import admit, verified
from agent.settings import BlurSettings, Hiding
from agent.telemetry.status import NO_MODEL, ModelStatus
from models.feeding import Feedings
from models.golden import golden_frames
from models.runtime.backends import device_backends
from models.runtime.choice_cache import CHOICES, ChoiceCache
from models.runtime.choose import choose_network
from models.runtime.tensorrt_backend import ENGINES

if TYPE_CHECKING:
    from pathlib import Path

    from agent.config.tree import AgentConfig, ModelConfig
    from agent.detect.detector import NetworkDetector
    from agent.detect.lane import Lane
    from agent.frames.frame import Frame
    from models.bundle import Bundle
    from models.instances import Instances
    from models.runtime.choose import Chosen
    from models.runtime.engine_build import BuildWatch
    from models.runtime.gpu import Gpu

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Model:
    """A network that passed its bundle's own test on this machine, and the pool that runs it.

    Attributes:
        is_from_afar: its bundle came over the air; whatever turns out to be wrong with it, frames
            are covered whole, and streams go on.
    """

    bundle: Bundle
    detector: NetworkDetector
    pool: DetectorPool
    is_from_afar: bool = False

    @classmethod
    def load(
        cls,
        config: ModelConfig,
        state: Path | None,
        choices: Path | None = None,
        building: BuildWatch | None = None,
    ) -> Model:
        """Open, load and prove what a configuration names.

        Args:
            state: as in `admit`.
            choices: a folder that remembers which of a bundle's files suits this machine; None
                where there is none, and all are tried.
            building: is told of engines that are built, and kept in that folder, too.

        Raises:
            ModelError: it can't be opened or loaded, or sees other things than it should.
        """
        return cls.of(admit(config, state), config, choices, building)

    @classmethod
    def load_from(
        cls, path: Path, config: ModelConfig, choices: Path | None, building: BuildWatch | None
    ) -> Model:
        """Likewise, of a bundle that came over the air; it was let in when it came.

        Raises:
            ModelError: as `load`.
        """
        bundle = verified(config, path)
        return cls.of(bundle, config, choices, building, is_from_afar=True)

    @classmethod
    def of(
        cls,
        bundle: Bundle,
        config: ModelConfig,
        choices: Path | None = None,
        building: BuildWatch | None = None,
        *,
        is_from_afar: bool = False,
    ) -> Model:
        """Likewise, of a bundle that was let in.

        Raises:
            ModelError: as `load`.
        """
        cache = None if choices is None else ChoiceCache(choices / CHOICES)
        backends = device_backends(None if choices is None else choices / ENGINES, building)
        chosen = choose_network(bundle, backends=backends, cache=cache, prove=True)
        for each in chosen.candidates:
            level = logging.WARNING if each.is_faulty else logging.INFO
            _log.log(level, "%s%s", each.line, " (chosen)" * (each.outcome == "chosen"))
        _redact_something(bundle, chosen)
        detector = detector_of(bundle, Hiding(), chosen)
        pool = DetectorPool(detector, config.workers, config.detect_timeout_s)
        return cls(bundle, detector, pool, is_from_afar)

    @property
    def digest(self) -> str:
        """The bundle's."""
        return self.bundle.digest

    @property
    def said(self) -> str:
        """Its name and version."""
        return f"{self.bundle.manifest.name} v{self.bundle.manifest.version}"

    @property
    def gpu(self) -> Gpu | None:
        """Where frames may lie for it, if anywhere."""
        return self.detector.gpu

    def lane(self, name: str, *, live: bool) -> Lane:
        """For a stream's keyframes."""
        return self.pool.lane(name, proven=self.is_from_afar, live=live)

    def look_for(self, config: AgentConfig, *, also: bool = False) -> None:
        """See what the streams of a configuration hide.

        Args:
            also: what was looked for until now, too: some of it may be under way.

        Raises:
            UsageError: the bundle does not know a class.
        """
        hidden = [self.hidden(stream.hide) for stream in config.streams.values()]
        weakest = [each.weakest for each in hidden]
        sought = frozenset[frozenset[int]]().union(*(each.sought for each in hidden))
        detector = self.detector
        if also or not hidden:
            weakest, sought = [*weakest, detector.min_score], sought | detector.sought
        detector.min_score, detector.sought = min(weakest), sought

    def close(self) -> None:
        """Let go of it; streams that still look by it are covered whole.

        A network that something hangs in is left as it is: to free it would end the process.
        """
        self.pool.close()
        if not self.pool.hung:
            self.detector.chosen.network.close()

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
            self.digest,
        )


class _Eyeless:
    """A `Detector` that sees nothing, and says so."""

    def detect(self, _frame: Frame) -> Instances:
        raise NoModelError


@final
class NoModel:
    """What runs while there is no model: every frame is covered whole.

    Attributes:
        bundle, digest, gpu: none.
        said: in the place of a name.
    """

    bundle = digest = gpu = None
    said = "no model"

    def __init__(self) -> None:
        self.pool = DetectorPool(_Eyeless(), 1, timeout_s=60.0)

    def lane(self, name: str, *, live: bool) -> Lane:
        """See `Model`."""
        return self.pool.lane(name, live=live)

    def hidden(self, _settings: Hiding) -> Hidden:
        """See `Model`; all is covered, so it is of no use to name anything."""
        return Hidden({}, {}, {})

    def look_for(self, _config: AgentConfig, *, also: bool = False) -> None:
        """See `Model`."""

    def status(self) -> ModelStatus:
        """See `Model`."""
        return NO_MODEL

    def close(self) -> None:
        """See `Model`."""
        self.pool.close()


AnyModel = Model | NoModel


def _redact_something(bundle: Bundle, chosen: Chosen) -> None:
    """Redact a golden frame by what the network sees in it.

    Without golden frames a grey one is covered whole: that much is always possible.
    """
    if not bundle.manifest.golden_files:
        grey = np.full((96, 96, 3), 128, np.uint8)
        redact_rgb(grey, Cover.all_of_it("no golden frame"), Effect("blur"))
        return
    hidden = hidden_classes(bundle, Hiding(), chosen.precision)
    eyes = ImageDetector(chosen, Feedings.of(bundle.manifest), hidden.weakest, hidden.sought)
    for frame in islice(golden_frames(bundle), 1):
        redact_image(frame.image, eyes, hidden, BlurSettings())
