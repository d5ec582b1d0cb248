"""Messages: what is said over MQTT, a model each; `agent.control.topics` says where.

What carries authority (commands, desired state) is refused unless it is exactly as described. What
only tells something may hold more than is known here, for a newer device may tell more.
Times are Unix seconds (`ts`), null where the device's clock was not yet set; `mono_ms` are
milliseconds since boot.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, StringConstraints

from models.strict_model import StrictModel

DEVICE_PATTERN = r"^[a-z0-9-]{1,64}$"
WINDOW_PATTERN = r"^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$"
ID_PATTERN = r"^[A-Za-z0-9_-]{1,64}$"

MessageId = Annotated[str, StringConstraints(pattern=ID_PATTERN)]
"""Of a command, and so a part of the topic of its result."""
Name = Annotated[str, StringConstraints(pattern=DEVICE_PATTERN)]
"""Of a device, a group or a stream."""
Short = Annotated[str, StringConstraints(max_length=500)]
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""SHA-256, hexadecimal."""
Scalar = bool | int | Annotated[float, Field(allow_inf_nan=False)] | Short | None


def _finite(value: JsonValue) -> JsonValue:
    """A value as it is: `allow_inf_nan` is not asked where anything may stand (pydantic 2.14)."""
    rest = [value]
    while rest:
        part = rest.pop()
        if isinstance(part, float) and not math.isfinite(part):
            raise ValueError("should hold finite numbers only")
        if isinstance(part, dict | list):
            rest += part.values() if isinstance(part, dict) else part
    return value


Json = Annotated[JsonValue, AfterValidator(_finite)]
"""Whatever JSON can say; Python's reader and pydantic's would let NaN and 1e999 pass, too."""

MAX_TTL_S = 7 * 86400.0
"""A week: as long as a broker keeps the session of a device that is away, by default."""
MAX_AHEAD_S = 300.0
"""Clocks of devices and operators may differ by this much. Chosen, not measured: Kerberos' limit.
A command from further ahead could be given again after it was forgotten, and is refused."""
MAX_REV = MAX_SEQ = 2**53
"""What every reader of JSON can hold."""

ErrorCode = Literal[
    "invalid_schema",
    "unsupported_version",
    "unknown_op",
    "unauthorised",
    "expired",
    "conflict",
    "not_found",
    "busy",
    "precondition_failed",
    "stale",
    "too_large",
    "timeout",
    "interrupted",
    "internal",
]
RETRYABLE: frozenset[ErrorCode] = frozenset({"busy", "stale", "timeout", "interrupted"})
"""Those after which the same command, under another id, may do."""

ModelState = Literal[
    "idle",
    "fetching",
    "staged",
    "testing",
    "active",
    "committed",
    "failed",
    "rolled_back",
    "superseded",
]
"""Of a change of model, in the order in which it goes through them; the last four are ends."""

EventKind = Literal[
    "boot",
    "stream",
    "track",
    "cover",
    "config",
    "model",
    "command_expired",
    "twin",
    "drop",
    "disk",
    "throttle",
]


class Told(BaseModel):
    """What a device tells; a reader passes over what it doesn't know."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)

    v: Literal[1] = 1


class Ordered(StrictModel):
    """What a device is told to do; refused unless it is exactly this."""

    v: Literal[1]


class Conn(Told):
    """Whether a device is there; also its last will, with `online` false and `lost`."""

    online: bool
    boot_id: MessageId = Field(description="names one start of the agent")
    reason: Literal["start", "clean", "lost", "twin"] = Field(
        description="started or connected again, ended, vanished, or another device has this name"
    )
    ts: float | None
    clock_synced: bool
    epoch: MessageId | None = Field(None, description="names the memory that `seq` counts in")
    seq: int | None = Field(
        None,
        ge=1,
        le=MAX_SEQ,
        description="number of the newest event that is written down; null before there is one, "
        "and in a will",
    )


class ModelInfo(Told):
    """Which network runs."""

    name: Short
    version: int
    digest: Short = Field(description="SHA-256 of the network's file, as in the manifest")
    precision: Short
    runtime: Short
    bundle: Digest | None = Field(
        None, description="SHA-256 of the bundle's manifest, the name of exactly this bundle"
    )


class Info(Told):
    """What a device is."""

    agent: Short = Field(description="version of Sfumato")
    schema_digest: Digest = Field(description="of the JSON Schemas of all messages that it knows")
    hardware: Short
    l4t: Short | None = Field(description="release of Jetson Linux; null elsewhere")
    model: ModelInfo | None
    candidates: dict[Short, Short] = Field(
        default_factory=dict,
        max_length=16,
        description="by precision and runtime, what became of each of the bundle's files: whether "
        "it may run here, and how fast; by runtime alone, why it is not here; cut short, and whole "
        "in the log",
    )
    ops: dict[str, Digest] = Field(
        description="commands that it takes, each with the digest of its arguments' JSON Schema"
    )
    signed: bool = Field(description="whether operators' commands have to be signed")
    certificate_end: float | None = Field(description="Unix time at which its certificate expires")
    certificate_warning: Short | None = Field(
        None, description="what to do about it, from 30 days before"
    )
    groups: tuple[Name, ...]


class StreamState(Told):
    """How a stream is."""

    state: Literal["starting", "running", "stalled", "reconnecting", "paused", "ended", "failed"]
    reason: Short
    since: float | None
    size: tuple[int, int] | None = Field(description="width, height in pixels")
    rate: float | None = Field(description="frames per second, as its source says")
    model: Short | None = Field(description="name and version")
    covered: bool = Field(description="whether its last frame was covered whole")


class Streams(Told):
    """How all streams of a device are."""

    streams: dict[str, StreamState]


class ConfigDesired(Ordered):
    """What a device's configuration shall be, over its own file; a section is given whole."""

    device: Name | None = Field(None, description="has to be given where the message is signed")
    rev: int = Field(ge=1, le=MAX_REV, description="counts up")
    streams: dict[str, Json] | None = None
    telemetry: dict[str, Json] | None = None
    update: dict[str, Json] | None = None


