"""Offer: a bundle as a repository's signed metadata describe it (TUF's `custom` of a target)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from models.compatibility import VERSION_PATTERN
from models.manifest import MAX_MODEL_BYTES, Sha256
from models.strict_model import StrictModel

if TYPE_CHECKING:
    from models.bundle import Bundle

METADATA = "metadata"
TARGETS = "targets"
"""Folders of a repository: TUF's metadata, and the bundles, each as `<sha256>.<path>`."""


class OfferCustom(StrictModel):
    """What stands in `custom`."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")
    version: int = Field(ge=1, lt=2**63)
    digest: Sha256 = Field(description="of the manifest's bytes: `Bundle.digest`")
    min_agent: str | None = Field(None, pattern=VERSION_PATTERN)

    @classmethod
    def of(cls, bundle: Bundle) -> OfferCustom:
        """What is said of a bundle."""
        manifest = bundle.manifest
        return cls(
            name=manifest.name,
            version=manifest.version,
            digest=bundle.digest,
            min_agent=manifest.min_agent,
        )

    @property
    def path(self) -> str:
        """The target's."""
        return target_path(self.name, self.version, self.digest)


class Offer(StrictModel):
    """A file that a repository offers today.

    Attributes:
        length: bytes of the file.
        sha256: of the whole file, which is not the bundle's digest.
    """

    custom: OfferCustom
    length: int = Field(gt=0, le=2 * MAX_MODEL_BYTES)
    sha256: Sha256


def target_path(name: str, version: int, digest: str) -> str:
    """Path of a bundle's target; two bundles of one version differ in it."""
    return f"{name}-v{version}-{digest[:12]}.sfm"
