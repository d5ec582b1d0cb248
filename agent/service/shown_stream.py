"""ShownStream: one source that somebody watches on this machine, and nothing else: `sfumato live`."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from pydantic import ValidationError

from agent.config.tree import RecordConfig, SinkConfig, SourceConfig, StreamConfig
from agent.errors import UsageError
from agent.live.controls import CameraControls, FileControls
from agent.live.showing import CRF, PRESET
from agent.live.views import Views
from agent.service.recorder import Recorder
from agent.service.source import is_live
from agent.service.stream_session import StreamSession, Surroundings
from agent.service.stream_show import StreamShow
from agent.service.streams import Streams
from agent.settings import Hiding, Looking
from agent.video.file_source import FileSource
from agent.video.playback import Playback

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.config.secrets import Secrets
    from agent.live.show import Show
    from agent.service.model import Model
    from agent.settings import BlurSettings
    from agent.video.push import PushOutput
    from agent.video.verdicts import Verdicts


@final
class ShownStream:
    """Kept going as the service keeps its streams; whoever watches may stop it.

    Args:
        source: rtsp://, rtsps://, /dev/videoN, or an absolute path of a file.
        pushes: where it is sent as well; closed with it.
        loop: begin a file again at its end.

    Raises:
        InputError: it is a file, and can't be shown.
        UsageError: it is no address, or has a password in it.
    """

    def __init__(
        self,
        source: str,
        settings: BlurSettings,
        model: Model,
        secrets: Secrets,
        verdicts: Verdicts,
        pushes: Sequence[PushOutput] = (),
        *,
        loop: bool = False,
    ) -> None:
        self.name = "camera" if is_live(source) else "video"
        playback = None if is_live(source) else Playback()
        duration_s = None if is_live(source) else _duration_s(source)
        views = Views(lambda _name: pushes, {} if playback is None else {self.name: playback})
        config = StreamConfig(
            source=_source(source, settings, loop=loop),
            sink=SinkConfig(record=False, crf=CRF, preset=PRESET),
            hide=Hiding.model_validate(settings.model_dump(include=set(Hiding.model_fields))),
            look=Looking.model_validate(settings.model_dump(include=set(Looking.model_fields))),
        )
        around = Surroundings(model, Recorder(RecordConfig()), secrets, 1, verdicts, views)
        view = views.view(self.name)
        self._views, self._streams = views, Streams(around)
        self._streams.add(self.name, config)
        controls = (
            CameraControls(self._pause)
            if playback is None
            else FileControls(playback, view, lambda: duration_s)
        )
        self.shows: dict[str, Show] = {
            self.name: StreamShow(
                self.name,
                view,
                lambda: self._streams.statuses().get(self.name),
                lambda: config.look,
                controls,
                is_live=True,
                duration_s=lambda: duration_s,
                told=lambda reason: reason.replace(source, self.name),
            )
        }

    def tick(self) -> None:
        """Bring its state up to date; once a second or so."""
        for supervisor in self._streams:
            supervisor.tick()

    def close(self) -> None:
        """Show no more, and let go of the source."""
        self._streams.end()
        self._views.close()

    def _pause(self, paused: bool) -> None:
        self._views.view(self.name).rests = paused  # sessions that begin later do so, too
        supervisor = self._streams.supervisor(self.name)
        session = None if supervisor is None else supervisor.session
        if isinstance(session, StreamSession):
            session.pause(paused)


def _source(url: str, settings: BlurSettings, *, loop: bool) -> SourceConfig:
    """What a stream is read from, at its own pace.

    Raises:
        UsageError: it is no address; the message doesn't show it.
    """
    try:
        return SourceConfig(url=url, realtime=True, loop=loop, decoder=settings.decoder)
    except ValidationError as error:
        said = error.errors(include_input=False, include_url=False)[0]["msg"]
    raise UsageError(f"SOURCE: {said.removeprefix('Value error, ')}")


def _duration_s(path: str) -> float | None:
    """Of a file; None where it doesn't say.

    Raises:
        InputError: it holds no video that can be shown.
    """
    with FileSource(path) as file:
        length_s = file.info.duration_s
    return None if length_s is None else float(length_s)
