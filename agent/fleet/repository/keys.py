"""Keys: `sfumato-ed25519` key files, and who may sign what of a repository by them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from securesystemslib.signer import Signature, SSlibKey
from tuf.api.metadata import Root, Snapshot, Targets, Timestamp

from agent.errors import UsageError
from models.errors import TrustError
from models.signing import PrivateKey, PublicKey, load_private, load_public

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tuf.api.metadata import Metadata

_Part = TypeVar("_Part", Root, Targets, Snapshot, Timestamp)

WORDS = {"root": "root", "targets": "release", "snapshot": "online", "timestamp": "online"}
"""What TUF's roles are called here: snapshot and timestamp are signed by the same key."""


@dataclass(frozen=True, slots=True)
class RepositoryKey:
    """A key file, of either half.

    Attributes:
        private: None where only the public half is at hand.
    """

    public: PublicKey
    private: PrivateKey | None

    @classmethod
    def read(cls, path: Path) -> RepositoryKey:
        """Either half.

        Raises:
            TrustError: it can't be read, or is neither.
        """
        try:
            public = load_public(path)
        except TrustError:
            private = load_private(path)
            return cls(private.public, private)
        return cls(public, None)

    @property
    def tuf(self) -> SSlibKey:
        """As metadata name it, by the id that TUF derives."""
        return SSlibKey.from_crypto(Ed25519PublicKey.from_public_bytes(self.public.raw))


def sign(metadata: Metadata[_Part], keys: Sequence[RepositoryKey], roots: Sequence[Root]) -> None:
    """Put in place of all signatures those of the keys that any of these roots gives the role to.

    Raises:
        UsageError: for one of the roots they are too few.
    """
    role = metadata.signed.type
    metadata.signatures.clear()
    for key in keys:
        name = key.tuf.keyid
        if key.private and any(name in root.roles[role].keyids for root in roots):
            signature = key.private.sign(metadata.signed_bytes).raw.hex()
            metadata.signatures[name] = Signature(name, signature)
    for root in roots:
        if missing := _missing(metadata, root):
            wanted = ", ".join(sorted(ids_of(root, role) - ids_of(root, role, metadata)))
            raise UsageError(
                f"{missing} more --key needed that signs for {WORDS[role]}: the private half of {wanted}"
            )


def is_signed(metadata: Metadata[_Part], root: Root) -> bool:
    """Whether a root's keys signed this."""
    return not _missing(metadata, root)


def may_sign(keys: Sequence[RepositoryKey], root: Root, role: str) -> bool:
    """Whether these are enough."""
    held = {key.tuf.keyid for key in keys if key.private}
    wanted = root.roles[role]
    return len(held & {*wanted.keyids}) >= wanted.threshold


def ids_of(root: Root, role: str, signed: Metadata[_Part] | None = None) -> set[str]:
    """Ids of a role's keys, as `sfumato model keygen` says them; of those that signed, if given."""
    return {
        PublicKey(bytes.fromhex(root.keys[name].keyval["public"])).id
        for name in root.roles[role].keyids
        if signed is None or name in signed.signatures
    }


def _missing(metadata: Metadata[_Part], root: Root) -> int:
    """How many signatures are."""
    role = metadata.signed.type
    result = root.get_verification_result(role, metadata.signed_bytes, metadata.signatures)
    return result.missing
