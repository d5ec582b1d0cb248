"""Runs a bundle: decodes video, finds and follows objects, redacts, encodes."""

import models.silence  # noqa: F401 before any library is imported
