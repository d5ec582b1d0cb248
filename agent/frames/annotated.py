"""AnnotatedFrame: a picture with boxes drawn in, for tuning; it hides nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn, final

if TYPE_CHECKING:
    from fractions import Fraction

    from agent.frames.frame import Colour, Frame, Planes

_SEAL = object()


@final
class AnnotatedFrame:
    """A picture that may NOT be shown: an ordinary encoder refuses it.

    Attributes:
        planes: I420 or NV12, uint8, packed one after another in one buffer.
        whole: why the whole picture is hidden, or None where it shows what the camera saw.

    Raises:
        TypeError: when anything but the annotator constructs one, or derives from it.
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
            raise TypeError("only agent.redact makes an AnnotatedFrame")
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
        raise TypeError("AnnotatedFrame has no kinds: an encoder must be able to trust the type")

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"an AnnotatedFrame can't be changed: {name}")

    @property
    def size(self) -> tuple[int, int]:
        """Width, height in pixels."""
        height, width = self.planes[0].shape
        return width, height
