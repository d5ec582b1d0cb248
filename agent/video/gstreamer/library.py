"""GStreamer's Python bindings, loaded when they are first asked for."""

from __future__ import annotations

import ctypes
import os
from contextlib import suppress
from functools import cache
from typing import Any

from agent.errors import InputError

PACKAGES = "python3-gi python3-gst-1.0 gir1.2-gst-plugins-base-1.0"
"""Of Debian and Ubuntu. Without the second, each picture is copied twice."""


@cache
def gst() -> Any:
    """The namespace `Gst`, ready.

    Raises:
        InputError: the bindings are missing, or don't fit this Python.
    """
    return _loaded("Gst")


@cache
def gst_video() -> Any:
    """The namespace `GstVideo`.

    Raises:
        InputError: as `gst`.
    """
    gst()
    return _loaded("GstVideo")


def _loaded(namespace: str) -> Any:
    with suppress(OSError):
        # Bindings make all that GStreamer links to visible to all, libunwind among it, which would
        # then unwind the C++ exceptions of whatever is loaded later, and crash in them. The
        # compiler's own has to be found first.
        ctypes.CDLL("libgcc_s.so.1", ctypes.RTLD_GLOBAL)
    try:
        import gi  # noqa: PLC0415 nobody needs it who doesn't ask for GStreamer

        gi.require_version("Gst", "1.0")
        gi.require_version("GstApp", "1.0")
        gi.require_version("GstVideo", "1.0")
        from gi.repository import Gst, GstApp, GstVideo  # noqa: F401, PLC0415 appsink's methods
    except (ImportError, ValueError) as error:
        raise InputError(
            f"GStreamer's Python bindings are not to be had here ({error}): sudo apt-get install "
            f"{PACKAGES}, and make the environment with: python3 -m venv --system-site-packages"
        ) from error
    if not Gst.is_initialized():
        # A service has no home, in which GStreamer would remember what its plugins are.
        if folder := os.environ.get("CACHE_DIRECTORY"):
            os.environ.setdefault("GST_REGISTRY", f"{folder.partition(':')[0]}/gstreamer.bin")
        Gst.init(None)
    return {"Gst": Gst, "GstVideo": GstVideo}[namespace]
