"""Which of a file's video streams is the video, and its rate: one rule for all who read files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence
    from fractions import Fraction

# libavformat's AV_DISPOSITION_*.
_DEFAULT = 1 << 0
_IMPAIRED = 1 << 7 | 1 << 8  # for people who can't hear or see
_NOT_A_VIDEO = 1 << 10 | 1 << 11  # cover art, thumbnails with times

_MAX_RATE = 1000
"""Pictures a second from which on a mean may be the ticks of a clock, as a DV file's is. Chosen, not
measured: high-speed cameras' files are faster, and their guess agrees."""


class VideoStream(Protocol):
    """A stream of pictures, as PyAV gives it.

    Attributes:
        disposition: libavformat's flags.
        bit_rate: bits a second as the file claims, or None; streams that FFmpeg has no decoder for
            don't have it.
    """

    @property
    def disposition(self) -> int: ...  # noqa: D102


class RatedStream(Protocol):
    """A stream of pictures, as PyAV gives it.

    Attributes:
        average_rate: pictures a second, mean over the stream; None where nobody knows.
        guessed_rate: FFmpeg's guess (`av_guess_frame_rate`), likewise.
    """

    @property
    def average_rate(self) -> Fraction | None: ...  # noqa: D102

    @property
    def guessed_rate(self) -> Fraction | None: ...  # noqa: D102


StreamT_co = TypeVar("StreamT_co", bound=VideoStream, covariant=True)


class Streams(Protocol[StreamT_co]):
    """The streams of an open file, as PyAV gives them.

    Attributes:
        video: all that hold pictures, in the file's order.
    """

    @property
    def video(self) -> Sequence[StreamT_co]: ...  # noqa: D102

    def best(self, kind: Literal["video"], /) -> object:
        """FFmpeg's choice (`av_find_best_stream`), one of `video`; None where there is none."""
        ...


def video_stream(streams: Streams[StreamT_co]) -> StreamT_co | None:
    """The stream that FFmpeg calls best, cover art and thumbnails left aside; None without one.

    FFmpeg doesn't leave them aside. Where one of them is its choice, the best of the others is
    found as it would: not for impaired people, marked as default, of the highest bit rate, first
    in the file. (It also counts the pictures that it saw when it opened the file, and doesn't
    tell how many those were.)
    """
    videos = [stream for stream in streams.video if not stream.disposition & _NOT_A_VIDEO]
    best = streams.best("video")
    for stream in videos:
        if stream is best:
            return stream
    return max(videos, key=_rank, default=None)


def frame_rate_of(stream: RatedStream) -> Fraction | None:
    """Pictures a second as the file claims; None where it claims nothing."""
    mean, guess = stream.average_rate or None, stream.guessed_rate or None
    if mean is not None and guess is not None and mean > _MAX_RATE:
        return min(mean, guess)
    return mean or guess


def _rank(stream: VideoStream) -> tuple[int, int]:
    """FFmpeg's order; higher is better."""
    plain = not stream.disposition & _IMPAIRED
    marked = bool(stream.disposition & _DEFAULT)
    return plain + marked, getattr(stream, "bit_rate", None) or 0
