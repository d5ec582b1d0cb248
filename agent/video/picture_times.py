"""PictureTimes: when each picture of a video stream is shown, and for how long."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from agent.video.timestamps import DecodeTimes, Timestamps
from models.video_stream import frame_rate_of

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_USUAL_RATE = Fraction(25)
"""Frames a second where a stream claims nothing, as libav assumes for raw streams."""
_MAX_STEP_BACK_S = Fraction(1, 10)
"""Times that fall back by more than this, and by more than two pictures, were restarted; by less,
two frames share one. Chosen, not measured; FFmpeg's for transport streams."""
_DECODE_TIMES_ONLY = frozenset({"avi"})
"""Containers that don't store when a picture is shown; what libav makes up for them is in no order
where there are B-frames of B-frames."""


class PictureTimes:
    """Times of a stream's pictures, in its own ticks, on their way through the decoder.

    Args:
        start: seconds that were taken from the times of all packets.

    Attributes:
        time_base: seconds a tick.
    """

    def __init__(self, container: InputContainer, stream: VideoStream, start: Fraction) -> None:
        rate = frame_rate_of(stream) or _USUAL_RATE
        self.time_base = stream.time_base or 1 / rate
        self._timestamps = Timestamps(
            step=round(1 / (rate * self.time_base)),
            max_step_back=round(max(_MAX_STEP_BACK_S, 2 / rate) / self.time_base),
        )
        self._decode_times = DecodeTimes() if container.format.name in _DECODE_TIMES_ONLY else None
        self._ends_at: int | None = None
        if "mp4" in container.format.name and stream.duration is not None:
            # Its durations are steps from one decoding time to the next, so the last picture may
            # have any of them where pictures are reordered.
            ticks = (stream.start_time or 0) + stream.duration
            self._ends_at = ticks - round(start / self.time_base)

    @property
    def tell_order(self) -> bool:
        """Whether packets know when their pictures are shown, and so in which order."""
        return self._decode_times is None

    @property
    def repaired(self) -> int:
        """Pictures whose own time could not be used so far."""
        return self._timestamps.repaired

    def begin_again(self) -> None:
        """What was fed is fed once more, to another decoder."""
        if self._decode_times is not None:
            self._decode_times = DecodeTimes()

    def fed(self, packet: Packet[VideoStream]) -> None:
        """A packet goes to the decoder."""
        if self._decode_times is not None and packet.dts is not None:
            self._decode_times.fed(packet.dts)

    def lost(self, packet: Packet[VideoStream] | None) -> None:
        """The decoder could make nothing of it."""
        if self._decode_times is not None and packet is not None and packet.dts is not None:
            self._decode_times.lost(packet.dts)

    def decoded(self, picture: VideoFrame) -> None:
        """Write into the picture that comes next out of the decoder what is known of its time."""
        if self._decode_times is not None:
            picture.pts = self._decode_times.next_pts()
        elif picture.pts is None:
            picture.pts = picture.dts

    def given(self, picture: VideoFrame) -> tuple[int, int]:
        """The time of the next picture that is given out, and for how long it is the last one.

        The latter is 0 where nobody knows.
        """
        duration = picture.duration or 0
        if self._ends_at is not None and picture.pts is not None:
            duration = max(0, min(duration, self._ends_at - picture.pts))
        return self._timestamps.next_pts(picture.pts, picture.duration), duration
