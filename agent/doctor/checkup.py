"""Checkup: everything that is looked at, in the order in which it is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.doctor.clock import look_at_clock
from agent.doctor.codecs import look_at_codecs
from agent.doctor.configured import look_at_configured
from agent.doctor.devices import look_at_devices
from agent.doctor.finding import Finding
from agent.doctor.gpu import look_at_gpu, look_at_onnxruntime, look_at_runtimes
from agent.doctor.opencv import look_at_opencv
from agent.doctor.python import look_at_python
from agent.doctor.user import User

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.doctor.configured import Configured
    from agent.doctor.interpreter import Interpreter
    from agent.doctor.machine import Machine
    from agent.wall_clock import WallClock

_OLDEST_JETPACK = 6
"""The first whose Python is one that Sfumato runs in."""


def checkup(
    machine: Machine, interpreter: Interpreter, wall: WallClock, configured: Configured | None
) -> Iterator[Finding]:
    """Look at all of it, which changes nothing and takes some seconds.

    Args:
        configured: None where no configuration is asked for, or it can't be read.
    """
    user = User.of(machine)
    yield look_at_python(machine, interpreter)
    yield _system(machine)
    yield from look_at_gpu(machine, interpreter)
    yield look_at_onnxruntime(interpreter)
    yield look_at_runtimes(machine, interpreter)
    yield from look_at_opencv(interpreter)
    asked = configured.decoders if configured else frozenset()
    yield from look_at_codecs(machine, interpreter, asked)
    yield look_at_devices(machine, user, configured.cameras if configured else ())
    if configured is not None:
        yield from look_at_configured(configured, user, interpreter)
    has_to_be_right = configured is not None and configured.judges_by_the_clock
    yield look_at_clock(wall, has_to_be_right=has_to_be_right)


def _system(machine: Machine) -> Finding:
    """Of the distribution, what NVIDIA adds to it, and how the board runs."""
    said = machine.system
    if (l4t := machine.hardware.l4t()) is not None:
        jetpack = machine.jetpack
        named = f"JetPack {jetpack}" if jetpack else "a JetPack newer than this Sfumato"
        said = f"{said}, {named} (Jetson Linux {l4t})"
        if jetpack is not None and jetpack < _OLDEST_JETPACK:
            said = f"{said}; it should be JetPack {_OLDEST_JETPACK} or newer"
            return Finding("system", "missing", said, needed=True)
    readings = machine.sensors.read()
    if readings.power_mode is not None:
        said = f"{said}, power mode {readings.power_mode}"
    if slowed_by := [name for name, slows in readings.throttled.items() if slows]:
        said = f"{said}; slowed down by {', '.join(slowed_by)}"
        return Finding("system", "warning", said)
    return Finding("system", "ok", said)