class Override(Told):
    """What a command set, over any configuration."""

    stream: Name
    paused: bool
    until: float | None = Field(description="Unix time; null: until it is resumed")


class ConfigReported(Told):
    """Which configuration a device runs by."""

    rev: int = Field(ge=0, description="of the desired one that was looked at last; 0: none yet")
    applied: bool = Field(description="whether the device runs by it; else see `errors`")
    digest: Digest = Field(description="of the configuration in full, without secrets")
    errors: dict[str, Short] = Field(description="what is wrong, by key")
    overrides: tuple[Override, ...]
    needs_restart: tuple[Short, ...] = Field(description="keys that change at the next start only")


class ModelDesired(Ordered):
    """Which model a device shall run."""

    device: Name | None = None
    rev: int = Field(ge=1, le=MAX_REV)
    name: Short
    version: int = Field(ge=1, le=MAX_REV)
    digest: Digest = Field(description="SHA-256 of the bundle's manifest")
    window: Annotated[str, StringConstraints(pattern=WINDOW_PATTERN)] | None = Field(
        None, description="HH:MM-HH:MM, UTC, in which a device may switch to it; null: at any time"
    )


class GroupModelDesired(ModelDesired):
    """Which model a share of a group's devices shall run."""

    percent: float = Field(ge=0, le=100, description="of the devices that there may be")
    salt: Short = Field(description="decides which; see agent.control.selection")


class ModelReported(Told):
    """Which model a device runs, and how far a change of it has got."""

    rev: int = Field(ge=0, description="of what it was told last; 0: nothing yet")
    group: Name | None = Field(None, description="that it was told for; null: for itself")
    name: Short | None = Field(None, description="of the bundle that it was told to run")
    version: int | None = Field(None, description="likewise")
    digest: Digest | None = Field(None, description="likewise")
    state: ModelState
    progress: float = Field(ge=0, le=1)
    reason: Short
    active: ModelInfo | None
    previous: ModelInfo | None
    refused: tuple[Short, ...] = Field(description="digests that it will not run again")


class Authority(StrictModel):
    """What a signed command is bound to, so that it can't be sent to another device or op."""

    device: Name
    op: Short


class Command(Ordered):
    """Something to be done once; the op stands in the topic."""

    id: MessageId
    args: dict[str, Json] = Field(default_factory=dict)
    ts: float | None = Field(None, description="Unix time at which it was sent")
    ttl_s: float = Field(
        60.0, gt=0, le=MAX_TTL_S, description="seconds from then on in which it may begin"
    )
    auth: Authority | None = Field(None, description="has to be given where it is signed")


class CommandError(Told):
    """Why a command was not done."""

    code: ErrorCode
    message: Short
    detail: Short | None = None
    retryable: bool


class Result(Told):
    """What became of a command; `accepted` is followed by one of the others."""

    id: MessageId
    op: Short
    state: Literal["accepted", "done", "failed"]
    result: dict[str, Json] | None = None
    error: CommandError | None = None


class StreamTele(Told):
    """A stream in numbers; counts are since the agent began."""

    state: Short
    frames_in: int
    frames_out: int
    dropped: int
    damaged: int
    detections: int
    objects: int
    whole: dict[str, int] = Field(description="frames that were covered whole, by reason")
    last_frame_age_s: float | None
    reconnections: int


class ControlTele(Told):
    """The control plane in numbers; counts are since the agent began."""

    queued: int = Field(description="events that no broker has acknowledged yet")
    queued_bytes: int
    dropped: int = Field(description="events that were lost: too many, or the disk is full")
    unheard: int = Field(description="messages that the broker took while nobody subscribed")
    refused: dict[str, int] = Field(description="inbound messages that got no answer, by reason")
    reconnections: int


class Tele(Told):
    """How a device is, in numbers, once a minute."""

    ts: float | None
    boot_id: MessageId
    uptime_s: float
    streams: dict[str, StreamTele]
    control: ControlTele
    celsius: dict[str, float]
    watts: dict[str, float] = Field(
        default_factory=dict, description="power by rail, as the board names it"
    )
    throttled: dict[str, bool]
    power_mode: Short | None
    recordings_bytes: int | None
    free_bytes: int | None
    resident_bytes: int | None


class Event(Told):
    """Something that happened; `epoch` and `seq` tell whether one is missing."""

    id: MessageId
    epoch: MessageId = Field(description="names the memory that `seq` counts in")
    seq: int = Field(ge=1)
    boot_id: MessageId
    mono_ms: int = Field(description="milliseconds since the machine's boot")
    ts: float | None
    clock_synced: bool = Field(description="whether the clock was set when this was sent")
    data: dict[str, Scalar]


class Signed(StrictModel):
    """A message with the signature of an operator's key over `body` exactly as it stands."""

    body: str
    sig: Annotated[str, StringConstraints(max_length=300)] = Field(
        description="sfumato-ed25519 <base64 of 64 bytes> <key id>"
    )
