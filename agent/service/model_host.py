"""ModelHost: exchanges the model of an agent while its streams run."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from agent.control.refusal import Refusal
from agent.errors import UsageError
from agent.service.health_ledger import HealthLedger
from agent.service.model import NoModel
from agent.update.ports import RefusedError, UnavailableError
from models.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from agent.config.tree import AgentConfig
    from agent.service.errands import Errands
    from agent.service.model import AnyModel, Model
    from agent.service.stream_session import Surroundings
    from agent.service.streams import Streams
    from agent.update.ports import Health

_log = logging.getLogger(__name__)

_ERRAND_S = 60.0
"""How long the main thread may take to come to it. Chosen, not measured: a configuration that is
read, and cameras that are closed, take seconds."""

_LEAVE_S = 30.0
"""After which a model is let go although a stream still waits for something of it. Chosen, not
measured: a camera that sends nothing for so long is opened anew before."""


_LAST_FRAMES_S = 0.5
"""For which frames may be on their way from the analysis to a sink. Chosen, not measured: there are
eight at most."""

_MOST_LAST_S = 10.0
"""For which frames may wait for a detection of the model before. Chosen, not measured: a camera that
gives no frame for so long counts for nothing in the end."""


@dataclass(slots=True)
class _Last:
    """The model before, while frames of it may be on their way.

    Attributes:
        switched_s: when the one that runs took over.
        left_s: when the last of its frames was seen in the analysis.
    """

    model: AnyModel
    switched_s: float
    left_s: float


@final
class ModelHost:
    """See `agent.update.ports.Host`.

    What ran before is kept, loaded, until `tend` is told that nobody goes back to it: so going
    back takes no longer than the next frame, and what runs and what ran are all that is in memory.

    Args:
        around: holds the model that runs.
        path: of its bundle; None where none runs.
        load: opens, loads and proves a bundle; on the caller's thread.
        config: the one that runs now.
        noted: has an event made of something.
    """

    def __init__(
        self,
        around: Surroundings,
        path: Path | None,
        streams: Streams,
        errands: Errands,
        load: Callable[[Path], Model],
        config: Callable[[], AgentConfig],
        noted: Callable[[Mapping[str, str | int]], None],
    ) -> None:
        self._around, self._path = around, path
        self._streams, self._errands = streams, errands
        self._load, self._config, self._noted = load, config, noted
        self._ledger = HealthLedger(streams.statuses, time.monotonic)
        self._kept: tuple[Path | None, AnyModel] | None = None
        self._leaving: list[tuple[AnyModel, float]] = []
        self._last: _Last | None = None

    def switch(self, bundle: Path | None) -> None:
        """See `Host`; on the update's thread."""
        kept = self._kept
        is_return = kept is not None and kept[0] == bundle
        try:
            model = self._loaded(bundle) if kept is None or not is_return else kept[1]
        except ModelError as error:
            raise RefusedError(str(error)) from error
        try:
            self._errands.do(lambda: self._become(bundle, model, is_return=is_return), _ERRAND_S)
        except (UsageError, Refusal) as error:
            if not is_return and model is not self._around.model:
                model.close()
            refused = RefusedError if isinstance(error, UsageError) else UnavailableError
            raise refused(str(error)) from error

    @property
    def running(self) -> str | None:
        """Digest of the bundle that runs."""
        return self._around.model.digest

    def health(self) -> Health:
        """See `Host`."""
        self._leave_out_last_frames()
        return self._ledger.health(self._around.model.pool.hangs_lately)

    def changed(self) -> None:
        """See `Host`; the control plane looks twice a second by itself."""

    def noted(self, what: Mapping[str, str | int]) -> None:
        """See `Host`."""
        self._noted(what)

    def tend(self, window_s: float, *, is_settled: bool) -> None:
        """Look after everything; on the main thread, once a second or so.

        Args:
            window_s: how far back `health` shall reach, at most.
            is_settled: what runs is what shall run, and nothing is on probation.
        """
        self._leave_out_last_frames()
        self._ledger.look(window_s)
        self._streams.follow()  # some were being opened when the model was exchanged
        if is_settled and self._kept is not None:
            (_, model), self._kept = self._kept, None
            self._leave(model)
        now_s = time.monotonic()
        over = [
            model for model, until_s in self._leaving if model.pool.lanes == 0 or now_s > until_s
        ]
        self._leaving = [each for each in self._leaving if each[0] not in over]
        for model in over:
            model.close()

    def close(self) -> None:
        """Let go of all but what runs; streams have ended."""
        if self._kept is not None:
            self._leave(self._kept[1])
        for model, _ in self._leaving:
            model.close()

    def _leave_out_last_frames(self) -> None:
        """What the model before hid in its last frames is no merit of this one."""
        if (last := self._last) is None:
            return
        self._ledger.begin_objects()
        now_s = time.monotonic()
        if last.model.pool.lanes and now_s < last.switched_s + _MOST_LAST_S:
            last.left_s = now_s
        elif now_s > last.left_s + _LAST_FRAMES_S:
            self._last = None

    def _loaded(self, bundle: Path | None) -> AnyModel:
        return NoModel() if bundle is None else self._load(bundle)

    def _become(self, path: Path | None, model: AnyModel, *, is_return: bool) -> None:
        """On the main thread.

        Raises:
            UsageError: the bundle doesn't know a class that is to be hidden; nothing was changed.
        """
        before, old = self._path, self._around.model
        model.look_for(self._config(), also=is_return)
        self._ledger.begin()
        now_s = time.monotonic()
        self._last = _Last(old, now_s, now_s)
        self._path, self._around.model = path, model
        self._streams.follow()
        if self._kept is not None and not is_return:
            self._leave(self._kept[1])
        if is_return:
            old.pool.abandon()  # what is under way there is not believed any more, and may hang
            self._kept = None
            self._leave(old)
        else:
            self._kept = before, old
        _log.info("%s runs", model.said)

    def _leave(self, model: AnyModel) -> None:
        self._leaving.append((model, time.monotonic() + _LEAVE_S))
