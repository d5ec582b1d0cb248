"""PictureDecoder: what a source has its pictures from, whatever decodes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

    from agent.video.decoder import Mark


class PictureDecoder(Protocol):
    """Pictures in order of presentation, each of one moment, with what is known of them.

    Attributes:
        name: what decodes, for a report.
        damaged: packets and pictures that were skipped so far because they are damaged.
        deinterlaced: pictures so far that showed two moments.
        copied_s: seconds in which pictures were copied to where they can be read so far.
    """

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def damaged(self) -> int: ...  # noqa: D102

    @property
    def deinterlaced(self) -> int: ...  # noqa: D102

    @property
    def copied_s(self) -> float: ...  # noqa: D102

    def preview(self) -> tuple[VideoFrame, Mark] | None:
        """What describes the pictures to come; None when the stream has ended.

        Raises:
            InputError: the decoder has failed.
        """
        ...

    def peek(self) -> tuple[VideoFrame, Mark] | None:
        """The picture that comes next; None when the stream has ended.

        Raises:
            InputError: the decoder has failed.
        """
        ...

    def take(self) -> tuple[VideoFrame, Mark] | None:
        """The next picture; None when the stream has ended.

        Raises:
            InputError: the decoder has failed.
        """
        ...

    def close(self) -> None:
        """Decode no more."""
        ...
