"""Release: which Sfumato this is."""

from __future__ import annotations

from importlib.metadata import version

VERSION = version("sfumato")
"""Read once: the package's metadata takes half a millisecond, and a status is asked for often."""
