"""Ed25519 signatures, and the two files that hold a key pair.

The private key is PKCS #8 PEM, readable by its owner only. The public key is one line that can
be pasted anywhere: `sfumato-ed25519 <base64 of 32 bytes> <key id>`.

`cryptography` is imported where a signature is made or checked, and nowhere else: it takes a
tenth of the time that a one-frame job may take, and unsigned bundles don't need it.
"""

from __future__ import annotations

import base64
import hashlib
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from models.errors import TrustError

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_SCHEME = "sfumato-ed25519"
_KEY_BYTES = 32
_SIGNATURE_BYTES = 64
_MAX_KEY_FILE_BYTES = 4096
"""Chosen, not measured: thirty times what a key file has."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """The half of a key pair that verifies: 32 raw bytes."""

    raw: bytes

    def __post_init__(self) -> None:
        if len(self.raw) != _KEY_BYTES:
            raise TrustError(f"a public key has {_KEY_BYTES} bytes, not {len(self.raw)}")

    @property
    def id(self) -> str:
        """Sixteen hex digits that tell keys apart."""
        return hashlib.sha256(self.raw).hexdigest()[:16]

    def to_line(self) -> str:
        """The line that a public key file holds."""
        return f"{_SCHEME} {base64.b64encode(self.raw).decode()} {self.id}\n"

    @classmethod
    def from_line(cls, line: str) -> PublicKey:
        """Read what `to_line` wrote.

        Raises:
            TrustError: the line is something else, or its key id is not this key's.
        """
        words = line.split()
        if len(words) != 3 or words[0] != _SCHEME:
            raise TrustError(f"a public key reads '{_SCHEME} <base64> <key id>'; this is not one")
        key = cls(_from_base64(words[1]))
        if key.id != words[2]:
            raise TrustError(f"the public key is damaged: its id is {key.id}, not {words[2]}")
        return key


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature and the id of the key that made it."""

    key_id: str
    raw: bytes

    def to_line(self) -> str:
        """The line that `manifest.sig` holds."""
        return f"{_SCHEME} {base64.b64encode(self.raw).decode()} {self.key_id}\n"

    @classmethod
    def from_line(cls, line: str) -> Signature:
        """Read what `to_line` wrote.

        Raises:
            TrustError: the line is something else.
        """
        words = line.split()
        if len(words) != 3 or words[0] != _SCHEME:
            raise TrustError("the signature is damaged or of a kind that this version can't read")
        raw = _from_base64(words[1])
        if len(raw) != _SIGNATURE_BYTES:
            raise TrustError(f"a signature has {_SIGNATURE_BYTES} bytes, not {len(raw)}")
        return cls(words[2], raw)

    def verify(self, data: bytes, key: PublicKey) -> None:
        """Check that `key` signed exactly these bytes.

        Raises:
            TrustError: it did not.
        """
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 see the top
        from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415
            Ed25519PublicKey,
        )

        try:
            Ed25519PublicKey.from_public_bytes(key.raw).verify(self.raw, data)
        except (InvalidSignature, ValueError) as error:
            raise TrustError(
                f"the signature by key {key.id} does not fit: the bundle was changed after signing"
            ) from error


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """The half of a key pair that signs."""

    _key: Ed25519PrivateKey = field(repr=False)

    @classmethod
    def generate(cls) -> PrivateKey:
        """A new key pair from the system's randomness."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415 see the top
            Ed25519PrivateKey,
        )

        return cls(Ed25519PrivateKey.generate())

    @property
    def public(self) -> PublicKey:
        """The half that others may have."""
        return PublicKey(self._key.public_key().public_bytes_raw())

    def sign(self, data: bytes) -> Signature:
        """Sign exactly these bytes."""
        return Signature(self.public.id, self._key.sign(data))

    def write(self, path: Path) -> None:
        """Write a new file that only its owner can read (mode 0600).

        Raises:
            FileExistsError: a key that signed bundles is never overwritten.
        """
        from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415 see the top
            Encoding,
            NoEncryption,
            PrivateFormat,
        )

        pem = self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())


def load_public(path: Path) -> PublicKey:
    """Read a public key file.

    Raises:
        TrustError: it can't be read, or is no public key.
    """
    try:
        return PublicKey.from_line(_read(path).decode("ascii"))
    except UnicodeDecodeError as error:
        raise TrustError(f"{path}: not a public key file") from error
    except TrustError as error:
        raise TrustError(f"{path}: {error}") from error


def load_private(path: Path) -> PrivateKey:
    """Read a private key file.

    Raises:
        TrustError: it can't be read, or is no Ed25519 private key.
    """
    data = _read(path)
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 see the top
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415
        Ed25519PrivateKey,
    )
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415
        load_pem_private_key,
    )

    try:
        key = load_pem_private_key(data, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        hint = "; this is the public half" if data.startswith(_SCHEME.encode()) else ""
        raise TrustError(f"{path}: not an unencrypted private key in PEM{hint}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise TrustError(f"{path}: not an Ed25519 key; make one with `sfumato model keygen`")
    return PrivateKey(key)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_KEY_FILE_BYTES + 1)
    except OSError as error:
        raise TrustError(f"{path}: can't read the key ({error.strerror})") from error
    if len(data) > _MAX_KEY_FILE_BYTES:
        raise TrustError(f"{path}: too large to be a key")
    return data


def _from_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:  # binascii.Error, or letters that no base64 has
        raise TrustError("the key or signature is not base64: it is damaged") from error
