"""Admitted: the bundle that an agent let in, so that it runs on after its time is over.

A camera that ran a bundle before it expired must not go dark at the next start; a bundle that is
new to it and has expired is refused.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from models.bundle import Bundle
from models.errors import BundleError, ExpiredError
from models.signing import load_public
from models.whole_file import whole_file

if TYPE_CHECKING:
    from pathlib import Path

    from agent.config.tree import ModelConfig

_log = logging.getLogger(__name__)

_NAME = "admitted-bundle"


def verified(config: ModelConfig, path: Path | None = None) -> Bundle:
    """The bundle of a configuration, whether or not its time is over.

    Args:
        path: another bundle, that came over the air and has to be signed by the same keys.

    Raises:
        ModelError: there is none, it is damaged, or is not signed by a trusted key.
    """
    path = path or config.bundle
    if path is None:
        raise BundleError("model.bundle is not given, and no model came over the air yet")
    trusted = [load_public(path) for path in config.trust]
    return Bundle.reopen(path, trusted, allow_unsigned=config.allow_unsigned)


def admit(config: ModelConfig, state: Path | None) -> Bundle:
    """Let a configuration's bundle in, and remember it.

    Args:
        state: a folder that outlives the process; None where there is none, and an expired bundle
            is always refused.

    Raises:
        ModelError: it is damaged, is not signed by a trusted key, or had expired before it ran here.
    """
    bundle = verified(config)
    known = state is not None and _remembered(state / _NAME) == bundle.digest
    if bundle.manifest.has_expired():
        said = f"{config.bundle}: the bundle expired on {bundle.manifest.expires:%Y-%m-%d}"
        if not known:
            raise ExpiredError(f"{said}; get a newer one")
        _log.warning("%s; it ran here before that, and runs on", said)
    elif state is not None and not known:
        _remember(state / _NAME, bundle.digest)
    return bundle


def _remember(path: Path, digest: str) -> None:
    try:
        with whole_file(path) as file:
            file.write(digest.encode())
    except OSError as error:
        _log.warning(
            "%s can't be written (%s): once it has expired, this bundle won't start again",
            path,
            error.strerror,
        )


def _remembered(path: Path) -> str | None:
    try:
        return path.read_text("ascii")
    except (OSError, UnicodeDecodeError):
        return None
