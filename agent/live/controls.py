"""Controls: what those who watch a stream may do with its source."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, final

from agent.live.show import Pause, Resume, Seek, Step

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.live.show import Command
    from agent.live.view import View
    from agent.video.playback import Playback

_SEEK_S = 10.0
"""So long the first picture from there may take. Chosen, not measured: a file with one keyframe a
minute is decoded for as long."""


class Controls(Protocol):
    """See `agent.live.show.ShowState` and `Show.do` for what they mean.

    Attributes:
        paused: somebody who watches paused it.
        seekable: whether it can be sought in.
    """

    @property
    def paused(self) -> bool: ...  # noqa: D102

    @property
    def seekable(self) -> bool: ...  # noqa: D102

    def position_s(self, at_s: float) -> float | None:
        """Where in its file the picture lies that was shown with such a time."""
        ...

    def do(self, command: Command) -> str | None:
        """Obey; None once it is done, else why it can't be, in a line."""
        ...


@final
class NoControls:
    """Of a stream that is recorded, or that others watch as well: it goes on whoever looks."""

    paused = seekable = False

    def position_s(self, _at_s: float) -> None:
        """There is none."""

    def do(self, _command: Command) -> str:
        """Refuse."""
        return "this stream is the device's: who watches it can't stop it"


@final
class CameraControls:
    """Of a camera, for whoever started it.

    Args:
        pause: has what the camera sees passed over, or no more.
    """

    seekable = False

    def __init__(self, pause: Callable[[bool], None]) -> None:
        self._pause = pause
        self.paused = False

    def position_s(self, _at_s: float) -> None:
        """There is none."""

    def do(self, command: Command) -> str | None:
        """Pause, or go on with what the camera sees then."""
        if not isinstance(command, (Pause, Resume)):
            return "a camera is not seekable: it can be paused and resumed"
        self.paused = isinstance(command, Pause)
        self._pause(self.paused)
        return None


@final
class FileControls:
    """Of a file, for whoever started it.

    Args:
        duration_s: of the file; None where nobody knows.
    """

    seekable = True

    def __init__(
        self, playback: Playback, view: View, duration_s: Callable[[], float | None]
    ) -> None:
        self._playback, self._view, self._duration_s = playback, view, duration_s

    @property
    def paused(self) -> bool:
        """Whether it stands still."""
        return self._playback.paused

    def position_s(self, at_s: float) -> float | None:
        """See `Controls`."""
        return self._playback.position_s(at_s)

    def do(self, command: Command) -> str | None:
        """A seek is done once its first picture is shown, and nothing of before will be."""
        match command:
            case Pause():
                self._playback.pause()
            case Resume():
                self._playback.resume()
            case Step():
                if not self._playback.paused:
                    return "pause first: a step is one frame further"
                self._playback.step()
            case Seek(to_s):
                return self._seek(to_s)
            case _:
                return "that is nothing to ask of a file"
        return None

    def _seek(self, to_s: float) -> str | None:
        duration_s = self._duration_s()
        if duration_s is not None and to_s > duration_s:
            return f"the file ends after {duration_s:.1f} s"
        self._playback.seek(to_s)
        begun_at_s = self._playback.begun_at_s(_SEEK_S)
        if begun_at_s is None or not self._view.wait_for(begun_at_s, _SEEK_S):
            return "no picture came from there"
        return None
