"""Authorities: issue certificates of every kind, also those that nobody should accept."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, final

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from agent.control.broker import Tls

if TYPE_CHECKING:
    from pathlib import Path

_DAY = dt.timedelta(days=1)
NOW = dt.datetime.now(dt.timezone.utc)
VALIDITIES = {
    "valid": (NOW - _DAY, NOW + 30 * _DAY),
    "expired": (NOW - 30 * _DAY, NOW - _DAY),
    "not yet valid": (NOW + _DAY, NOW + 30 * _DAY),
}


@final
class Authority:
    """A CA in a folder.

    Attributes:
        ca: its certificate.
        crl: the certificates that it has withdrawn; none at first.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._authority = trustme.CA()
        self._revoked: list[int] = []
        self.ca = folder / "ca.crt"
        self.crl = folder / "crl.pem"
        self._authority.cert_pem.write_to_path(str(self.ca))
        self._write_crl()

    def issue(self, name: str, *, host: bool = False, validity: str = "valid") -> Tls:
        """A certificate of a person or a device, or of a host; shown with trust in this CA.

        Args:
            validity: one of `VALIDITIES`.
        """
        begin, end = VALIDITIES[validity]
        issued = self._authority.issue_cert(
            *([name] if host else []),
            common_name=None if host else name,
            not_before=begin,
            not_after=end,
        )
        stem = f"{name}-{validity.replace(' ', '-')}"
        cert, key = self._folder / f"{stem}.crt", self._folder / f"{stem}.key"
        for number, part in enumerate(issued.cert_chain_pems):
            part.write_to_path(str(cert), append=number > 0)
        issued.private_key_pem.write_to_path(str(key))
        return Tls(self.ca, cert, key)

    def revoke(self, tls: Tls) -> None:
        """Withdraw a certificate; a broker hears of it when it is told to `reload`."""
        assert tls.cert is not None
        self._revoked.append(x509.load_pem_x509_certificate(tls.cert.read_bytes()).serial_number)
        self._write_crl()

    def _write_crl(self) -> None:
        key = serialization.load_pem_private_key(self._authority.private_key_pem.bytes(), None)
        ca = x509.load_pem_x509_certificate(self._authority.cert_pem.bytes())
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(ca.subject)
            .last_update(NOW - _DAY)
            .next_update(NOW + 30 * _DAY)
        )
        for serial in self._revoked:
            revoked = x509.RevokedCertificateBuilder().serial_number(serial)
            builder = builder.add_revoked_certificate(revoked.revocation_date(NOW - _DAY).build())
        signed = builder.sign(key, hashes.SHA256())
        self.crl.write_bytes(signed.public_bytes(serialization.Encoding.PEM))


def self_signed(folder: Path, name: str, ca: Path) -> Tls:
    """A certificate that nobody vouches for; shown with trust in `ca`."""
    folder.mkdir()
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    begin, end = VALIDITIES["valid"]
    signed = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .sign(key, hashes.SHA256())
    )
    shown = Tls(ca, folder / "own.crt", folder / "own.key")
    assert shown.cert is not None
    assert shown.key is not None
    shown.cert.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    shown.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return shown
