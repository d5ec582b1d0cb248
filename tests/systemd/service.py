"""Service: the agent's unit on a machine, and what it left there."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from subprocess import CompletedProcess

    from machine import Machine

UNIT = "sfumato-agent"


class Service:
    """What a person does with `systemctl`, on a machine where it is installed."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.config = machine.disk / "etc/sfumato/agent.yaml"

    def systemctl(self, verb: str, *words: str, check: bool = True) -> CompletedProcess[str]:
        return self.machine.exec("systemctl", verb, UNIT, *words, check=check)

    def shown(self, name: str) -> str:
        """A property of the unit."""
        return self.systemctl("show", "--value", f"--property={name}").stdout.strip()

    @property
    def state(self) -> str:
        """Such as `active (running)`."""
        return f"{self.shown('ActiveState')} ({self.shown('SubState')})"

    @property
    def pid(self) -> int:
        return int(self.shown("MainPID"))

    @property
    def said(self) -> str:
        return self.machine.journal(UNIT)

    def is_back(self, before: int) -> bool:
        """Whether another process than `before` is ready."""
        return self.pid not in {0, before} and self.state == "active (running)"

    def said_at(self, words: str) -> float:
        """When the journal first held this: seconds of the monotonic clock."""
        lines = self.machine.journal(UNIT, "json")
        times = [
            int(entry["__MONOTONIC_TIMESTAMP"]) / 1e6
            for entry in map(json.loads, lines.splitlines())
            if words in str(entry["MESSAGE"])
        ]
        assert times, self.said
        return times[0]

    def recordings(self) -> list[Path]:
        """Those that have their names, oldest first."""
        video = self.machine.disk / "var/lib/sfumato/video"
        named = [path for path in video.rglob("*.mp4") if not path.name.startswith(".")]
        return sorted(named, key=lambda path: path.stat().st_mtime)


def until(reached: Callable[[], bool]) -> None:
    """Wait for what the agent or systemd is about to do; a test that waits in vain fails."""
    limit = time.monotonic() + 120
    while not reached():
        assert time.monotonic() < limit
        time.sleep(0.1)
