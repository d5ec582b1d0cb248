"""Chain: the elements through which coded pictures become planes in main memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.frames.encoded import Codec


@dataclass(frozen=True, slots=True)
class Chain:
    """A parser, a decoder and what brings its pictures into main memory, by GStreamer's names.

    Attributes:
        codec: what goes in.
        decoder: the element that decodes, which names the chain.
        converters: elements behind it, in order.
        in_hardware: whether it is a decoder of the GPU's.
    """

    codec: Codec
    decoder: str
    converters: tuple[str, ...]
    in_hardware: bool

    @property
    def parser(self) -> str:
        """The element before the decoder."""
        return f"{_NAMES[self.codec]}parse"

    @property
    def caps(self) -> str:
        """What goes in: one picture a buffer, with start codes."""
        return f"video/x-{_NAMES[self.codec]},stream-format=byte-stream,alignment=au"

    @property
    def elements(self) -> tuple[str, ...]:
        """All that have to be installed."""
        return self.parser, self.decoder, *self.converters

    @property
    def description(self) -> str:
        """The pipeline, as `gst-launch-1.0` takes it; its ends are called `in` and `out`.

        Planes of a decoder in software come as they are; one of hardware writes NV12 by itself.
        """
        layouts = "NV12" if self.in_hardware else "{NV12,I420}"
        between = " ! ".join(f"{name}{_SETTINGS.get(name, '')}" for name in self.elements)
        return (
            f"appsrc name=in format=time max-bytes=0 ! {between} ! "
            f"video/x-raw,format=(string){layouts} ! "
            "appsink name=out sync=false max-buffers=4 enable-last-sample=false"
        )

    def __str__(self) -> str:
        return " ! ".join((self.decoder, *self.converters))


_NAMES: dict[Codec, str] = {"h264": "h264", "hevc": "h265"}

_SETTINGS = {
    # As many as PyAV takes: with more, damaged pictures come out before it is known that they are.
    "avdec_h264": " max-threads=1",
    "avdec_h265": " max-threads=1",
    "videoconvert": " dither=none",  # of ten bits, as FFmpeg
}


def chains(codec: Codec) -> tuple[Chain, ...]:
    """All that may decode `codec`, the best first; which of them does, a trial says."""
    name = _NAMES[codec]
    return (
        Chain(codec, "nvv4l2decoder", ("nvvidconv",), in_hardware=True),
        Chain(codec, f"nv{name}dec", ("cudaconvert", "cudadownload"), in_hardware=True),
        Chain(codec, f"nv{name}dec", ("videoconvert",), in_hardware=True),
        Chain(codec, f"avdec_{name}", ("videoconvert",), in_hardware=False),
    )
