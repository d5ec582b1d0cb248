"""MqttConfig and ControlConfig: by which broker a device is reached, and what it lets itself be told."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo, WithJsonSchema

from agent.config.location import Location, beside_the_file
from agent.config.reference import REFERENCE
from agent.control.broker import is_loopback
from agent.control.ops import OPS
from agent.control.topics import ROOT
from models.classes import nearest, shortened
from models.strict_model import StrictModel

_HOST = r"[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?|[0-9a-fA-F:.]{2,45}"
_ROOT = r"[A-Za-z0-9_-]{1,64}(/[A-Za-z0-9_-]{1,64}){0,7}"
_CREDENTIAL = r"\$\{credential:[A-Za-z0-9_-][A-Za-z0-9._-]*\}"
_SECRET = rf"{_CREDENTIAL}|\$\{{env:[A-Za-z_][A-Za-z0-9_]*\}}"
_MOST_LETTERS = 2000

DEFAULT_PORT = 8883
DEFAULT_OPS = ("ping", "refresh", "snapshot", "pause", "resume", "restart", "self_test", "replay")
"""All but `logs`, which tell of more than of streams, and `rollback`."""


def _broker_host(host: str) -> str:
    if not re.fullmatch(_HOST, host):
        raise ValueError("should be a host's name or its address alone, such as broker.example")
    return host


def _topic_root(root: str) -> str:
    if not re.fullmatch(_ROOT, root):
        raise ValueError(f"should be words with / between them, such as {ROOT}")
    return root


def _key_file(text: str, info: ValidationInfo) -> str:
    if "${" not in text:
        return str(beside_the_file(Path(text), info))
    found = REFERENCE.fullmatch(text)
    if found is None or not found["credential"]:
        raise ValueError("should be a file or ${credential:NAME}")
    return text


def _password(text: str) -> str:
    if not REFERENCE.fullmatch(text):
        raise ValueError(
            "should be ${credential:NAME} or ${env:NAME}; it doesn't stand in the file"
        )
    return text


def _op(name: str) -> str:
    if name not in OPS:
        close = nearest(name, OPS)
        hint = f"did you mean '{close}'?" if close else f"there are {shortened(OPS, len(OPS))}"
        raise ValueError(f"there is no such command; {hint}")
    return name


def _fitting(pattern: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": f"^({pattern})$"})


class MqttConfig(StrictModel):
    """Where the control plane connects to, and as whom."""

    host: Annotated[str, AfterValidator(_broker_host), _fitting(_HOST)] | None = Field(
        None, description="of the broker", examples=["broker.example"]
    )
    port: int = Field(DEFAULT_PORT, ge=1, le=65535, description="of the broker")
    version: Literal[5, "3.1.1"] = Field(5, description="of MQTT: 5 or 3.1.1")
    ca: Location | None = Field(
        None,
        description="certificates, in PEM, that the broker's must descend from; null: those that the "
        "system trusts; without ca and cert a broker on this machine, and no other, is unencrypted",
        examples=["ca.crt"],
    )
    cert: Location | None = Field(
        None, description="certificate of this device, in PEM", examples=["device.crt"]
    )
    key: (
        Annotated[str, Field(min_length=1, max_length=_MOST_LETTERS), AfterValidator(_key_file)]
        | None
    ) = Field(
        None,
        description="that belongs to cert: a file, or ${credential:NAME}",
        examples=["${credential:device.key}"],
    )
    username: Annotated[str, Field(min_length=1, max_length=_MOST_LETTERS)] | None = Field(
        None, description="where the broker wants one"
    )
    password: Annotated[str, AfterValidator(_password), _fitting(_SECRET)] | None = Field(
        None, description="${credential:NAME} or ${env:NAME}"
    )
    root: Annotated[str, AfterValidator(_topic_root), _fitting(_ROOT)] = Field(
        ROOT, description="that all topics begin with"
    )
    session_expiry_s: int = Field(
        604800,
        ge=1,
        le=31_536_000,
        description="seconds that the broker keeps commands for a device that is away",
    )
    jitter_s: float = Field(
        10.0,
        ge=0,
        le=600,
        description="seconds, a random part of which passes before the first connection to another "
        "machine's broker, so that not all devices come at once",
    )
    identity: Location | None = Field(
        None,
        description="folder that `sfumato provision` keeps; instead of host, port, ca, cert, key and "
        "root, which it holds",
    )

    @property
    def is_encrypted(self) -> bool:
        """Whether TLS is used: always, but to a broker on this machine for which nothing is given."""
        given = (self.identity, self.ca, self.cert, self.key)
        return any(each is not None for each in given) or not is_loopback(self.host or "")


class ControlConfig(StrictModel):
    """Who may tell the device what, by the same broker."""

    operators: tuple[Location, ...] = Field(
        (),
        description="public keys, one of which must have signed a changed configuration and any "
        "command but a viewer's; none: whom the broker lets write to the device needs no signature",
        examples=[["ops.pub"]],
    )
    remote: tuple[Literal["streams", "telemetry", "update"], ...] = Field(
        ("streams", "telemetry"),
        description="sections of this file that may be replaced from afar; nothing from afar hides "
        "less than this file says, has effects below floor, or takes models from elsewhere",
    )
    ops: tuple[
        Annotated[str, AfterValidator(_op), WithJsonSchema({"type": "string", "enum": [*OPS]})], ...
    ] = Field(DEFAULT_OPS, description=f"commands that are taken, of {', '.join(OPS)}")
