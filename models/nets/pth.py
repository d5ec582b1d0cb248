"""Published `.pth` files, read without running anything that is in them.

A `.pth` is a pickle, which can hold code. `torch.load(weights_only=True)` builds tensors and plain
containers and refuses the rest. Training checkpoints of mmengine hold its log besides
(mmengine #1655): where its classes stand, an object that does nothing is put.
"""

from __future__ import annotations

import re
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any

import torch

from models.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# mmdetection's publish_model.py ends a name in its date, its time and eight digits of the sha256.
_PUBLISHED = re.compile(r"_\d{6,8}-(?P<digest>[0-9a-f]{8})$")

_GLOBAL = re.compile(r"GLOBAL (?P<name>[\w.]+)")


class _Inert:
    """Stands for an object that nobody needs; takes any arguments and any state."""

    def __init__(self, *_arguments: object) -> None:
        pass

    def __setstate__(self, _state: object) -> None:
        pass


_LOG: list[Callable[..., Any] | tuple[Callable[..., Any], str]] = [
    (_Inert, name)
    for name in (
        "mmengine.logging.history_buffer.HistoryBuffer",
        "numpy.dtype",
        "numpy.ndarray",
        *(
            f"numpy.{core}.multiarray.{function}"  # NumPy 2 renamed it
            for core in ("core", "_core")
            for function in ("_reconstruct", "scalar")
        ),
    )
]


def check_published_digest(path: Path, sha256: str) -> None:
    """Compare with what a published name promises; other names promise nothing.

    Raises:
        ModelError: the file is not the one that got this name.
    """
    found = _PUBLISHED.search(path.stem)
    if found and not sha256.startswith(found["digest"]):
        raise ModelError(
            f"{path}: a damaged download: its sha256 starts with {sha256[:8]}, "
            f"its name says {found['digest']}; delete it and fetch it again"
        )


def read_pth(path: Path) -> dict[str, Any]:
    """What a `.pth` file holds at its top, legacy serialisation or zip.

    Raises:
        ModelError: it can't be read, is cut short, or holds anything but weights and plain
            values. Nothing in it was run.
    """
    try:
        with torch.serialization.safe_globals(_LOG):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise ModelError(f"{path}: can't read the weights ({error.strerror})") from error
    except UnpicklingError as error:
        if found := _GLOBAL.search(str(error)):
            raise ModelError(
                f"{path}: holds {found['name']}, which is code and not weights; "
                "none of it was run. Take the published file"
            ) from error
        raise _damaged(path) from error
    except Exception as error:  # whatever a damaged pickle leads to; torch's errors share no base
        raise _damaged(path) from error
    if not isinstance(content, dict):
        raise ModelError(f"{path}: holds a {type(content).__name__}, not weights by name")
    return content


def _damaged(path: Path) -> ModelError:
    return ModelError(f"{path}: cut short or no PyTorch checkpoint; fetch it again")
