"""Provision: what an operator answers to a device that asks for a certificate."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pydantic import ValidationError

from agent.control.certificate import (
    check_descent,
    common_name,
    fingerprint,
    has_key,
    read_chain,
    read_key,
    read_request,
)
from agent.control.key_file import make_key
from agent.control.messages import DEVICE_PATTERN
from agent.control.provision_answer import ProvisionAnswer, checked_device
from agent.control.small_file import read_small_file
from agent.errors import InputError, OutputError, UsageError
from agent.fleet.authority import CA_DAYS, write_certificate

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from agent.control.provision_answer import BrokerAddress
    from agent.fleet.authority import Authority, Kind

PERSON_DAYS = 365
_MOST_LETTERS = 64
"""X.509's limit of a common name."""


class Asked:
    """What a device asked for.

    Raises:
        InputError: the file is no request, or of a device whose name can't be one.
    """

    def __init__(self, path: Path) -> None:
        self._request = read_request(read_small_file(path), str(path))
        self.device = common_name(self._request.subject, str(path))
        try:
            checked_device(self.device)
        except ValueError as error:
            raise InputError(f"{path}: {self.device!r:.80} {error}") from error
        self.fingerprint = fingerprint(self._request.public_key())

    def signed(self, authority: Authority, days: int) -> list[x509.Certificate]:
        """Its certificate, by one's own CA.

        Raises:
            UsageError: the name is a person's or a broker's.
            OutputError: it can't be noted.
        """
        return [authority.issue(self._request.public_key(), self.device, "device", days)]

    def signed_elsewhere(self, path: Path) -> list[x509.Certificate]:
        """Its certificate, as another CA made it, with those above it.

        Raises:
            InputError: it isn't for this request.
        """
        chain = read_chain(read_small_file(path), str(path))
        if not has_key(chain[0], self._request.public_key()):
            raise InputError(f"{path}: the first certificate is for another key than the request")
        if (named := common_name(chain[0].subject, str(path))) != self.device:
            raise InputError(f"{path}: is for {named}; the request is of {self.device}")
        return chain

    def answer(
        self,
        chain: Sequence[x509.Certificate],
        ca: bytes,
        broker: BrokerAddress,
        update_root: str | None = None,
    ) -> ProvisionAnswer:
        """What the device is to install.

        Args:
            ca: certificates in PEM that the chain, and the broker's, descend from.
            update_root: of the repository that models come from, as `read_root` returns it.

        Raises:
            InputError: the chain doesn't, or there is none.
        """
        trusted = read_chain(ca, "--broker-ca")
        check_descent(chain, trusted)
        try:
            return ProvisionAnswer(
                device=self.device,
                certificate=_pem(chain),
                ca=_pem(trusted),
                broker=broker,
                update_root=update_root,
            )
        except ValidationError as error:  # the rest of it was looked at before
            raise InputError(
                "--broker-ca: too many certificates; give only those that are needed"
            ) from error


def certify_person(authority: Authority, name: str) -> Path:
    """people/NAME.key and people/NAME.crt in the CA's folder; the path of the latter.

    Args:
        name: as the broker's ACL has it.

    Raises:
        UsageError: the name can't be one, or is a device's.
        OutputError: they can't be written.
    """
    if not re.fullmatch(DEVICE_PATTERN, name):
        raise UsageError(f"{name!r:.80} should be made of a-z, 0-9 and -, at most 64 of them")
    folder = authority.folder / "people"
    return _certify(authority, folder / f"{name}.crt", name, "person", PERSON_DAYS)


def certify_broker(authority: Authority, hosts: Sequence[str]) -> Path:
    """broker.key and broker.crt in the CA's folder, as valid as the CA; the path of the latter.

    Args:
        hosts: names and addresses that it is reached by; the first is in its certificate's name.

    Raises:
        UsageError: one is neither, or the first is too long for that.
        OutputError: they can't be written.
    """
    if len(hosts[0]) > _MOST_LETTERS:
        raise UsageError(f"{hosts[0]}: put one of at most {_MOST_LETTERS} letters first")
    path, names = authority.folder / "broker.crt", [*map(_general_name, hosts)]
    return _certify(authority, path, hosts[0], "broker", CA_DAYS, names)


def _certify(
    authority: Authority,
    path: Path,
    name: str,
    kind: Kind,
    days: int,
    hosts: Sequence[x509.GeneralName] = (),
) -> Path:
    """A certificate beside its key; a key that is there already gets a new certificate."""
    authority.check_name(name, kind)
    key_file = path.with_suffix(".key")
    if key_file.exists():
        key = read_key(key_file)
    else:
        try:
            path.parent.mkdir(exist_ok=True)
            key = make_key(key_file)
        except OSError as error:
            raise OutputError(f"{key_file}: can't be written ({error.strerror})") from error
    write_certificate(path, authority.issue(key.public_key(), name, kind, days, hosts))
    return path


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        pass
    if not re.fullmatch(r"(?!-)[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*", host):
        raise UsageError(f"{host!r:.80} is neither a host's name nor an address")
    return x509.DNSName(host)


def _pem(certificates: Sequence[x509.Certificate]) -> str:
    return "".join(one.public_bytes(Encoding.PEM).decode() for one in certificates)
