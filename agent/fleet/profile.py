"""Profile: by which broker an operator reaches the fleet, and as whom."""

from __future__ import annotations

import re
from pathlib import Path  # noqa: TC003 pydantic reads the annotations
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, StringConstraints

from agent.control.broker import Broker, Tls, is_loopback
from agent.control.topics import ROOT
from agent.errors import InputError, UsageError
from models.strict_model import StrictModel

if TYPE_CHECKING:
    from models.signing import PrivateKey

_TLS_PORT, _PLAIN_PORT = 8883, 1883
_HOST_AND_PORT = re.compile(
    r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<name>[^:\[\]\s/]+))(?::(?P<port>\d+))?"
)
_MOST_PASSWORD_BYTES = 65535
"""What a CONNECT packet can carry."""


class Profile(StrictModel):
    """What `sfumato ctl` takes as options, or finds in a file; a path is as it was given."""

    broker: str | None = None
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    username: str | None = None
    password_file: Path | None = None
    root: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$")] = ROOT
    sign: Path | None = Field(None, description="an operator's private key")

    def to_broker(self, password: str | None) -> Broker:
        """Where to connect to; encrypted, unless it is this machine and no certificate is given.

        Args:
            password: where no file holds it.

        Raises:
            UsageError: no broker is named, or what is given does not fit together.
            InputError: a file can't be read.
        """
        if self.broker is None:
            raise UsageError("no broker; name it with --broker HOST[:PORT], or in a profile")
        host, port = _host_and_port(self.broker)
        if (self.cert is None) != (self.key is None):
            raise UsageError("--cert and --key belong together; give both, or none")
        for path in (self.ca, self.cert, self.key):
            if path is not None and not path.is_file():
                raise InputError(f"{path}: no such file")
        tls = None
        if not is_loopback(host) or self.ca is not None or self.cert is not None:
            tls = Tls(self.ca, self.cert, self.key)
        if self.password_file is not None:
            password = _first_line(self.password_file)
        if password is not None and self.username is None:
            raise UsageError("there is a password and no --username")
        port = port or (_PLAIN_PORT if tls is None else _TLS_PORT)
        return Broker(host, port, tls=tls, username=self.username, password=password, jitter_s=0)

    def signing_key(self) -> PrivateKey | None:
        """What signs commands and configurations; None: they are not signed.

        Raises:
            ModelError: the file holds no private key.
        """
        if self.sign is None:
            return None
        from models.signing import load_private  # noqa: PLC0415 few sign

        return load_private(self.sign)


def _host_and_port(text: str) -> tuple[str, int | None]:
    found = _HOST_AND_PORT.fullmatch(text)
    if found is None and is_loopback(text):  # ::1
        return text, None
    port = found and found["port"]
    if found is None or (port and not 1 <= int(port) <= 65535):
        raise UsageError(f"--broker {text}: should be HOST or HOST:PORT, such as broker.example")
    return found["v6"] or found["name"], int(port) if port else None


def _first_line(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_PASSWORD_BYTES + 1)
        if len(data) > _MOST_PASSWORD_BYTES:
            raise InputError(f"{path}: too large to be a password")
        return data.decode().partition("\n")[0].rstrip("\r")
    except OSError as error:
        raise InputError(f"{path}: can't read the password ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: the password is not UTF-8") from error
