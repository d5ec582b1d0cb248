"""Backend: a runtime as the choice sees it, with what it may run and whether it is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from models.bundle import Bundle
    from models.manifest import Manifest, Role, RuntimeName
    from models.runtime.network import Network

ORDER: tuple[Role, ...] = ("uint8", "int8", "fp32", "fp16")
"""Candidates of a runtime; of two that are equally fast the first is taken."""


class Backend(Protocol):
    """What runs networks. Nothing of it is imported before it is asked."""

    @property
    def name(self) -> RuntimeName:
        """As manifests and reports call it."""
        ...

    @property
    def on_cpu(self) -> bool:
        """Whether a run is work of the thread that asks for it; else others wait by the clock."""
        ...

    def why_not(self) -> str | None:
        """Why this machine can't run anything by it, in a few words; None where it can."""
        ...

    def version(self) -> str:
        """What tells it from another that may be faster, or right where this one is wrong.

        It is asked where `why_not` is None.
        """
        ...

    def roles(self, manifest: Manifest) -> tuple[Role, ...]:
        """Which of a bundle's files it may run, in the order of `ORDER`."""
        ...

    def load(self, bundle: Bundle, role: Role, threads: int) -> Network:
        """One of a bundle's files, as its manifest describes it.

        Args:
            bundle: verified.
            threads: threads that share the work of one run, where that is theirs to do.

        Raises:
            BundleError: the bundle has none of this precision.
            ModelError: it can't be loaded, or contradicts the manifest.
        """
        ...


def files_for(runtime: RuntimeName, manifest: Manifest) -> tuple[Role, ...]:
    """The files whose manifest leaves them to this runtime, or to any."""
    return tuple(
        role
        for role in ORDER
        if role in manifest.files
        and (not manifest.files[role].runtimes or runtime in manifest.files[role].runtimes)
    )
