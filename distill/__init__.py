"""Makes a bundle: a large teacher labels clips, and a compact student learns from it."""

import models.silence  # noqa: F401 before any library is imported
