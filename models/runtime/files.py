"""Files: those of a bundle that this machine can run, how they are loaded, and what they see."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.errors import BundleError, ModelError
from models.runtime.candidate import ONNXRUNTIME
from models.runtime.onnxruntime import OnnxRuntimeNetwork

if TYPE_CHECKING:
    from models.bundle import Bundle
    from models.manifest import Manifest, Role
    from models.runtime.network import Network

ORDER: tuple[Role, ...] = ("uint8", "int8", "fp32", "fp16")
"""Candidates; of two that are equally fast the first is taken."""


def candidates(manifest: Manifest) -> tuple[Role, ...]:
    """The files that a runtime of this machine may run."""
    return tuple(
        role
        for role in ORDER
        if role in manifest.files
        and (not manifest.files[role].runtimes or ONNXRUNTIME in manifest.files[role].runtimes)
    )


def decides(manifest: Manifest) -> bool:
    """Whether there is anything to find out about a bundle on this machine."""
    return bool(manifest.golden_files) or len(candidates(manifest)) > 1


def load_network(bundle: Bundle, role: Role, threads: int) -> Network:
    """One of a bundle's files, as its manifest describes it.

    Raises:
        BundleError: the bundle has none of this precision.
        ModelError: it can't be loaded, or contradicts the manifest.
    """
    manifest = bundle.manifest
    return OnnxRuntimeNetwork(
        bundle.model_bytes(role),
        threads,
        inputs=manifest.inputs(),
        outputs=manifest.outputs,
        precision=role,
    )


def unlike_expected(bundle: Bundle, network: Network) -> str | None:
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
