"""Encoders: who encodes pictures, of those that were asked for and that can."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agent.errors import InputError, OutputError
from agent.video.driver import is_usual
from agent.video.encoder_context import coded_rate
from agent.video.encoder_picture import EncoderPicture
from agent.video.encoder_trial import encoder_tried
from agent.video.gstreamer.coder import GstCoder
from agent.video.gstreamer.encoder_chain import encoder_chains
from agent.video.gstreamer.installed import versions_of
from agent.video.gstreamer.library import gst
from agent.video.verdicts import Verdict, Verdicts, key_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from fractions import Fraction

    from agent.frames.encoded import Codec
    from agent.frames.encoder_name import EncoderName
    from agent.frames.stream_info import StreamInfo
    from agent.video.coder import Coder
    from agent.video.gstreamer.encoder_chain import EncoderChain

_log = logging.getLogger(__name__)

_trying = threading.Lock()
"""Streams that begin together wait for one trial instead of making each its own."""


@dataclass(frozen=True, slots=True)
class Encoders:
    """Chooses: `auto` takes a GPU's encoder where one passes its trial, else FFmpeg's on the CPU.

    What is asked for by name encodes, or nothing does.

    Args:
        asked: for what.
        verdicts: of trials.
    """

    asked: EncoderName = "pyav"
    verdicts: Verdicts = field(default_factory=lambda: Verdicts(None))

    def coder_for(
        self, info: StreamInfo, time_base: Fraction, codec: Codec, crf: int
    ) -> Coder | None:
        """What encodes pictures of a source; None for FFmpeg's encoder.

        Args:
            time_base: seconds a tick of their times.

        Raises:
            OutputError: nothing of what was asked for can.
        """
        if is_usual(self.asked):
            return None
        reasons: list[str] = []
        for chain in self._chains(codec, reasons):
            with _trying:
                verdict = self._verdict(chain, info)
            if verdict.failure is None:
                rate, aspect = coded_rate(info), info.sample_aspect_ratio
                return GstCoder(chain, time_base, rate, aspect, crf)
            reasons.append(f"{chain}: {verdict.failure}")
        why = "; ".join(reasons)
        if self.asked != "auto":
            raise OutputError(f"can't be encoded by {self.asked}: {why}; --encoder pyav can")
        _log.info("encoded by FFmpeg on the CPU: %s", why)
        return None

    def _chains(self, codec: Codec, reasons: list[str]) -> Iterator[EncoderChain]:
        try:
            gst()
        except InputError as error:
            reasons.append(str(error))
            return
        for chain in encoder_chains(codec):
            if chain.in_hardware or self.asked == "gstreamer":
                yield chain

    def _verdict(self, chain: EncoderChain, info: StreamInfo) -> Verdict:
        try:
            versions = versions_of(chain.elements)
        except InputError as error:
            return Verdict(str(error))
        interleaved = chain.codec == "h264"
        picture = EncoderPicture.around((info.width, info.height), interleaved=interleaved)
        size = picture.width, picture.height
        key = key_of(f"to {chain}", versions, picture.pixel_format, size)
        known = self.verdicts.get(key)
        if known is not None:
            return known
        self.verdicts.begin(key)
        verdict = encoder_tried(str(chain), chain.codec, size, interleaved=interleaved)
        self.verdicts.end(key, verdict)
        return verdict
