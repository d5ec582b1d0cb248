"""LiveConfig: where a device shows its streams in browsers, and to whom."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated

from pydantic import AfterValidator, Field, WithJsonSchema

from agent.config.location import Location  # noqa: TC001 pydantic reads the annotations
from agent.errors import UsageError
from agent.telemetry.ip_port import ip_and_port
from models.strict_model import StrictModel

_LISTEN = r"(\[[0-9a-fA-F:.]+\]|[0-9.]+):[0-9]{1,5}"
_NAME = r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?"


def _listen(address: str) -> str:
    try:
        ip_and_port(address, "listen")
    except UsageError:
        raise ValueError("should be IP:PORT of this machine, such as 127.0.0.1:8080") from None
    return address


def _host(name: str) -> str:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        if not re.fullmatch(_NAME, name):
            raise ValueError(
                "should be a host's name alone, such as cam.example, without scheme and port"
            ) from None
    return name


class LiveConfig(StrictModel):
    """Redacted streams for browsers that come by; nobody there can stop one or see what is hidden."""

    listen: Annotated[
        str,
        AfterValidator(_listen),
        WithJsonSchema({"type": "string", "pattern": f"^{_LISTEN}$"}),
    ] = Field(
        "127.0.0.1:8080",
        description="IP:PORT where the page is; another address than this machine's own wants "
        "token_file",
    )
    hosts: tuple[Annotated[str, AfterValidator(_host)], ...] = Field(
        (), description="names by which browsers may call this machine, beside the address"
    )
    token_file: Location | None = Field(
        None,
        description="its first line, 16 to 256 characters, is what browsers must say; null: nothing",
    )
    tls_cert: Location | None = Field(
        None, description="certificate chain, in PEM; null: in the clear"
    )
    tls_key: Location | None = Field(
        None, description="key of tls_cert, in PEM, without a password"
    )

    @property
    def is_of_this_machine(self) -> bool:
        """Whether no other machine can reach it."""
        ip, _port = ip_and_port(self.listen, "live.listen")
        return ipaddress.ip_address(ip).is_loopback
