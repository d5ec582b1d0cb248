"""Certificate: X.509 in PEM, and whose it is.

This module imports `cryptography`, which takes a moment; import it late.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from agent.control.small_file import read_small_file
from agent.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

WARNING_S = 30 * 86400.0
"""Before its end a certificate is warned of. Chosen, not measured: time for a visit to a device."""

_MOST_LINKS = 5
"""From a certificate to its CA. Chosen, not measured: two are usual."""


def read_chain(pem: bytes, what: str) -> list[x509.Certificate]:
    """The certificates of a PEM file, at least one.

    Args:
        what: it is, for the error; such as a path.

    Raises:
        InputError: there is none, or one is damaged.
    """
    try:
        return x509.load_pem_x509_certificates(pem)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InputError(f"{what}: no certificate in PEM, or a damaged one") from error


def read_request(pem: bytes, what: str) -> x509.CertificateSigningRequest:
    """What `sfumato provision request` wrote.

    Raises:
        InputError: it is something else, was changed, or is for a key that isn't P-256.
    """
    try:
        request = x509.load_pem_x509_csr(pem)
        is_whole = request.is_signature_valid
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InputError(f"{what}: no certificate request in PEM, or a damaged one") from error
    if not is_whole:
        raise InputError(f"{what}: was changed after it was made; let the device make it again")
    curve = getattr(request.public_key(), "curve", None)
    if not isinstance(curve, SECP256R1):
        raise InputError(f"{what}: its key isn't P-256; make it with `sfumato provision request`")
    return request


def read_key(path: Path) -> EllipticCurvePrivateKey:
    """A private key of `provision`.

    Raises:
        InputError: it can't be read, or is something else.
    """
    try:
        key = load_pem_private_key(read_small_file(path), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise InputError(f"{path}: no unencrypted private key in PEM, or a damaged one") from error
    if not isinstance(key, EllipticCurvePrivateKey):
        raise InputError(f"{path}: no key that `provision` made")
    return key


def common_name(subject: x509.Name, what: str) -> str:
    """The name in a certificate or a request, which is all that a broker looks at.

    Raises:
        InputError: there is none, or several.
    """
    names = subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    if len(names) != 1:
        raise InputError(f"{what}: has {len(names)} common names (CN); one is needed")
    return str(names[0].value)


def has_key(
    certified: x509.Certificate | x509.CertificateSigningRequest, key: PublicKeyTypes
) -> bool:
    """Whether it was made for this key."""
    return _spki(certified.public_key()) == _spki(key)


def fingerprint(key: PublicKeyTypes) -> str:
    """SHA-256 of a public key, hexadecimal: what two people compare."""
    return hashlib.sha256(_spki(key)).hexdigest()


def check_descent(chain: Sequence[x509.Certificate], ca: Sequence[x509.Certificate]) -> None:
    """See that the first of a chain descends from a CA, by way of the others if need be.

    Raises:
        InputError: it doesn't.
    """
    certificate = chain[0]
    for _ in range(_MOST_LINKS):
        if any(_is_issuer(issuer, certificate) for issuer in ca):
            return
        above = [issuer for issuer in chain[1:] if _is_issuer(issuer, certificate)]
        if not above:
            break
        certificate = above[0]
    raise InputError("the certificate was not issued by any CA that comes with it")


def check_time(certificate: x509.Certificate, now: float) -> None:
    """See that a certificate is valid at a Unix time.

    Raises:
        InputError: it isn't yet, or isn't any more.
    """
    moment = datetime.fromtimestamp(now, timezone.utc)
    if moment < certificate.not_valid_before_utc:
        raise InputError(
            f"the certificate is valid from {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC "
            f"on, and this clock says {moment:%Y-%m-%d %H:%M}; set the clock first"
        )
    if moment > certificate.not_valid_after_utc:
        raise InputError(
            f"the certificate expired on {certificate.not_valid_after_utc:%Y-%m-%d}; "
            "have the request signed again"
        )


def end_of(path: Path) -> float:
    """Unix time at which the certificate in a file expires.

    Raises:
        InputError: it can't be read, or is none.
    """
    return read_chain(read_small_file(path), str(path))[0].not_valid_after_utc.timestamp()


def warning_of(end: float, now: float) -> str | None:
    """What to say about a certificate that ends at a Unix time; None: nothing yet."""
    if now < end - WARNING_S:
        return None
    said = "ends" if now < end else "ended"
    return f"the certificate {said} on {end_date(end)}; renew it: sfumato provision request"


def end_date(end: float) -> str:
    """The day, in UTC, of a Unix time."""
    return f"{datetime.fromtimestamp(end, timezone.utc):%Y-%m-%d}"


def _is_issuer(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _spki(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
