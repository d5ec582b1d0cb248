"""EncoderChain: the elements through which planes in main memory become coded pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.frames.encoded import Codec

_NAMES: dict[Codec, str] = {"h264": "h264", "hevc": "h265"}

_NEVER = "1000000"
"""Pictures after which an encoder would begin a group by itself: we say where one begins."""


@dataclass(frozen=True, slots=True)
class EncoderChain:
    """What brings pictures to an encoder, and the encoder, by GStreamer's names.

    Attributes:
        codec: what comes out.
        encoder: the element that encodes, which names the chain.
        before: elements and caps before it, in order.
        in_hardware: whether it is an encoder of the GPU's.
    """

    codec: Codec
    encoder: str
    before: tuple[str, ...]
    in_hardware: bool

    @property
    def elements(self) -> tuple[str, ...]:
        """All that have to be installed."""
        between = tuple(each for each in self.before if "/" not in each)
        return (*between, self.encoder, f"{_NAMES[self.codec]}parse")

    @property
    def description(self) -> str:
        """The pipeline, as `gst-launch-1.0` takes it; its ends are called `in` and `out`."""
        name = _NAMES[self.codec]
        return (
            f"appsrc name=in format=time max-bytes=0 ! {' ! '.join(self.before)} ! "
            f"{self.encoder} name=work ! {name}parse ! "
            f"video/x-{name},stream-format=byte-stream,alignment=au ! "
            "appsink name=out sync=false enable-last-sample=false"
        )

    def settings(self, crf: int) -> dict[str, str]:
        """Properties of the encoder: one quality throughout, and no picture before its turn.

        Encoders in hardware know no constant rate factor; their constant quantizer is what comes
        closest, for somewhat more bytes.
        """
        quality = str(crf)
        return {
            # x264enc
            "pass": "qual",
            "quantizer": quality,
            "speed-preset": "veryfast",
            "tune": "zerolatency",
            "bframes": "0",
            "key-int-max": _NEVER,
            # nvh264enc, nvh265enc
            "rc-mode": "constqp",
            "qp-const": quality,
            "gop-size": "-1",
            "zerolatency": "true",
            # nvv4l2h264enc, nvv4l2h265enc
            "ratecontrol-enable": "false",
            "quant-i-frames": quality,
            "quant-p-frames": quality,
            "num-B-Frames": "0",
            "iframeinterval": _NEVER,
            "idrinterval": _NEVER,
            "insert-sps-pps": "true",
        }

    def __str__(self) -> str:
        return self.encoder


def encoder_chains(codec: Codec) -> tuple[EncoderChain, ...]:
    """All that may encode to `codec`, the best first; which of them does, a trial says."""
    name = _NAMES[codec]
    on_device = "nvvidconv", "video/x-raw(memory:NVMM),format=NV12"
    return (
        EncoderChain(codec, f"nvv4l2{name}enc", on_device, in_hardware=True),
        EncoderChain(codec, f"nv{name}enc", ("videoconvert",), in_hardware=True),
        EncoderChain(codec, f"x{name[1:]}enc", ("videoconvert",), in_hardware=False),
    )
