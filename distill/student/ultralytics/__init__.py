"""An Ultralytics network as a student, trained by their trainer with our data and losses."""

import distill.quiet  # noqa: F401 before anything of theirs is imported
