"""AgentConfig: what a device is told, as one tree of settings.

Every field says what it is: the schema, `sfumato config example --full` and its comments are made
of the descriptions and defaults here. Where a default depends on the machine, or there is none,
the field has an example.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo, WithJsonSchema

from agent.config.address import checked_template
from agent.config.device import DeviceName, GroupName, StreamName, device_name
from agent.config.live import LiveConfig  # noqa: TC001 pydantic reads the annotations
from agent.config.location import Location, beside_the_file
from agent.config.mqtt import ControlConfig, MqttConfig
from agent.config.size import Size  # noqa: TC001 likewise
from agent.config.state_folder import SERVICES_OWN, given_folder
from agent.control.messages import WINDOW_PATTERN
from agent.frames.decoder_name import DecoderName  # noqa: TC001 likewise
from agent.settings import DECODER, Encoding, Hiding, Looking, usual_workers
from models.strict_model import StrictModel

if TYPE_CHECKING:
    from collections.abc import Iterator

_FILES = (".mp4", ".m4v", ".mov")
_REPOSITORY = r"https?://(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+)(:[0-9]{1,5})?(/[^\s?#@]*)?"
_HOST_AND_PORT = r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+):[0-9]{1,5}"


def _recordings_folder() -> Path:
    """In the state folder that systemd made for the service."""
    state = given_folder() or Path(SERVICES_OWN)
    return Path(os.path.abspath(state / "video"))  # noqa: PTH100


def _source_url(url: str, info: ValidationInfo) -> str:
    checked_template(url)
    if "://" in url or url.startswith("${"):
        return url
    return str(beside_the_file(Path(url), info))


def _video_file(path: Path) -> Path:
    if path.suffix.lower() not in _FILES:
        raise ValueError(f"should end in one of {' '.join(_FILES)}")
    return path


def _host_and_port(address: str) -> str:
    if not re.fullmatch(_HOST_AND_PORT, address) or int(address.rpartition(":")[2]) > 0xFFFF:
        raise ValueError("should be HOST:PORT, such as 127.0.0.1:9464")
    return address


def _repository(url: str) -> str:
    if not re.fullmatch(_REPOSITORY, url):
        raise ValueError(
            "should be an address such as https://models.example/, without a user, ? and #"
        )
    return url if url.endswith("/") else f"{url}/"


_REPOSITORY_SCHEMA = WithJsonSchema({"type": "string", "pattern": f"^{_REPOSITORY}$"})

_VideoFile = Annotated[Path, AfterValidator(_video_file), AfterValidator(beside_the_file)]

_ListenAddress = Annotated[
    str,
    AfterValidator(_host_and_port),
    WithJsonSchema({"type": "string", "pattern": f"^{_HOST_AND_PORT}$"}),
]


class SourceConfig(StrictModel):
    """Where frames come from."""

    url: Annotated[str, Field(min_length=1, max_length=2000), AfterValidator(_source_url)] = Field(
        description="rtsp://HOST/PATH, rtsps://, /dev/videoN or a file; a password is written as "
        "${credential:NAME} or ${env:NAME}, here and nowhere else",
        examples=["rtsp://10.0.0.5/stream1"],
    )
    open_timeout_s: float = Field(
        15.0, gt=0, le=600, description="seconds that opening may take, to the first frame"
    )
    stall_s: float = Field(
        10.0,
        gt=0,
        le=600,
        description="seconds without a frame, after which the stream is stalled; 2 more, and the source is opened anew",
    )
    transport: Literal["tcp"] = Field("tcp", description="of RTSP")
    decoder: DecoderName = DECODER
    realtime: bool = Field(False, description="play a file at the pace of its own clock")
    loop: bool = Field(False, description="begin a file again at its end")


class SinkConfig(Encoding):
    """Where redacted frames go; with neither `record` nor `file` nothing is written."""

    record: bool = Field(True, description="into the folder of recordings, in segments")
    file: _VideoFile | None = Field(
        None,
        description="into this one file (.mp4, .m4v, .mov) instead; where there is one, into the next free "
        "of out-2.mp4, out-3.mp4...",
    )
    gop_s: float = Field(
        2.0,
        gt=0,
        le=2,
        description="seconds from one keyframe to the next; what a power cut may cost",
    )


class StreamConfig(StrictModel):
    """One camera or file: where from, where to, what to hide and how often to look."""

    source: SourceConfig = Field(description="where frames come from; a bare URL will do")
    sink: SinkConfig = Field(SinkConfig(), description="where redacted frames go")
    hide: Hiding = Field(Hiding(), description="what to hide, and how")
    look: Looking = Field(Looking(), description="how often the detector looks")
    paused: bool = Field(False, description="true: the source is closed, nothing is recorded")


class ModelConfig(StrictModel):
    """The network that finds what is hidden, one for all streams."""

    bundle: Location | None = Field(
        None,
        description="the bundle, an .sfm; without one, what comes over the air is run, and until "
        "then every frame is covered whole",
        examples=["person.sfm"],
    )
    trust: tuple[Location, ...] = Field(
        (), description="keys, one of which must have signed it", examples=[["office.pub"]]
    )
    allow_unsigned: bool = Field(False, description="run a bundle that nobody has signed")
    workers: int = Field(
        default_factory=usual_workers,
        ge=1,
        le=64,
        description="detections at once, of all streams together; default: one a core, at most 4",
        examples=[2],
    )
    detect_timeout_s: float = Field(
        20.0, gt=0, le=600, description="seconds; a detection that takes longer is a fault"
    )


class FloorConfig(StrictModel):
    """What nothing may fall below."""

    effect: Literal["blur", "pixelate", "auto", "solid"] = Field(
        "pixelate",
        description="the weakest effect that a stream may have; blur = pixelate < auto < solid",
    )


class KeepConfig(StrictModel):
    """How long recordings are kept: whatever limit is reached first, the oldest go. null: no limit."""

    bytes: Size | None = Field(50 << 30, description="of all recordings together")
    days: float | None = Field(7.0, gt=0, le=36500, description="age in days")
    free: Size | None = Field(2 << 30, description="bytes left free on the file system")


class RecordConfig(StrictModel):
    """Where recordings lie, and how long."""

    dir: Location = Field(
        default_factory=_recordings_folder,
        description="folder of recordings, one folder a stream; default: `video` in the service's "
        "state folder",
        examples=[f"{SERVICES_OWN}/video"],
    )
    segment_s: float = Field(
        60.0, ge=1, le=3600, description="seconds of one file; it ends at the next keyframe"
    )
    keep: KeepConfig = Field(KeepConfig(), description="until when; null: no such limit")


class TelemetryConfig(StrictModel):
    """How the device tells how it is."""

    prometheus: _ListenAddress | None = Field(
        "127.0.0.1:9464", description="HOST:PORT where metrics are served; null: nowhere"
    )
    interval_s: float = Field(
        60.0, ge=10, le=3600, description="seconds from one report over MQTT to the next"
    )
    home_assistant: bool = Field(
        False, description="also describe the device over MQTT as Home Assistant wants it"
    )


class UpdateConfig(StrictModel):
    """Where models come from over the air; which of them is told over MQTT."""

    repository: Annotated[
        str, Field(max_length=2000), AfterValidator(_repository), _REPOSITORY_SCHEMA
    ] = Field(
        description="address of the repository that `sfumato ctl repo` makes, https:// or http://",
        examples=["https://models.example/"],
    )
    root: Location = Field(
        description="metadata/root.json of the repository, which says whose signatures count there; "
        "it comes to the device by hand, or with what provisioned it",
        examples=["root.json"],
    )
    probation_s: float = Field(
        600.0,
        gt=0,
        le=86400,
        description="seconds for which a new model is watched; one that hangs, fails, sees nothing, "
        "sees everything or takes twice as long is replaced by the one before",
    )
    window: Annotated[str, Field(pattern=WINDOW_PATTERN)] | None = Field(
        None,
        description="HH:MM-HH:MM, UTC, in which a new model may begin to run, where what tells of it "
        "names no other; null: at any time",
    )


class LimitsConfig(StrictModel):
    """What the agent may take of the machine."""

    outbox: Size = Field(
        256 << 20, description="bytes of events that wait on disk for a broker; the oldest go"
    )
    memory: Size | None = Field(
        None,
        description="bytes of memory; beyond it the agent ends, and is started anew by systemd",
    )


class AgentConfig(StrictModel):
    """All of it."""

    device: DeviceName = Field(
        default_factory=device_name,
        description="the device's name, of a-z, 0-9 and -; default: the host's",
        examples=["gate-7"],
    )
    groups: tuple[GroupName, ...] = Field(
        (),
        description="that the device belongs to, for what is told to many at once",
        examples=[["site-north", "canary"]],
    )
    model: ModelConfig = Field(description="what finds what is hidden, for all streams")
    floor: FloorConfig = Field(FloorConfig(), description="what no stream may fall below")
    streams: dict[StreamName, StreamConfig] = Field(
        min_length=1,
        description="by name, of a-z, 0-9 and -; a name is a folder's and a metric's",
        examples=[{"door": "rtsp://10.0.0.5/stream1"}],
    )
    record: RecordConfig = Field(
        default_factory=RecordConfig, description="the folder of recordings"
    )
    mqtt: MqttConfig | None = Field(
        None,
        description="by which broker the device is reached; a bare host will do; null: by none",
    )
    control: ControlConfig = Field(
        ControlConfig(), description="what the device lets itself be told by it"
    )
    update: UpdateConfig | None = Field(
        None, description="where models come from over the air; null: from nowhere"
    )
    telemetry: TelemetryConfig = Field(
        TelemetryConfig(), description="how the device tells how it is"
    )
    live: LiveConfig | None = Field(
        None,
        description="the streams, redacted, on a page for browsers; live: {} is for those of this "
        "machine, null for nobody. Each stream is then encoded by FFmpeg's x264 on the CPU, once for "
        "all, one picture in and one out, whatever sink.encoder's auto would choose",
    )
    limits: LimitsConfig = Field(LimitsConfig(), description="what the agent may take")


def leaves(
    part: StrictModel, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], object]]:
    """Every setting of a configuration, or of a part of it, with its path; a list is one."""
    for name in type(part).model_fields:
        value = getattr(part, name)
        if isinstance(value, StrictModel):
            yield from leaves(value, (*path, name))
        elif isinstance(value, dict):
            for key, each in value.items():
                yield from leaves(each, (*path, name, key))
        else:
            yield (*path, name), value
