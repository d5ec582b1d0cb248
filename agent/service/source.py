"""Sources of a service: cameras, and files that stand for one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from agent.frames.ports import Source
from agent.video.decoders import Decoders
from agent.video.live_source import LiveSource
from agent.video.paced_file import PacedFile

if TYPE_CHECKING:
    from agent.config.tree import SourceConfig
    from agent.video.playback import Playback
    from agent.video.verdicts import Verdicts
    from models.runtime.gpu import Gpu


_GRACE_S = 2.0
"""So much longer than it takes to be stalled, a camera may send nothing before it is opened anew.
Chosen, not measured: it is seen as stalled within a second, and may go on by itself."""


class ContinuedSource(Source, Protocol):
    """A source whose pictures may go on in another size."""

    def successor(self) -> ContinuedSource | None:
        """What goes on where this one has ended; None where nothing does."""
        ...


def is_live(url: str) -> bool:
    """Whether what a URL names can't be told to wait."""
    return url.startswith(("rtsp://", "rtsps://", "/dev/"))


def open_source(
    name: str,
    url: str,
    config: SourceConfig,
    verdicts: Verdicts,
    gpu: Gpu | None,
    playback: Playback | None = None,
) -> ContinuedSource:
    """The source that a configuration names.

    Args:
        name: the stream's; stands in errors about cameras.
        url: with its secrets filled in.
        verdicts: which decoders passed their trials.
        gpu: where frames may lie for the detector, if anywhere.
        playback: by which whoever watches a file stops it; None: nobody does.

    Raises:
        InputError: it can't be opened.
    """
    decoders = Decoders(config.decoder, verdicts, lambda: gpu)
    if is_live(url):
        return LiveSource(
            url,
            name=name,
            open_timeout_s=config.open_timeout_s,
            stall_s=config.stall_s + _GRACE_S,
            decoders=decoders,
        )
    return PacedFile(
        Path(url),
        loop=config.loop,
        realtime=config.realtime,
        decoders=decoders,
        playback=playback,
    )
