"""Key file: a new private key, P-256, that nobody but its owner can read."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from models.whole_file import whole_file

if TYPE_CHECKING:
    from pathlib import Path


def make_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """A key that the disk holds when this returns.

    Raises:
        FileExistsError: a key is never overwritten.
        OSError: it can't be written.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    with whole_file(path, replace=False) as file:
        os.fchmod(file.fileno(), 0o600)  # before there is anything to read
        file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return key
