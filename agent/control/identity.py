"""Identity: as whom a device connects, and to which broker; what `sfumato provision` installed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agent.control.broker import Broker, Tls
from agent.control.provision_answer import read_broker_address
from agent.control.slots import Slots
from agent.errors import InputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

CA, CERTIFICATE, KEY, ADDRESS = "ca.crt", "device.crt", "device.key", "broker.json"
"""The files of a slot."""
UPDATE_ROOT = "root.json"
"""Beside the slots, for a renewal that says nothing of it leaves it be."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What a slot holds.

    Attributes:
        root: of all topics.
        broker: where to connect to; its TLS names files that are not changed while they are in use.
        serial: of the certificate; tells a renewed one from the one before.
        certificate_end: Unix time at which it expires.
    """

    device: str
    groups: tuple[str, ...]
    root: str
    broker: Broker
    serial: int
    certificate_end: float

    @classmethod
    def read(cls, folder: Path) -> Identity:
        """The one in use.

        Raises:
            UsageError: there is none yet, or it can't be read; the message says what to do.
        """
        slot = Slots(folder).current
        if slot is None:
            raise UsageError(
                f"{folder}: this device is not provisioned yet: run `sfumato provision request`"
            )
        try:
            return cls.of_slot(slot)
        except InputError as error:
            again = "if it is damaged, `sfumato provision request` begins anew"
            raise UsageError(f"{error}; {again}") from error

    @classmethod
    def of_slot(cls, slot: Path) -> Identity:
        """What a slot holds, in use or not.

        Raises:
            InputError: a file is missing or damaged, or the key belongs to another certificate.
        """
        from agent.control.certificate import (  # noqa: PLC0415 takes a moment
            common_name,
            has_key,
            read_chain,
            read_key,
        )
        from agent.control.small_file import read_small_file  # noqa: PLC0415

        path = slot / CERTIFICATE
        certificate = read_chain(read_small_file(path), str(path))[0]
        if not has_key(certificate, read_key(slot / KEY).public_key()):
            raise InputError(f"{path}: doesn't belong to {KEY} beside it")
        read_chain(read_small_file(slot / CA), str(slot / CA))
        address = read_broker_address(slot / ADDRESS)
        return cls(
            device=common_name(certificate.subject, str(path)),
            groups=address.groups,
            root=address.root,
            broker=Broker(address.host, address.port, tls=Tls(slot / CA, path, slot / KEY)),
            serial=certificate.serial_number,
            certificate_end=certificate.not_valid_after_utc.timestamp(),
        )


def default_folder(environment: Mapping[str, str]) -> Path:
    """Where an identity lies unless it is said: below the service's state."""
    state = environment.get("STATE_DIRECTORY", "").split(":")[0] or "/var/lib/sfumato"
    return Path(state) / "identity"
