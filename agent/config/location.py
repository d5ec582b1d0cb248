"""Location: a path in a configuration; a relative one is relative to the file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, ValidationInfo


def beside_the_file(path: Path, info: ValidationInfo) -> Path:
    """An absolute path; `folder` of the validation's context is the file's, else the current one."""
    folder = (info.context or {}).get("folder", Path())
    return Path(os.path.abspath(folder / path))  # noqa: PTH100 links stay links


Location = Annotated[Path, AfterValidator(beside_the_file)]
