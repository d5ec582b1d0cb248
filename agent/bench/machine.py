"""Machine: what a bench ran on, without anything that tells whose it is."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from agent.bench.bench_report import MachinePart
from models.cores import usable_cores
from models.runtime.tensorrt_backend import TensorRtBackend

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.telemetry.hardware import Hardware
    from agent.telemetry.sensors import Sensors
    from models.runtime.backend import Backend

_PACKAGES = ("sfumato", "av", "numpy", "opencv-python")


def machine_of(hardware: Hardware, sensors: Sensors, backends: Sequence[Backend]) -> MachinePart:
    """The machine that this process runs on."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    for backend in backends:
        if backend.why_not() is None:
            found[backend.name] = backend.version()
    return MachinePart(
        device=hardware.name(),
        l4t=hardware.l4t(),
        os=f"{platform.system()} {platform.release()}",
        architecture=platform.machine(),
        power_mode=sensors.read().power_mode,
        cores=usable_cores(),
        gpu=_gpu(backends),
        versions=found,
    )


def _gpu(backends: Sequence[Backend]) -> str | None:
    for backend in backends:
        if isinstance(backend, TensorRtBackend) and backend.why_not() is None:
            return backend.gpu_name()
    return None
