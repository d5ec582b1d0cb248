"""FirstModel: which model an agent begins with."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.config.state_folder import given_folder
from agent.service.admitted import admit
from agent.service.model import Model, NoModel
from agent.update.store import Own
from models.errors import ModelError

if TYPE_CHECKING:
    from pathlib import Path

    from agent.config.tree import AgentConfig
    from agent.service.model import AnyModel
    from agent.update.store import Start, Store
    from models.bundle import Bundle
    from models.runtime.engine_build import BuildWatch

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FirstModel:
    """What an agent begins with.

    Attributes:
        path: of the model's bundle; None where there is no model.
        own: the configuration's bundle; None: it names none, or one that may not run.
    """

    model: AnyModel
    path: Path | None
    own: Own | None


def first_model(
    config: AgentConfig, store: Store, choices: Path, building: BuildWatch
) -> FirstModel:
    """Load the first that can be, of those that the store and the configuration name.

    Args:
        choices: folder that remembers what suits this machine.
        building: is told of engines that are built.

    Raises:
        ModelError: none can be, and none will come over the air.
    """
    bundle, fault = _own(config)
    path = config.model.bundle
    own = None if bundle is None or path is None else Own(bundle.digest, path)
    for start in store.at_start(None if own is None else own.digest):
        try:
            model = _loaded(start, bundle, config, choices, building)
        except ModelError as error:
            store.would_not_start(start, str(error))
            fault = error
            continue
        if model is not None:
            _log.info("%s runs: %s", model.said, start.why)
            return FirstModel(model, start.path or path, own)
    if config.update is None:
        raise fault or ModelError("model.bundle is not given")
    _log.error("no model runs, and all is covered until one comes over the air%s", _why(fault))
    return FirstModel(NoModel(), None, own)


def _own(config: AgentConfig) -> tuple[Bundle | None, ModelError | None]:
    """The configuration's bundle, or why it may not run."""
    if config.model.bundle is None:
        return None, None
    try:
        return admit(config.model, given_folder()), None
    except ModelError as error:
        return None, error


def _loaded(
    start: Start, own: Bundle | None, config: AgentConfig, choices: Path, building: BuildWatch
) -> Model | None:
    """None: it would be the configuration's, and that has none."""
    if start.path is not None:
        return Model.load_from(start.path, config.model, choices, building)
    return None if own is None else Model.of(own, config.model, choices, building)


def _why(fault: ModelError | None) -> str:
    return "" if fault is None else f": {fault}"
