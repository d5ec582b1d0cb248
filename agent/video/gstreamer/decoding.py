"""A chain at work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.errors import InputError
from agent.video.gstreamer.pipeline import GstPipeline

if TYPE_CHECKING:
    from agent.video.gstreamer.chain import Chain


def decoding(chain: Chain) -> GstPipeline:
    """A pipeline that decodes.

    Raises:
        InputError: it can't be built, or doesn't start.
    """
    return GstPipeline(chain.description, chain.caps, chain.decoder, InputError)
