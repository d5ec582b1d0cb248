"""Provision answer: the one file that an operator sends back to a device that asked."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Literal, get_args

from pydantic import AfterValidator, Field, StringConstraints, ValidationError

from agent.control.messages import DEVICE_PATTERN, Name
from agent.control.ops import Role
from agent.control.small_file import read_small_file
from agent.control.topics import ROOT
from agent.errors import InputError
from models.strict_model import StrictModel

if TYPE_CHECKING:
    from pathlib import Path

TLS_PORT = 8883
"""IANA's for MQTT over TLS."""

_RESERVED = ("groups", *get_args(Role))
"""What stands in a topic in the place of a device where several are meant, and the people that a
broker's ACL knows, whose rights would come with their name."""

_Pem = Annotated[
    str, StringConstraints(pattern=r"^-----BEGIN CERTIFICATE-----\s", max_length=65536)
]


class BrokerAddress(StrictModel):
    """Where a device finds its broker, and what it is called there; `broker.json` of an identity."""

    host: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.:_-]{1,253}$")] = Field(
        description="name or address"
    )
    port: int = Field(TLS_PORT, ge=1, le=65535)
    root: Annotated[
        str, StringConstraints(pattern=r"^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*$", max_length=200)
    ] = Field(ROOT, description="of all topics")
    groups: tuple[Name, ...] = Field((), max_length=64, description="that the device belongs to")


class ProvisionAnswer(StrictModel):
    """What a device needs beside its own key, all of it public."""

    v: Literal[1] = 1
    device: Annotated[str, AfterValidator(checked_device)]
    certificate: _Pem = Field(description="the device's, then those between it and its CA; PEM")
    ca: _Pem = Field(description="what it and the broker's certificate descend from; PEM")
    broker: BrokerAddress
    update_root: str | None = Field(
        None, max_length=65536, description="of the repository that models come from; JSON"
    )

    @classmethod
    def read(cls, path: Path) -> ProvisionAnswer:
        """What `sfumato ctl provision sign` wrote.

        Raises:
            InputError: it can't be read, or is something else.
        """
        try:
            return cls.model_validate_json(read_small_file(path))
        except ValidationError as error:
            raise InputError(f"{path}: no answer to a request: {_first(error)}") from error

    def to_json(self) -> bytes:
        """What `read` reads."""
        return self.model_dump_json(indent=2, exclude_none=True).encode() + b"\n"


def checked_device(name: str) -> str:
    """A name as it is.

    Raises:
        ValueError: no device can have it; the message goes on after the name.
    """
    if not re.fullmatch(DEVICE_PATTERN, name):
        raise ValueError("should be made of a-z, 0-9 and -, at most 64 of them")
    if name in _RESERVED:
        raise ValueError("is reserved; give the device another name")
    return name


def read_broker_address(path: Path) -> BrokerAddress:
    """A `broker.json`.

    Raises:
        InputError: it can't be read, or is something else.
    """
    try:
        return BrokerAddress.model_validate_json(read_small_file(path))
    except ValidationError as error:
        raise InputError(f"{path}: damaged: {_first(error)}") from error


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(map(str, first["loc"]))
    said = " ".join(first["msg"].split())[:200]
    return f"{where}: {said}" if where else said
