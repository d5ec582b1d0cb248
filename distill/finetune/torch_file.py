"""Torch file: what PyTorch saves, whole or not at all, and what the disk said where it can't."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from distill.files import writing
from models.whole_file import whole_file

if TYPE_CHECKING:
    from pathlib import Path


def write_torch(path: Path, content: Any) -> None:
    """Write with `torch.save`; after an error the file that was there is still whole.

    Raises:
        OutputError: the disk is full, or the place can't be written to.
    """
    with writing(path), whole_file(path) as file:
        try:
            torch.save(content, file)
        except RuntimeError as error:
            # Its archive can't be ended then either, and it says that in place of the reason.
            if isinstance(error.__context__, OSError):
                raise error.__context__ from None
            raise
