"""Devices: many real control planes in one process, each for a simulated agent, over mTLS.

    python -m tests.bench.devices FOLDER CERTIFICATES PORT FIRST COUNT [FATES]

Waits for a line before it begins, so that all such processes begin at once; ends with its input. With
FATES they are of the group `cameras` and take models over the air: a file of JSON, what becomes of a
bundle on a device, by version and name. Where that says nothing, it is good.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import final

from agent.control.broker import Broker, Tls
from agent.control.plane import ControlPlane
from agent.wall_clock import WallClock
from tests.bench import subjects
from tests.bench.fleet import cpu_and_memory

# Modules there name each other, as pytest's path has them.
sys.path.append(str(subjects.ROOT / "tests" / "world"))
from simulated_agent import SimulatedAgent, terms_of
from updating_agent import UpdatingAgent

GROUP = "cameras"
Fates = dict[str, dict[str, str]]


def name_of(number: int) -> str:
    """Of a device, and of its certificate."""
    return f"device-{number}"


@final
class Devices:
    """Such a process.

    Args:
        folder: of its databases.
        certificates: of an `Authority` that has issued one to each device.
        numbers: of the devices.
        fates: what becomes of bundles, by version and device; None: they take none.
    """

    def __init__(
        self,
        folder: Path,
        certificates: Path,
        port: int,
        numbers: range,
        fates: Path | None = None,
    ) -> None:
        words = [
            folder,
            certificates,
            port,
            numbers.start,
            len(numbers),
            *([fates] if fates else []),
        ]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.devices", *map(str, words)],
            cwd=subjects.ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._hear()

    def start(self) -> None:
        """Have all connect."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"start\n")
        self._process.stdin.flush()

    def end(self) -> None:
        """All are gone, without a word."""
        self._process.kill()
        self._process.communicate()

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def _hear(self) -> None:
        assert self._process.stdout is not None
        if not self._process.stdout.readline():
            raise SystemExit("a process of devices ended before it began")


def usage_of(pid: int) -> tuple[float, float]:
    """Seconds computed and resident memory (10⁶ bytes) of a process."""
    return cpu_and_memory(Path(f"/proc/{pid}/stat").read_text())


def main(folder: Path, certificates: Path, port: int, numbers: range, fates: Fates | None) -> None:
    """Be such a process."""
    print("ready", flush=True)
    sys.stdin.readline()
    wall = WallClock()
    for number in numbers:
        device, own = name_of(number), folder / name_of(number)
        own.mkdir()
        stem = str(certificates / f"{device}-valid")
        tls = Tls(certificates / "ca.crt", Path(f"{stem}.crt"), Path(f"{stem}.key"))
        terms = terms_of(
            port,
            device,
            broker=Broker("127.0.0.1", port, tls=tls, jitter_s=0.0),
            groups=() if fates is None else (GROUP,),
            takes_models=fates is not None,
        )
        agent = SimulatedAgent(own)
        if fates is not None:
            here = {int(version): each[device] for version, each in fates.items() if device in each}
            agent = UpdatingAgent(own, GROUP, here, wall)
        ControlPlane(terms, agent, own / "control.db", wall, f"b{number}").start()
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    _, where, issued, at, first, count, *said = sys.argv
    main(
        Path(where),
        Path(issued),
        int(at),
        range(int(first), int(first) + int(count)),
        json.loads(Path(said[0]).read_text()) if said else None,
    )
