"""Fleet: `sfumato run` as a process of its own, with so many streams of one file, and its usage.

Nothing of it is imported: frames are what its metrics say, CPU and memory what the kernel says.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, final

from prometheus_client.parser import text_string_to_metric_families

from tests.bench.subjects import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping

DEVICE = "bench"
_FRAMES = "sfumato_stream_output_frames_total"
PATIENCE_S = 120.0
"""For a start, and for an end. Chosen, not measured: many times what either takes."""
_SAMPLE_S = 1.0

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Usage:
    """How a fleet is at one moment.

    Attributes:
        at_s: monotonic.
        cpu_s: computed by all threads since the process began.
        resident_mb: memory, 10⁶ bytes.
        frames: written since the process began, by stream.
    """

    at_s: float
    cpu_s: float
    resident_mb: float
    frames: Mapping[str, float]


@final
class Fleet:
    """Streams of one file, looped as fast as they go, redacted and recorded by one agent.

    Args:
        streams: how many.
        bundle: unsigned.
        folder: where the configuration and recordings go; it exists, and nobody else uses it.
        hide: as a stream's section `hide`.
        more: further sections; also of `telemetry`, all but where it is asked for frames.
    """

    def __init__(
        self,
        streams: int,
        clip: Path,
        bundle: Path,
        folder: Path,
        hide: Mapping[str, object],
        more: Mapping[str, Mapping[str, object]] | None = None,
    ) -> None:
        more = more or {}
        self._names = tuple(f"s{i}" for i in range(streams))
        self._port = _free_port()
        source = {"url": str(clip), "loop": True, "realtime": False}
        config = {
            **more,
            "device": DEVICE,
            "model": {"bundle": str(bundle), "allow_unsigned": True},
            "streams": {name: {"source": source, "hide": hide} for name in self._names},
            "record": {"dir": str(folder / "video"), "keep": {"bytes": "256MiB"}},
            "telemetry": {
                **more.get("telemetry", {}),
                "prometheus": f"127.0.0.1:{self._port}",
            },
        }
        path = folder / "agent.yaml"
        path.write_text(json.dumps(config))  # which is YAML
        self._command = [sys.executable, "-m", "agent", "run", "--config", str(path)]

    def __enter__(self) -> Fleet:
        self._said = TemporaryFile()
        self._process = subprocess.Popen(
            self._command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=self._said
        )
        return self

    def freeze(self) -> None:
        """Do nothing until `thaw`, so that another one can have its turn."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Go on after `freeze`."""
        self._process.send_signal(signal.SIGCONT)

    def __exit__(self, *_: object) -> None:
        self.thaw()  # a frozen one would not hear SIGTERM
        self._process.terminate()
        try:
            self._process.wait(PATIENCE_S)
        finally:
            self._process.kill()
            self._process.wait()
            self._said.close()

    def usage(self) -> Usage:
        """How it is now."""
        try:
            return self._usage()
        except OSError as error:
            raise self._failure(str(error)) from error

    def until(self, frames: int, within_s: float = PATIENCE_S) -> list[Usage]:
        """How it is, once a second, until every stream has written so many frames."""
        seen: list[Usage] = []
        deadline_s = time.monotonic() + within_s
        while not seen or min(seen[-1].frames.values()) < frames:
            if self._process.poll() is not None:
                raise self._failure(f"it ended with {self._process.returncode}")
            if time.monotonic() > deadline_s:
                raise self._failure(f"not {frames} frames a stream within {within_s:g} s")
            time.sleep(_SAMPLE_S)
            with suppress(OSError):  # before it listens
                seen.append(self._usage())
        return seen

    def _usage(self) -> Usage:
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/metrics") as answer:
            written = frames_by_stream(answer.read().decode())
        cpu_s, resident_mb = cpu_and_memory(Path(f"/proc/{self._process.pid}/stat").read_text())
        frames = {name: written.get(name, 0.0) for name in self._names}
        return Usage(time.monotonic(), cpu_s, resident_mb, frames)

    def _failure(self, what: str) -> SystemExit:
        self._said.seek(0)
        said = self._said.read()[-2000:].decode()
        return SystemExit(f"{' '.join(self._command)}: {what}\n{said}")


def frames_by_stream(metrics: str) -> dict[str, float]:
    """Frames written, out of the text that Prometheus is told."""
    return {
        sample.labels["stream"]: sample.value
        for family in text_string_to_metric_families(metrics)
        for sample in family.samples
        if sample.name == _FRAMES
    }


def cpu_and_memory(stat: str) -> tuple[float, float]:
    """Seconds computed and resident memory (10⁶ bytes), out of a `/proc/PID/stat` (proc(5))."""
    fields = stat.rpartition(")")[2].split()  # from the third on: a name may hold blanks
    user, system, pages = (int(fields[number - 3]) for number in (14, 15, 24))
    return (user + system) / _TICKS, pages * _PAGE_BYTES / 1e6


def _free_port() -> int:
    with socket.socket() as some_socket:
        some_socket.bind(("127.0.0.1", 0))
        return int(some_socket.getsockname()[1])
