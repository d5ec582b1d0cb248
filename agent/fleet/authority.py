"""Authority: an operator's own CA, a folder that needs no server.

`ca.key` signs, and is all that is secret in it; `ca.crt` is what everybody trusts; `issued/` has
every certificate that it signed; `crl.pem` names those that were revoked, for the broker.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from agent.control.certificate import common_name, fingerprint, has_key, read_chain, read_key
from agent.control.key_file import make_key
from agent.control.small_file import read_small_file
from agent.errors import InputError, OutputError, UsageError
from models.whole_file import whole_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

Kind = Literal["device", "person", "broker"]
"""What a certificate is for; its OU."""

CA_DAYS = 3650
SKEW = timedelta(hours=1)
"""What is signed is valid from so long before, for clocks that are behind. Chosen, not measured."""

_KEY, _CERTIFICATE, _ISSUED = "ca.key", "ca.crt", "issued"
_ROLES = {
    "device": ExtendedKeyUsageOID.CLIENT_AUTH,
    "person": ExtendedKeyUsageOID.CLIENT_AUTH,
    "broker": ExtendedKeyUsageOID.SERVER_AUTH,
}


class Authority:
    """The CA in a folder.

    Attributes:
        key: signs.
        pem: its certificate, as others have it.

    Raises:
        InputError: there is none, or it is damaged.
    """

    def __init__(self, folder: Path) -> None:
        if not (folder / _KEY).exists():
            raise InputError(f"{folder}: no CA; make one with `sfumato ctl provision ca`")
        self.folder = folder
        self.key = read_key(folder / _KEY)
        self.pem = read_small_file(folder / _CERTIFICATE)
        self.certificate = read_chain(self.pem, str(folder / _CERTIFICATE))[0]
        if not has_key(self.certificate, self.key.public_key()):
            raise InputError(f"{folder}: {_KEY} and {_CERTIFICATE} don't belong together")

    @classmethod
    def make(cls, folder: Path) -> Authority:
        """A new one.

        Raises:
            UsageError: the folder holds something, such as a CA.
            OutputError: it can't be written to.
        """
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if any(folder.iterdir()):
                raise UsageError(f"{folder} isn't empty; a CA is made in a folder of its own")
            (folder / _ISSUED).mkdir()
            key = make_key(folder / _KEY)
        except OSError as error:
            raise OutputError(f"{folder}: can't be written ({error.strerror})") from error
        public = key.public_key()
        name = f"Sfumato CA {fingerprint(public)[:8]}"  # two of one name would be confused
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = _unsigned(subject, public, subject, key, now() + timedelta(CA_DAYS))
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        builder = builder.add_extension(_usage(of_ca=True), critical=True)
        write_certificate(folder / _CERTIFICATE, builder.sign(key, hashes.SHA256()))
        return cls(folder)

    def issue(
        self,
        key: CertificatePublicKeyTypes,
        name: str,
        kind: Kind,
        days: int,
        hosts: Sequence[x509.GeneralName] = (),
    ) -> x509.Certificate:
        """A certificate, which doesn't outlive the CA; it is noted in `issued`.

        Args:
            name: its CN, which is who a broker takes its holder for.
            hosts: what a broker is reached by.

        Raises:
            UsageError: something of another kind has the name.
            OutputError: it can't be noted.
        """
        self.check_name(name, kind)
        subject = x509.Name(
            [
                x509.NameAttribute(NameOID.COMMON_NAME, name),
                x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, kind),
            ]
        )
        end = min(now() + timedelta(days), self.certificate.not_valid_after_utc)
        builder = _unsigned(subject, key, self.certificate.subject, self.key, end)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
        builder = builder.add_extension(_usage(of_ca=False), critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage([_ROLES[kind]]), critical=False)
        if hosts:
            builder = builder.add_extension(x509.SubjectAlternativeName(hosts), critical=False)
        certificate = builder.sign(self.key, hashes.SHA256())
        noted = self.folder / _ISSUED / f"{certificate.serial_number:x}.crt"
        write_certificate(noted, certificate)
        return certificate

    def check_name(self, name: str, kind: Kind) -> None:
        """See that nothing of another kind has a name, whose rights would come with it.

        Raises:
            UsageError: something has.
        """
        for earlier in self.issued(name):
            if (other := _kind_of(earlier)) != kind:
                raise UsageError(f"{name} is taken, by a certificate of: {other}; choose another")

    def issued(self, name: str) -> Iterator[x509.Certificate]:
        """All that were ever issued for a name."""
        for path in sorted((self.folder / _ISSUED).glob("*.crt")):
            certificate = read_chain(read_small_file(path), str(path))[0]
            if common_name(certificate.subject, str(path)) == name:
                yield certificate


def write_certificate(
    path: Path, signed: x509.Certificate | x509.CertificateRevocationList
) -> None:
    """Put it in place, for everybody to read.

    Raises:
        OutputError: it can't be written; what was there stays.
    """
    try:
        with whole_file(path) as file:
            file.write(signed.public_bytes(Encoding.PEM))
    except OSError as error:
        raise OutputError(f"{path}: can't be written ({error.strerror})") from error


def now() -> datetime:
    """As X.509 has it, whole seconds of UTC."""
    return datetime.now(timezone.utc).replace(microsecond=0)


def _unsigned(
    subject: x509.Name,
    key: CertificatePublicKeyTypes,
    issuer: x509.Name,
    issuer_key: ec.EllipticCurvePrivateKey,
    end: datetime,
) -> x509.CertificateBuilder:
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key)
        .issuer_name(issuer)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now() - SKEW)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(authority, critical=False)
    )


def _usage(*, of_ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not of_ca,
        key_cert_sign=of_ca,
        crl_sign=of_ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _kind_of(certificate: x509.Certificate) -> str:
    units = certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME)
    return str(units[0].value) if units else "something else"
