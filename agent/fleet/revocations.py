"""Revocations: the list that a broker refuses devices by, `crl.pem` in the folder of a CA."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from agent.control.small_file import read_small_file
from agent.errors import InputError
from agent.fleet.authority import SKEW, now, write_certificate

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from agent.fleet.authority import Authority

_FILE = "crl.pem"


def write_revocations(
    authority: Authority, revoked: Iterable[x509.RevokedCertificate] = ()
) -> Path:
    """Write the list, and say where.

    It is valid for as long as the CA: with a list that has run out, a broker refuses everybody.

    Raises:
        OutputError: it can't be written; what was there stays.
    """
    key = authority.key.public_key()
    entries = list(revoked)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.certificate.subject)
        .last_update(now() - SKEW)
        .next_update(authority.certificate.not_valid_after_utc)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key), critical=False)
        .add_extension(x509.CRLNumber(len(entries)), critical=False)
    )
    for entry in entries:
        builder = builder.add_revoked_certificate(entry)
    path = authority.folder / _FILE
    write_certificate(path, builder.sign(authority.key, hashes.SHA256()))
    return path


def revoke(authority: Authority, certificates: Iterable[x509.Certificate]) -> int:
    """Have the list name these, too; how many of them it did not name before.

    Raises:
        InputError: one is of another CA, or the list so far can't be read.
        OutputError: it can't be written; what was there stays.
    """
    path = authority.folder / _FILE
    try:
        known = list(x509.load_pem_x509_crl(read_small_file(path)))
    except ValueError as error:
        raise InputError(f"{path}: damaged; take the copy that the broker has") from error
    serials = {entry.serial_number for entry in known}
    added = []
    for certificate in certificates:
        if certificate.issuer != authority.certificate.subject:
            raise InputError("the certificate is of another CA, which alone can revoke it")
        if certificate.serial_number not in serials:
            entry = x509.RevokedCertificateBuilder().serial_number(certificate.serial_number)
            added.append(entry.revocation_date(now()).build())
    if added:
        write_revocations(authority, (*known, *added))
    return len(added)
