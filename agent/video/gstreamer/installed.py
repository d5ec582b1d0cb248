"""Which elements of GStreamer's are installed, and of what version."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.errors import InputError
from agent.video.gstreamer.library import gst

if TYPE_CHECKING:
    from collections.abc import Sequence


def versions_of(elements: Sequence[str]) -> list[str]:
    """Each element with its plugin's version, and GStreamer's own.

    Raises:
        InputError: one is not installed, or GStreamer is not.
    """
    library = gst()
    versions = [library.version_string()]
    for name in elements:
        factory = library.ElementFactory.find(name)
        if factory is None:
            raise InputError(f"{name} is not installed")
        plugin = factory.get_plugin()
        versions.append(f"{name} {plugin.get_version() if plugin else ''}")
    return versions
