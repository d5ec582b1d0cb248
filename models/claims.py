"""Claims: what a bundle says about itself, before any of it is trusted."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.archive import MANIFEST, SIGNATURE, read_archive
from models.errors import BundleError
from models.manifest import Manifest
from models.signing import Signature

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Claims:
    """What a bundle says about itself; nothing of it was verified, so only people may read it."""

    manifest: Manifest
    digest: str
    signed_by: str | None


def read_claims(path: Path) -> Claims:
    """Look into a bundle without trusting it.

    Raises:
        BundleError: missing, damaged, for a newer Sfumato, or not a bundle.
    """
    files = read_archive(path)
    try:
        data = manifest_bytes(files)
        signature = signature_of(files)
        manifest = Manifest.from_bytes(data)
    except BundleError as error:
        raise type(error)(f"{path}: {error}") from error
    key_id = signature.key_id if signature else None
    return Claims(manifest, hashlib.sha256(data).hexdigest(), key_id)


def manifest_bytes(files: Mapping[str, bytes]) -> bytes:
    """The manifest of an archive, as it was signed.

    Raises:
        BundleError: the archive holds none.
    """
    if MANIFEST not in files:
        raise BundleError(f"holds no {MANIFEST}: not a Sfumato bundle")
    return files[MANIFEST]


def signature_of(files: Mapping[str, bytes]) -> Signature | None:
    """The signature of an archive, not yet checked; None where there is none.

    Raises:
        TrustError: it is damaged, which is not the same as missing.
    """
    if SIGNATURE not in files:
        return None
    return Signature.from_line(files[SIGNATURE].decode("ascii", errors="replace"))
