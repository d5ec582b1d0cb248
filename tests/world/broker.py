"""Brokers: a real mosquitto, which can be ended, killed and frozen, and forgets as brokers do."""

from __future__ import annotations

import contextlib
import getpass
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Literal, final

import pytest
from ports import free_port

from agent.control import broker as address

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from authority import Authority

    from agent.control.broker import Tls

_START_S = 60.0

CONFIGS = Path(__file__).resolve().parents[2] / "configs" / "mosquitto"
PERSISTENCE = {
    "debian_default": ("persistence true",),  # which saves every 1,800 s, and at an orderly end
    "right": ("persistence true", "autosave_interval 10"),  # as in configs/mosquitto
    "none": ("persistence false",),
}


def _program() -> str:
    """Where mosquitto is; Debian has it where only root looks."""
    found = shutil.which("mosquitto") or shutil.which("/usr/sbin/mosquitto")
    if found is None:
        pytest.skip("needs mosquitto")
    return found


@final
class Broker:
    """A mosquitto on this machine, on a port that stays when it is started again.

    Without an authority it is plain, and lets everybody do everything.

    Args:
        folder: for its configuration, its log and what it keeps.
        persistence: what it keeps. By Debian's default a killed one forgets everything since its
            start.
        settings: further lines of its configuration.
        authority: it runs by configs/mosquitto, on TLS; persistence and settings play no part.
        certificate: that it shows; None: one for `host` by its authority.
        withdraws: whether it asks for withdrawn certificates.
        acl: who may do what, with an authority.

    Attributes:
        plain_port: of the listener that configs/mosquitto has for its own machine.
    """

    host = "127.0.0.1"

    def __init__(
        self,
        folder: Path,
        *,
        persistence: Literal["debian_default", "right", "none"] = "debian_default",
        settings: Sequence[str] = ("allow_anonymous true",),
        authority: Authority | None = None,
        certificate: Tls | None = None,
        withdraws: bool = False,
        acl: Path = CONFIGS / "acl",
    ) -> None:
        self._folder = folder
        self._authority, self._certificate = authority, certificate
        self._withdraws, self._acl = withdraws, acl
        self._kept = folder / "kept"
        self._settings = (*PERSISTENCE[persistence], *settings)
        self._process: subprocess.Popen[bytes] | None = None
        self.log = folder / "mosquitto.log"
        self.port, self.plain_port = free_port(), free_port()

    def __enter__(self) -> Broker:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is not None:
            self.kill()

    def address(self, **terms: object) -> address.Broker:
        """What a session connects to, without waiting; `terms` are what else it takes."""
        known = {"host": self.host, "port": self.port, "jitter_s": 0.0}
        return address.Broker(**{**known, **terms})

    @property
    def pid(self) -> int:
        """Of its process."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Be there; it answers when this returns."""
        assert self._process is None
        command = self.command()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + _START_S
        while not self._answers():
            assert self._process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, "mosquitto does not answer"
            time.sleep(0.01)

    def command(self) -> list[str]:
        """What starts it, for who has to start it elsewhere."""
        self._kept.mkdir(parents=True, exist_ok=True)
        configuration = self._folder / "mosquitto.conf"
        configuration.write_text(self._right() if self._authority else self._simple())
        return [_program(), "-c", str(configuration)]

    def term(self) -> None:
        """End as it is told to, and save what it keeps."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Be gone at once, with all that was not saved."""
        self._end(signal.SIGKILL)

    def reload(self) -> None:
        """Read certificates and rights anew."""
        self._signal(signal.SIGHUP)

    def freeze(self) -> None:
        """Keep every connection, and answer nothing."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Go on after `freeze`."""
        self._signal(signal.SIGCONT)

    def _simple(self) -> str:
        lines = [
            f"listener {self.port} {self.host}",
            f"user {getpass.getuser()}",  # root's would become one that may not write here
            f"persistence_location {self._kept}/",
            "set_tcp_nodelay true",  # as in configs/mosquitto; else each answer takes 40 ms
            *self._settings,
        ]
        return "\n".join(lines) + "\n"

    def _right(self) -> str:
        """What configs/mosquitto says, with other paths and ports."""
        assert self._authority is not None
        shown = self._certificate or self._authority.issue(self.host, host=True)
        places = {
            "listener 8883": f"listener {self.port} {self.host}",
            "listener 1883 127.0.0.1": f"listener {self.plain_port} {self.host}",
            "/etc/mosquitto/sfumato/ca.crt": str(self._authority.ca),
            "/etc/mosquitto/sfumato/broker.crt": str(shown.cert),
            "/etc/mosquitto/sfumato/broker.key": str(shown.key),
            "/etc/mosquitto/sfumato/acl": str(self._acl),
            "/var/lib/mosquitto/": f"{self._kept}/",
        }
        if self._withdraws:
            places["#crlfile /etc/mosquitto/sfumato/crl.pem"] = f"crlfile {self._authority.crl}"
        text = (CONFIGS / "mosquitto.conf").read_text()
        for here, there in places.items():
            assert text.count(f"{here}\n") == 1, here
            text = text.replace(f"{here}\n", f"{there}\n")
        return f"{text}user {getpass.getuser()}\n"

    def _answers(self) -> bool:
        try:
            for port in (self.port, self.plain_port) if self._authority else (self.port,):
                socket.create_connection((self.host, port), timeout=1).close()
        except OSError:
            return False
        return True

    def _end(self, number: signal.Signals) -> None:
        assert self._process is not None
        limit = time.monotonic() + _START_S
        while self._process.poll() is None:  # one that has only just begun to listen forgets it
            assert time.monotonic() < limit, "mosquitto does not end"
            self._process.send_signal(number)
            self._process.send_signal(signal.SIGCONT)  # a frozen one would not hear SIGTERM
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(1)
        self._process = None

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)
