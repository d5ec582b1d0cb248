"""Admitted: the bundle that an agent let in, so that it runs on after its time is over.

A camera that ran a bundle before it expired must not go dark at the next start; a bundle that is
new to it and has expired is refused.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from models.bundle import Bundle
from models.errors import ExpiredError
from models.signing import load_public
from models.whole_file import whole_file

if TYPE_CHECKING:
    from pathlib import Path

    from agent.config.tree import ModelConfig

_log = logging.getLogger(__name__)

_NAME = "admitted-bundle"


def admit(config: ModelConfig, state: Path | None) -> Bundle:
    """Open a configuration's bundle, and remember it.

    Args:
        state: a folder that outlives the process; None where there is none, and an expired bundle
            is always refused.

    Raises:
        ModelError: it is damaged, is not signed by a trusted key, or had expired before it ran here.
    """
    trusted = [load_public(path) for path in config.trust]
    try:
        bundle = Bundle.open(config.bundle, trusted, allow_unsigned=config.allow_unsigned)
    except ExpiredError as error:
        bundle = Bundle.reopen(config.bundle, trusted, allow_unsigned=config.allow_unsigned)
        if state is None or _remembered(state / _NAME) != bundle.digest:
            raise
        _log.warning("%s; it ran here before that, and runs on", error)
        return bundle
    if state is not None and _remembered(state / _NAME) != bundle.digest:
        try:
            with whole_file(state / _NAME) as file:
                file.write(bundle.digest.encode())
        except OSError as error:
            _log.warning(
                "%s can't be written (%s): after it has expired, this bundle won't start again",
                state / _NAME,
                error.strerror,
            )
    return bundle


def _remembered(path: Path) -> str | None:
    try:
        return path.read_text("ascii")
    except (OSError, UnicodeDecodeError):
        return None
