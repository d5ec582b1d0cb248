"""An operator who drives a roll-out, in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

if TYPE_CHECKING:
    from collections.abc import Sequence

_ROOT = Path(__file__).resolve().parents[2]
TIMEOUT_S = 120


@final
class Driving:
    """`sfumato ctl rollout ...`; a context, killed at its end.

    Args:
        connection: options that say how the broker is reached.
        words: what is typed.
    """

    def __init__(self, connection: Sequence[str], *words: str) -> None:
        self._command = [
            *(sys.executable, "-m", "agent", "ctl", "rollout", *words, *connection, "--json")
        ]

    def __enter__(self) -> Driving:
        self._process = subprocess.Popen(
            self._command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(_ROOT)},
        )
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def kill(self) -> None:
        """It is gone at once."""
        self._process.kill()
        self._process.communicate()

    def interrupt(self) -> tuple[int, Any, list[str]]:
        """Ctrl-C; see `ended`."""
        self._process.send_signal(signal.SIGINT)
        return self.ended()

    def ended(self) -> tuple[int, Any, list[str]]:
        """Exit code, what it printed as JSON, lines on standard error; once it has ended."""
        out, err = self._process.communicate(timeout=TIMEOUT_S)
        return self._process.returncode, json.loads(out) if out else None, err.splitlines()


def certified(port: int, ca: Path, cert: Path, key: Path) -> list[str]:
    """Options of somebody who shows a certificate."""
    return [
        *("--broker", f"127.0.0.1:{port}"),
        *("--ca", str(ca), "--cert", str(cert), "--key", str(key)),
    ]
