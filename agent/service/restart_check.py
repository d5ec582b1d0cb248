"""Restart check: whether an agent that begins anew would begin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.hidden import hidden_classes
from agent.service.admitted import verified

if TYPE_CHECKING:
    from agent.service.model import Model, NoModel
    from agent.service.running_config import RunningConfig


def check_restart(running: RunningConfig, model: Model | NoModel) -> None:
    """Refuse what a start would refuse; for the main thread.

    Raises:
        InputError: the page can't be served with its token, certificate or key.
        UsageError: the configuration is invalid by now.
        ModelError: its bundle can't be used.
    """
    config = running.load()
    if config.live is not None:
        # asyncio and more, for this alone
        from agent.service.live_display import live_server  # noqa: PLC0415

        live_server(config.live, dict)
    if model.bundle is not None and model.is_from_afar and config.model == running.now.model:
        bundle = model.bundle
    elif config.model.bundle is not None:
        bundle = verified(config.model)
    else:
        return
    for stream in config.streams.values():
        hidden_classes(bundle, stream.hide)
