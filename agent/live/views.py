"""Views: what those who watch see of the streams of a service."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, final

from agent.live.view import View

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from agent.video.playback import Playback
    from agent.video.push import PushOutput


@final
class Views:
    """One for each stream, made once it is asked for, and kept over the stream's sessions.

    Args:
        pushes: where a stream is sent as well, asked for once, by its name.
        playbacks: of files that whoever watches may stop, by the stream's name.
    """

    def __init__(
        self,
        pushes: Callable[[str], Sequence[PushOutput]] = lambda _name: (),
        playbacks: Mapping[str, Playback] | None = None,
    ) -> None:
        self._pushes, self._playbacks = pushes, playbacks or {}
        self._lock = threading.Lock()
        self._views: dict[str, View] = {}

    def view(self, name: str) -> View:
        """Of a stream."""
        with self._lock:
            if name not in self._views:
                self._views[name] = View(self._pushes(name))
            return self._views[name]

    def playback(self, name: str) -> Playback | None:
        """By which a stream's file is played; None where nobody may stop it."""
        return self._playbacks.get(name)

    def drop(self, name: str) -> None:
        """The stream is no more: who watches it is told."""
        with self._lock:
            view = self._views.pop(name, None)
        if view is not None:
            view.close("the stream is no more")

    def close(self) -> None:
        """Nothing is shown any more."""
        for name in list(self._views):
            self.drop(name)
