"""Progress: how far TensorRT is with building an engine, which it tells in phases of phases."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from models.runtime.tensorrt_types import IProgressMonitor, Library


class Progress:
    """Makes one growing share of phases that lie in each other.

    TensorRT calls from several threads at once, and leaves out steps of phases that it breaks off.
    """

    def __init__(self, tell: Callable[[str, float], None]) -> None:
        """Begin at nothing.

        Args:
            tell: is told the phase, and the share of all that is done, 0 to 1.
        """
        self._tell = tell
        self._lock = threading.Lock()
        self._phases: dict[str, _Phase] = {}
        self._share = 0.0

    def begin(self, phase: str, parent: str | None, steps: int) -> None:
        """A phase begins, as a step of another or of none."""
        with self._lock:
            self._phases[phase] = _Phase(parent, max(1, steps))
            self._say(phase)

    def step(self, phase: str, step: int) -> None:
        """A step of a phase is done, counted from 0."""
        with self._lock:
            if phase in self._phases:
                self._phases[phase].done = step + 1
            self._say(phase)

    def end(self, phase: str) -> None:
        """A phase is over."""
        with self._lock:
            self._phases.pop(phase, None)

    def _say(self, phase: str) -> None:
        roots = (name for name, each in self._phases.items() if each.parent not in self._phases)
        self._share = max(self._share, *(self._part(name) for name in roots), 0.0)
        self._tell(phase, self._share)

    def _part(self, name: str) -> float:
        """Share of a phase that is done, with what is done of the step that it is at."""
        phase = self._phases[name]
        inner = (self._part(each) for each, it in self._phases.items() if it.parent == name)
        return min(1.0, (phase.done + max(inner, default=0.0)) / phase.steps)


class _Phase:
    def __init__(self, parent: str | None, steps: int) -> None:
        self.parent, self.steps, self.done = parent, steps, 0


def monitor(
    library: Library, progress: Progress, cancelled: Callable[[], bool]
) -> IProgressMonitor:
    """An `IProgressMonitor`, which also breaks a build off at its next step."""

    class Monitor(library.IProgressMonitor):  # type: ignore[misc] # a class of the library
        """TensorRT calls these by position."""

        def __init__(self) -> None:
            library.IProgressMonitor.__init__(self)

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            """A phase begins."""
            progress.begin(phase_name, parent_phase, num_steps)

        def step_complete(self, phase_name: str, step: int) -> bool:
            """A step is done; whether to go on."""
            progress.step(phase_name, step)
            return not cancelled()

        def phase_finish(self, phase_name: str) -> None:
            """A phase is over."""
            progress.end(phase_name)

    return Monitor()
