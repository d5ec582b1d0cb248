"""RedactedFrame: the only thing that an encoder takes, and only the redactor makes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn, final

if TYPE_CHECKING:
    from fractions import Fraction

    from agent.frames.frame import Colour, Frame, Planes

_SEAL = object()


@final
class RedactedFrame:
    """A picture that may be shown: planes we own, and the time of the frame they came from.

    Attributes:
        planes: I420 or NV12, uint8, packed one after another in one buffer.
        whole: why the whole picture is hidden, or None where only objects are.

    Raises:
        TypeError: when anything but the redactor constructs one, or derives from it.
        AttributeError: when anything is assigned to it.
    """

    __slots__ = ("colour", "duration", "index", "planes", "pts", "time_base", "whole")

    planes: Planes
    index: int
    pts: int
    duration: int
    time_base: Fraction
    colour: Colour
    whole: str | None

    def __init__(
        self, seal: object, frame: Frame, planes: Planes, whole: str | None = None
    ) -> None:
        if seal is not _SEAL:
            raise TypeError("only agent.redact makes a RedactedFrame")
        values = {
            "planes": planes,
            "index": frame.index,
            "pts": frame.pts,
            "duration": frame.duration,
            "time_base": frame.time_base,
            "colour": frame.colour,
            "whole": whole,
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def __init_subclass__(cls) -> NoReturn:
        raise TypeError("RedactedFrame has no kinds: a sink must be able to trust the type")

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"a RedactedFrame can't be changed: {name}")

    @property
    def size(self) -> tuple[int, int]:
        """Width, height in pixels."""
        height, width = self.planes[0].shape
        return width, height
