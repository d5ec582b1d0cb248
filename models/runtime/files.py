"""Files: those of a bundle that this machine can run, and what they see."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.errors import BundleError, ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.bundle import Bundle
    from models.manifest import Manifest
    from models.runtime.backend import Backend
    from models.runtime.network import Runnable


def decides(manifest: Manifest, backends: Sequence[Backend]) -> bool:
    """Whether there is anything to find out about a bundle on this machine."""
    there = (backend for backend in backends if backend.why_not() is None)
    return bool(manifest.golden_files) or sum(len(each.roles(manifest)) for each in there) > 1


def unlike_expected(bundle: Bundle, network: Runnable) -> str | None:
    """What a network sees in the golden frames that it should not; None: nothing.

    Raises:
        BundleError: the frames can't be read.
    """
    if not bundle.manifest.golden_files:
        return None
    from models.self_test import self_test  # noqa: PLC0415 not needed where the choice is known

    try:
        verdict = self_test(bundle, network)
    except BundleError:
        raise
    except ModelError as error:
        return f"golden frames: {error}"
    return None if verdict.ok else verdict.line
