"""Checkpoints of RTMDet-Ins: a published `.pth` comes in, safetensors of our own go in and out.

Our files hold each tensor once, and say in their metadata what network it is, what its classes
are called, and which file the weights once came from.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from models.classes import MAX_CLASSES
from models.digest import file_sha256
from models.errors import ModelError
from models.manifest import first_problem
from models.nets.class_names import check_names, class_names, names_in_meta
from models.nets.pth import check_published_digest, read_pth
from models.nets.rtmdet_ins import RTMDetIns
from models.nets.state import checked, plain, with_aliases, without_aliases
from models.whole_file import whole_file

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from torch import Tensor

    from models.nets.state import State

FORMAT = "sfumato-rtmdet-ins"
PUBLISHED_IMAGE_SIZE = 640


class _Metadata(BaseModel):
    """What one of our files says about itself."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    format: Literal["sfumato-rtmdet-ins"]
    size: str
    classes: tuple[str, ...] = Field(min_length=1, max_length=MAX_CLASSES)
    source: str = Field("", max_length=1000)
    source_sha256: str = Field("", pattern=r"^([0-9a-f]{64})?$")
    image_size: int = Field(PUBLISHED_IMAGE_SIZE, ge=32, le=4096, multiple_of=32)


@dataclass(frozen=True)
class Checkpoint:
    """The weights of one RTMDet-Ins, checked.

    Attributes:
        size: tiny, s, m, l or x.
        classes: names by class id.
        state: tensors by canonical name (`models.nets.state`), float32 on the CPU.
        sha256: of the file that was read.
        source: name of the file that the weights, or those they were trained from, came in.
        source_sha256: of that file.
        image_size: side of the square input that it is meant for, pixels.
    """

    size: str
    classes: tuple[str, ...]
    state: State
    sha256: str
    source: str
    source_sha256: str
    image_size: int = PUBLISHED_IMAGE_SIZE

    def net(self) -> RTMDetIns:
        """The network, in eval mode; it shares no memory with this checkpoint."""
        return net_of(self.size, len(self.classes), self.state).eval()


def net_of(size: str, classes: int, state: Mapping[str, Tensor]) -> RTMDetIns:
    """A network with these weights, by canonical name."""
    with torch.device("meta"):
        net = RTMDetIns(size, classes)
    net.to_empty(device="cpu")  # every value comes from the state: none need be drawn
    net.load_state_dict(with_aliases(state, net), strict=True)
    return net


def read_checkpoint(
    path: Path, *, size: str | None = None, classes: Sequence[str] = ()
) -> Checkpoint:
    """Read a published `.pth` or one of our safetensors.

    Args:
        path: the file.
        size: what it must be; None for any.
        classes: names by class id; without, those that the file says.

    Raises:
        ModelError: it is damaged, holds code, or is not the network that was asked for; one line
            says what doesn't match.
    """
    try:
        sha256 = file_sha256(path)
    except OSError as error:
        raise ModelError(f"{path}: can't read the weights ({error.strerror})") from error
    if path.suffix == ".safetensors":
        return _from_safetensors(path, sha256, size, tuple(classes))
    if path.suffix in {".pth", ".pt", ".ckpt"}:
        return _from_pth(path, sha256, size, tuple(classes))
    raise ModelError(f"{path}: weights end in .pth or .safetensors, not '{path.suffix}'")


def save_safetensors(
    net: RTMDetIns,
    path: Path,
    classes: Sequence[str],
    *,
    source: str = "",
    source_sha256: str = "",
    image_size: int = PUBLISHED_IMAGE_SIZE,
) -> None:
    """Write a network; after an error the file that was there is still whole.

    Args:
        net: on any device, in any precision; float32 is written.
        path: ends in `.safetensors`.
        classes: names by class id.
        source: name of the file that the weights came in or were trained from.
        source_sha256: of that file.
        image_size: side of the square input that it is meant for, pixels.

    Raises:
        ModelError: the names don't fit the network.
        OSError: the file can't be written.
    """
    state = plain(without_aliases(net.state_dict()))
    metadata = _metadata(
        {
            "format": FORMAT,
            "size": net.size.name,
            "classes": list(classes),
            "source": source,
            "source_sha256": source_sha256,
            "image_size": image_size,
        }
    )
    check_names(metadata.classes, net.classes)
    text = {
        key: value if isinstance(value, str) else json.dumps(value)
        for key, value in metadata.model_dump().items()
    }
    data = save({key: value.contiguous() for key, value in state.items()}, metadata=text)
    with whole_file(path) as file:
        file.write(data)


def _from_pth(path: Path, sha256: str, size: str | None, classes: tuple[str, ...]) -> Checkpoint:
    check_published_digest(path, sha256)
    content = read_pth(path)
    weights = content.get("state_dict", content)
    if not isinstance(weights, dict) or not all(
        isinstance(key, str) and isinstance(value, torch.Tensor) for key, value in weights.items()
    ):
        raise ModelError(f"{path}: holds no weights by name, alone or under 'state_dict'")
    found, count, state = _checked(path, weights, size)
    names = _names(path, names_in_meta(content.get("meta")), count, classes)
    return Checkpoint(
        size=found,
        classes=names,
        state=state,
        sha256=sha256,
        source=path.name,
        source_sha256=sha256,
    )


def _from_safetensors(
    path: Path, sha256: str, size: str | None, classes: tuple[str, ...]
) -> Checkpoint:
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            said = dict(file.metadata() or {})
            weights = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 no mapping
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path}: cut short or no safetensors file") from error
    if said.get("format") != FORMAT:
        raise ModelError(
            f"{path}: was not written by sfumato-distill, so nothing says what network it is; "
            "take the .pth that it came from"
        )
    try:
        parsed = {key: json.loads(said[key]) for key in ("classes", "image_size") if key in said}
        metadata = _metadata(said | parsed)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path}: its metadata can't be read") from error
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error
    found, count, state = _checked(path, weights, size or metadata.size)
    return Checkpoint(
        size=found,
        classes=_names(path, metadata.classes, count, classes),
        state=state,
        sha256=sha256,
        source=metadata.source,
        source_sha256=metadata.source_sha256,
        image_size=metadata.image_size,
    )


def _checked(path: Path, weights: Mapping[str, Tensor], size: str | None) -> tuple[str, int, State]:
    try:
        return checked(weights, size)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error


def _names(
    path: Path, said: tuple[str, ...], count: int, given: tuple[str, ...]
) -> tuple[str, ...]:
    try:
        return class_names(said, given, count)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error


def _metadata(values: Mapping[str, Any]) -> _Metadata:
    try:
        return _Metadata.model_validate(values)
    except ValidationError as error:
        raise ModelError(f"its metadata: {first_problem(error)}") from error
