"""State dicts of RTMDet-Ins: which size they are, and what of them does not fit.

The original's state dict names 40 tensors twice, because its towers are shared (see
`models.nets.head`). Here each is kept once, under its first name.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import torch

from models.classes import MAX_CLASSES
from models.errors import ModelError
from models.nets.rtmdet_ins import RTMDetIns
from models.nets.sizes import SIZES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from torch import Tensor

    State = dict[str, Tensor]

_STEM = "backbone.stem.0.conv.weight"
_CLASSES = "bbox_head.rtm_cls.0.weight"
_REG_TOWER = re.compile(r"^bbox_head\.reg_convs\.")
_SHARED_CONV = re.compile(r"^(bbox_head\.cls_convs\.)\d+(\.\d+\.conv\.weight)$")
_WRAPPERS = ("module", "_orig_mod")
_NAMED = 3
"""Keys that a message names before it only counts."""


def canonical(key: str) -> str:
    """The first of the names that a tensor has in the state dict."""
    key = _REG_TOWER.sub("bbox_head.cls_convs.", key)
    return _SHARED_CONV.sub(r"\g<1>0\g<2>", key)


def without_aliases(state: Mapping[str, Tensor]) -> State:
    """Each tensor once, by its canonical name.

    Raises:
        ModelError: two that must be one differ: the weights come from a fork whose regression
            tower is its own.
    """
    kept = {key: value for key, value in state.items() if canonical(key) == key}
    for key, value in state.items():
        first = kept.setdefault(canonical(key), value)
        if first is not value and not torch.equal(_bits(first), _bits(value)):
            raise ModelError(
                f"{key} differs from {canonical(key)}: these weights come from a fork with "
                "separate towers (mmdetection issue #9835), which the published networks lack"
            )
    return kept


def with_aliases(state: Mapping[str, Tensor], net: RTMDetIns) -> State:
    """What `net.load_state_dict` wants, from what `without_aliases` gave."""
    return {key: state[canonical(key)] for key in net.state_dict()}


def plain(state: Mapping[str, Tensor]) -> State:
    """Float32 on the CPU; counters stay whole numbers."""
    return {
        key: value.detach().to("cpu", torch.float32 if value.is_floating_point() else None)
        for key, value in state.items()
    }


def checked(weights: Mapping[str, Tensor], size: str | None = None) -> tuple[str, int, State]:
    """Find out what network these weights are, and that they are all of it.

    Args:
        weights: tensors from outside by name, with aliases or without.
        size: what it is expected to be.

    Returns:
        The size's name, the number of classes, and the weights by canonical name, float32.

    Raises:
        ModelError: it is another size, or no RTMDet-Ins, or not all of one, or a value is not
            finite.
    """
    weights = _unwrapped(weights)
    found, classes = _size(weights), _class_count(weights)
    if size is not None and size != found:
        raise ModelError(f"is size {found}, not {size}")
    with torch.device("meta"):
        wanted = RTMDetIns(found, classes).state_dict()
    needed = {canonical(key) for key in wanted}
    known = wanted.keys() & weights.keys()
    _refuse(
        found,
        {
            "lacks": needed - {canonical(key) for key in weights},
            "has no place for": weights.keys() - wanted.keys(),
            "has another shape in": {
                f"{key} ({_shape(weights[key])}, not {_shape(wanted[key])})"
                for key in known
                if weights[key].shape != wanted[key].shape
            },
            "has no plain numbers in": {
                key for key in known if not _is_like(weights[key], wanted[key])
            },
        },
    )
    state = plain(without_aliases(weights))
    wild = {key for key, value in state.items() if not torch.isfinite(value).all()}
    _refuse(found, {"has values that are not finite in": wild})
    return found, classes, state


def _unwrapped(weights: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """The weights by the names that they have where nothing is wrapped around the network.

    DataParallel and EMA put `module.` in front, `torch.compile` `_orig_mod.`, of parts as well.
    """
    plain_names = {
        ".".join(part for part in key.split(".") if part not in _WRAPPERS): value
        for key, value in weights.items()
    }
    return plain_names if len(plain_names) == len(weights) else weights


def _refuse(size: str, problems: Mapping[str, set[str]]) -> None:
    if any(problems.values()):
        said = "; ".join(f"{what} {_some(sorted(keys))}" for what, keys in problems.items() if keys)
        raise ModelError(f"is no RTMDet-Ins of size {size}: {said}")


def _is_like(value: Tensor, wanted: Tensor) -> bool:
    return (
        value.device.type == "cpu"
        and value.layout is torch.strided
        and value.is_floating_point() == wanted.is_floating_point()
        and not value.is_complex()
    )


def _size(state: Mapping[str, Tensor]) -> str:
    if _STEM not in state or not any(key.startswith("bbox_head.") for key in state):
        raise ModelError(f"holds no RTMDet-Ins: it has {_some(state) if state else 'no weights'}")
    if not any(key.startswith("bbox_head.kernel_convs.") for key in state):
        raise ModelError(
            "holds the detection-only RTMDet, which gives no masks; take an rtmdet-ins file "
            "(sfumato-distill teacher fetch)"
        )
    widths = {size.stem_channels: name for name, size in SIZES.items()}
    if len(state[_STEM]) not in widths:
        raise ModelError(
            f"is of an unknown size: its first layer has {len(state[_STEM])} channels, "
            f"known are {', '.join(f'{width} ({name})' for width, name in widths.items())}"
        )
    return widths[len(state[_STEM])]


def _class_count(state: Mapping[str, Tensor]) -> int:
    if _CLASSES not in state:
        raise ModelError(f"holds no RTMDet-Ins: it lacks {_CLASSES}")
    count = len(state[_CLASSES])
    if not 0 < count <= MAX_CLASSES:
        raise ModelError(f"has {count} classes; 1 to {MAX_CLASSES} are possible")
    return count


def _bits(value: Tensor) -> Tensor:
    # Compared as numbers, NaN would differ from NaN.
    return value.contiguous().reshape(-1).view(torch.uint8)


def _shape(value: Tensor) -> str:
    return "x".join(str(length) for length in value.shape) or "scalar"


def _some(keys: Iterable[str]) -> str:
    every = list(keys)
    more = f" and {len(every) - _NAMED} more" if len(every) > _NAMED else ""
    return ", ".join(every[:_NAMED]) + more
