"""Wire: what a browser and a server of live streams say over one WebSocket, version 1.

Texts are JSON: what a client says is in `agent.live.asked`, and refused unless it is exactly as
described; what a server tells is below, and may grow. Binary messages are pictures behind a header
of 16 bytes, big endian:

    u8 kind, u8 flags (1: a key), u16 0, u32 number, u64 time in µs, payload
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

VERSION = 1
HELLO_BYTES = 4096
"""Of a client's texts: each, the hello included."""
MESSAGE_BYTES = 1 << 20
"""Of anything that a client says. A keyframe of 1920x1080 at the best quality is about half."""

CAMERA = 16
"""Kind of a client's picture: an access unit of H.264 in Annex B with its parameter sets before
each key, or a frame of VP8."""
ANNEX_B = 1
"""Kinds of a server's: an access unit, with parameter sets before each key..."""
FMP4_START = 2
"""...what a fragmented MP4 begins with..."""
FMP4_FRAGMENT = 3
"""...and a fragment of it, one picture each."""

NORMAL = 1000
BAD_MESSAGE = 1007
POLICY = 1008
TOO_BIG = 1009
FAULT = 1011
TRY_LATER = 1013
"""Codes that a connection is closed with (RFC 6455, 7.4.1)."""

_HEADER = struct.Struct(">BBHIQ")
_KEY = 1
_MOST_TIME_US = 2**53
"""What JavaScript counts exactly to; 285 years."""


Why = Literal["busy", "token", "insecure", "stream", "camera", "message", "limit", "ended"]
"""Why a connection is closed: how many cameras there are, or what a client is, or what it said..."""


class WireError(Exception):
    """A connection is to be closed.

    Attributes:
        code: to close it with.
        why: in a word, which the close has for its reason.
        text: in a line, which the client is told before.
    """

    def __init__(self, code: int, text: str, why: Why = "message") -> None:
        super().__init__(text)
        self.code, self.text, self.why = code, text, why


@dataclass(frozen=True, slots=True)
class Picture:
    """A binary message, either way.

    Attributes:
        kind: `CAMERA`, `ANNEX_B`, `FMP4_START` or `FMP4_FRAGMENT`.
        number: a client's own number of the frame, from 1 on; 0 where it is of no client's frame.
        time_us: when the frame was taken, or is to be shown: only differences mean anything.
        is_key: whether decoding can begin here.
        payload: the picture.
    """

    kind: int
    number: int
    time_us: int
    is_key: bool
    payload: bytes

    def __bytes__(self) -> bytes:
        flags = _KEY if self.is_key else 0
        return _HEADER.pack(self.kind, flags, 0, self.number, self.time_us) + self.payload


def picture_of(message: bytes) -> Picture:
    """Read a client's binary message.

    Raises:
        WireError: it is no picture of a camera.
    """
    if len(message) <= _HEADER.size:
        raise WireError(BAD_MESSAGE, f"a picture has {_HEADER.size} bytes of header, and more")
    kind, flags, zero, number, time_us = _HEADER.unpack_from(message)
    if kind != CAMERA or flags & ~_KEY or zero or time_us > _MOST_TIME_US:
        raise WireError(BAD_MESSAGE, "version 1 knows no such header of a camera's picture")
    return Picture(kind, number, time_us, bool(flags), message[_HEADER.size :])


class Told(BaseModel):
    """What a server tells; `str` is its text."""

    model_config = ConfigDict(frozen=True)

    def __str__(self) -> str:
        return self.model_dump_json(by_alias=True)


class Welcome(Told):
    """The hello was taken; what holds from now on."""

    type: Literal["welcome"] = "welcome"
    v: Literal[1] = 1
    streams: list[str] = Field(description="all that can be watched")
    stream: str | None = Field(description="what is shown; null: nothing yet")
    clients: int = Field(description="cameras that are open, this one included")
    limit: int = Field(description="cameras that may be")
    every: int | None
    latency: str | None
    hold_back_ms: float = Field(description="how late a picture is by what it has to wait for")
    most_untaken: int = Field(description="see `agent.live.ledger`, like the next two")
    most_age_ms: float
    most_late_ms: float


class Refused(Told):
    """Why the connection is closed; the last thing said."""

    type: Literal["refused"] = "refused"
    why: Why
    text: str
    clients: int | None = Field(default=None, description="cameras that are open, where it is busy")
    limit: int | None = Field(
        default=None, description="that may be; where fewer are open, no more can be served"
    )


class StreamStarted(Told):
    """The pictures that follow need a new decoder."""

    type: Literal["started"] = "started"
    codec: str = Field(description="as RFC 6381 has it: avc1.42C01E")
    width: int
    height: int
    aspect: float = Field(description="width of a pixel over its height")


class Taken(Told):
    """A number was handed to the analysis, and no longer counts as untaken."""

    type: Literal["taken"] = "taken"
    number: int


class Dropped(Told):
    """Numbers that no picture will come of."""

    type: Literal["dropped"] = "dropped"
    numbers: list[int]
    why: str


class KeyWanted(Told):
    """The camera's next picture must be a key."""

    type: Literal["key"] = "key"


class Seen(Told):
    """Something that a picture hides."""

    track: int
    label: str
    box: tuple[float, float, float, float] = Field(
        description="left, top, right, bottom, in parts of width and height, 0 to 1"
    )


class Objects(Told):
    """What the picture before this hides, for labels over it."""

    type: Literal["objects"] = "objects"
    pts_us: int
    number: int = 0
    objects: list[Seen]
    whole: str | None = Field(default=None, description="why all of it is covered, where it is")


class StateTold(Told):
    """How the stream is: the fields of `agent.live.show.ShowState`, see there; twice a second."""

    model_config = ConfigDict(extra="allow", frozen=True)

    type: Literal["state"] = "state"
    most_late_ms: float = Field(description="as in the welcome, by what holds now")


class Done(Told):
    """A command was obeyed, or why not."""

    type: Literal["done"] = "done"
    id: int
    error: str | None = None
