"""Show, Camera: what a live stream is to those who watch it, and to a browser that is its camera."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agent.video.fanout import Fanout

Condition = Literal["connecting", "live", "stale", "reconnecting", "ended", "paused"]
CameraCodec = Literal["h264", "vp8"]


@dataclass(frozen=True, slots=True)
class ShowState:
    """How a stream is at one moment; told to its viewers twice a second.

    Attributes:
        state: what its source does.
        why: what ails it, in words that hold no address; None where nothing does.
        fps: pictures a second, over the last few seconds.
        delay_ms_p50: from a picture's arrival to its packets, in ms; None where no picture came.
        delay_ms_p95: likewise, for the slowest twentieth.
        every: the detector sees each so many-th frame.
        latency: how far it looks ahead, as `--latency` has it.
        hold_back_frames: frames that wait inside for what they need before they may be shown.
        dropped: frames that were never shown, because newer ones had come or they were damaged.
        whole_share: 0 to 1, of the pictures lately those that were covered whole.
        seekable: whether `Seek` can be obeyed.
        position_s: of the last picture, from the beginning of a file; None where there is none.
        duration_s: of a file; None where it has no end.
        last_picture_s: seconds since a picture came out; None before the first.
    """

    state: Condition
    why: str | None
    fps: float
    delay_ms_p50: float | None
    delay_ms_p95: float | None
    every: int
    latency: str
    hold_back_frames: int
    dropped: int
    whole_share: float
    seekable: bool
    position_s: float | None
    duration_s: float | None
    last_picture_s: float | None


@dataclass(frozen=True, slots=True)
class Pause:
    """Show nothing new: a file stands still, a camera's pictures are passed over."""


@dataclass(frozen=True, slots=True)
class Resume:
    """Go on: a file at its next frame, a camera with what it sees now."""


@dataclass(frozen=True, slots=True)
class Step:
    """One frame further, of a file that is paused."""


@dataclass(frozen=True, slots=True)
class Seek:
    """On from the first frame at `to_s` seconds or later."""

    to_s: float


@dataclass(frozen=True, slots=True)
class Key:
    """Begin a group of pictures now: somebody's decoder lost its way."""


Command = Pause | Resume | Step | Seek | Key
"""All that somebody who watches can ask for; none of it names a file or makes an effect weaker."""


class Show(Protocol):
    """A live stream. All of it may be asked from any thread.

    Attributes:
        name: by which viewers choose it.
        fanout: where its pictures come out.
    """

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def fanout(self) -> Fanout: ...  # noqa: D102

    def state(self) -> ShowState:
        """How it is now; answers at once."""
        ...

    def do(self, command: Command) -> str | None:
        """Obey; None once it is done, else why it can't be, in a line.

        May take as long as the command does, and at most a few seconds.
        """
        ...


@dataclass(frozen=True, slots=True)
class CameraHello:
    """What a browser says of the pictures that it will send.

    Attributes:
        codec: H.264 in Annex B, or VP8.
        width: pixels, even, 16 to 1920. What the pictures say of themselves may differ later on.
        height: pixels, even, 16 to 1088.
    """

    codec: CameraCodec
    width: int
    height: int


class Answers(Protocol):
    """What a camera's client is told of the numbers that it sent; from any thread, at once."""

    def taken(self, number: int) -> None:
        """The frame was handed to the analysis: the client may send another."""
        ...

    def dropped(self, numbers: Iterable[int], why: str) -> None:
        """These frames will never be shown."""
        ...

    def want_key(self) -> None:
        """The next picture that the client encodes should be a key: what was sent is of no use."""
        ...


class Camera(Protocol):
    """A stream whose source is a browser; open until `close`.

    Attributes:
        show: what comes out of it.
    """

    @property
    def show(self) -> Show: ...  # noqa: D102

    def push(self, number: int, time_us: int, is_key: bool, data: bytes) -> None:
        """Take a coded picture; never waits. What can't be used is answered by `dropped`."""
        ...

    def number_of(self, pts: int) -> int:
        """The client's number of the frame that the packet at `pts` shows, or 0; never waits.

        Asked of packets in the order in which `show.fanout` gives them, some left out. 0 is for
        pictures that show no frame: a heartbeat's. What it gives rises.
        """
        ...

    def close(self, why: str) -> None:
        """The client has gone; let go of all within a second. Harmless again."""
        ...


class BusyError(Exception):
    """As many cameras are open as may be, or as can be served.

    Attributes:
        clients: so many are.
        limit: so many may.

    Args:
        why: fewer than may are too many, in words.
    """

    def __init__(self, clients: int, limit: int, why: str | None = None) -> None:
        super().__init__(why or f"{clients} of {limit} cameras are open")
        self.clients, self.limit = clients, limit


class Cameras(Protocol):
    """Opens a stream for each browser that wants to be a camera.

    Attributes:
        limit: how many at once.
    """

    @property
    def limit(self) -> int: ...  # noqa: D102

    def open(self, hello: CameraHello, answers: Answers) -> Camera:
        """Open one; may take a second, and is called by several threads.

        Raises:
            BusyError: no place is free, or the machine can't serve more; nothing was opened.
            AgentError: it can't be, as the message says.
        """
        ...
