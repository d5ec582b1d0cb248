"""Settings: what to hide and how, how often to look, how to encode; `blur` takes all in one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, field_validator

from agent.errors import UsageError
from agent.frames.decoder_name import DecoderName  # noqa: TC001 pydantic reads the annotations
from agent.frames.encoder_name import EncoderName  # noqa: TC001 likewise
from agent.pipeline.rhythm import EVEN_GAP, MAX_EVERY, MAX_GAP_S, checked_every
from agent.redact.effect import Effect
from models.cores import usable_cores
from models.strict_model import StrictModel

if TYPE_CHECKING:
    from fractions import Fraction


def usual_workers() -> int:
    """One for each core that this process may use, but no more than four."""
    return min(usable_cores(), 4)


def interval_of(settings: Looking, frame_rate: Fraction | None) -> int:
    """Frames from one detection to the next, at most, at a steady rate where one is known."""
    asked = settings.max_every if settings.every == "auto" else settings.every
    if frame_rate is None:
        return asked
    most = settings.max_gap_s * float(frame_rate)
    return max(1, min(asked, int(most) + 1, int(EVEN_GAP * most)))


class Hiding(StrictModel):
    """What to hide, and how."""

    classes: tuple[str, ...] = Field(
        (), description="class names to hide; empty: all that the bundle offers"
    )
    conf: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="score from which an object is hidden; without one, the bundle's",
    )
    effect: str = Field(
        "auto",
        description="auto, blur, pixelate, solid or solid:RRGGBB; auto is solid for what can be "
        "read and for what is small, and blur for the rest",
        json_schema_extra={"pattern": "^(auto|blur|pixelate|solid(:[0-9a-fA-F]{6})?)$"},
    )
    shape: Literal["mask", "box"] = Field("mask", description="of what is hidden")
    margin: float = Field(
        0.0,
        ge=0,
        le=0.5,
        description="extra growth of covers, share of the object's longer side; "
        "5 % would hide three times as much background, and the outline itself lies outwards",
    )

    @field_validator("effect")
    @classmethod
    def _is_known(cls, effect: str) -> str:
        try:
            return str(Effect.parse(effect))
        except UsageError as error:
            raise ValueError(str(error)) from error


class Looking(StrictModel):
    """How often the detector looks, and whether frames wait for it."""

    every: int | Literal["auto"] = Field(
        5,
        description="the detector sees every Nth frame",
        json_schema_extra={"minimum": 1, "maximum": MAX_EVERY},
    )
    max_every: int = Field(
        6, ge=1, le=MAX_EVERY, description="the furthest apart that `auto` puts keyframes"
    )
    max_gap_s: float = Field(
        MAX_GAP_S,
        gt=0,
        le=60,
        description="seconds; a frame that comes later than this after the last look is looked at",
    )
    latency: Literal["auto", "normal", "short", "low"] = Field(
        "auto",
        description="what a frame waits for. short: two looks; normal: more of them, so that all "
        "workers stay busy; low: none, and covers grow instead; auto: short for a camera, normal "
        "for a file",
    )

    def latency_of(self, *, live: bool) -> Literal["normal", "short", "low"]:
        """What `auto` means for a source that can't be told to wait, and for one that can."""
        if self.latency == "auto":
            return "short" if live else "normal"
        return self.latency

    @field_validator("every")
    @classmethod
    def _at_least_one(cls, every: int | Literal["auto"]) -> int | Literal["auto"]:
        try:
            return checked_every(every)
        except UsageError as error:
            raise ValueError(str(error)) from error


class Encoding(StrictModel):
    """How pictures are encoded."""

    codec: Literal["h264", "hevc"] = Field("h264", description="what to encode to")
    crf: int = Field(23, ge=0, le=51, description="constant rate factor, lower is better")
    preset: str = Field("veryfast", pattern=r"^[a-z]{4,16}$", description="of pyav's encoder")
    encoder: EncoderName = Field(
        "auto",
        description="what encodes: FFmpeg on the CPU (pyav), or GStreamer; auto: hardware where it "
        "passes its trial, else pyav. Hardware keeps the quantizer constant at crf",
    )


DECODER: Any = Field(
    "auto",
    description="what decodes: FFmpeg on the CPU (pyav) or on a GPU (pyav-cuda), or GStreamer; auto: "
    "hardware for cameras on RTSP where it passes its trial, else pyav, which alone leaves out "
    "damaged pictures that a decoder has filled in by a guess",
)
"""Of `blur` and of a service's sources."""


class BlurSettings(Hiding, Looking, Encoding):
    """How to hide, what to hide, how often to look, how to encode, and what else a run needs."""

    latency: Literal["normal", "short", "low"] = Field(
        "normal", description="likewise; a file has time"
    )

    decoder: DecoderName = DECODER

    audio: Literal["drop", "copy"] = Field("drop", description="a voice identifies people too")
    workers: int = Field(
        default_factory=usual_workers,
        ge=1,
        le=64,
        description="detections that run at once, one core and about 100 MB each",
    )
    detect_timeout_s: float = Field(
        20.0, gt=0, le=600, description="a detection that takes longer is a fault"
    )
