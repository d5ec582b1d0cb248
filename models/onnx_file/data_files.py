"""Data files: what lies beside an ONNX file and holds its weights."""

from __future__ import annotations

import os
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from models.errors import ModelError

if TYPE_CHECKING:
    from pathlib import Path

    from models.onnx_file.tensor import Tensor


class DataFiles:
    """Reads the values of tensors from files in an ONNX file's folder, and from nowhere else.

    Args:
        model: the ONNX file.
        model_bytes: its size.
        max_bytes: the largest that both may be together.
    """

    def __init__(self, model: Path, model_bytes: int, max_bytes: int) -> None:
        self._folder, self._limit = model.parent, max_bytes
        self._room = max_bytes - model_bytes
        # A cache of downloads has links in its folders, and what they lead to in one of its own.
        self._homes = {model.parent.resolve(), model.resolve().parent}

    def values_of(self, tensor: Tensor) -> bytes:
        """A tensor's values, as `TensorProto.raw_data` has them.

        Raises:
            ModelError: they are missing, cut short, too large, or outside of the folder.
        """
        size, path, offset = tensor.bytes, self._path(tensor), tensor.number("offset") or 0
        length = tensor.number("length")
        if length is not None and length != size:
            raise ModelError(f"{tensor} takes {size} bytes, but {length} are said to be its own")
        self._room -= size
        if self._room < 0:
            raise ModelError(
                f"with its weights it is larger than {self._limit >> 20} MiB; "
                "export a smaller network"
            )
        location = tensor.external["location"][:80]
        try:
            with path.open("rb") as file:
                file.seek(min(offset, os.fstat(file.fileno()).st_size))
                values = file.read(size)
        except OSError as error:
            raise ModelError(
                f"its weights in {location!r} can't be read ({error.strerror})"
            ) from error
        if len(values) < size:
            raise ModelError(
                f"its weights in {location!r} are cut short (of {tensor}, {len(values)} of {size} "
                "bytes are there); copy or download that file again"
            )
        return values

    def _path(self, tensor: Tensor) -> Path:
        """The file that a tensor names: a relative path that stays in the folder (ONNX's rule)."""
        location = tensor.external.get("location", "")
        if not location or "\0" in location:
            raise ModelError(f"{tensor} lies in another file, but the model does not say in which")
        place = PurePosixPath(location)
        stays = not place.is_absolute() and ".." not in place.parts
        path, is_file = _looked_up(self._folder / place)
        if not stays or not any(path.is_relative_to(home) for home in self._homes):
            raise ModelError(
                f"{tensor} lies in {location[:80]!r}, outside of the model's folder; "
                "only what lies beside a model may become part of it"
            )
        if not is_file:
            raise ModelError(
                f"its weights lie in {location[:80]!r}, which is not beside it; copy it there, too"
            )
        return path


def _looked_up(path: Path) -> tuple[Path, bool]:
    """Where a path leads, and whether a file is there."""
    try:
        return path.resolve(), path.is_file()
    except (OSError, RuntimeError):  # a name too long, links in a circle
        return path, False
