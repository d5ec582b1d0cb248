"""Class names: what a checkpoint says about them, what a person says, and what COCO says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from models.classes import ClassSpec
from models.coco_names import COCO_NAMES
from models.errors import ModelError
from models.manifest import first_problem

if TYPE_CHECKING:
    from collections.abc import Sequence


def names_in_meta(meta: Any) -> tuple[str, ...]:
    """Names as mmengine, or before it mmcv, wrote them beside the weights; none if it didn't.

    Either has spelled their key both ways.
    """
    if not isinstance(meta, dict):
        return ()
    dataset = meta.get("dataset_meta")
    places = [dataset, meta] if isinstance(dataset, dict) else [meta]
    said = (place.get(key) for place in places for key in ("classes", "CLASSES"))
    names = next(filter(None, said), None)
    if isinstance(names, str):  # a data set of one class is often described so
        names = (names,)
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        return ()
    return tuple(names)


def class_names(said: Sequence[str], given: Sequence[str], count: int) -> tuple[str, ...]:
    """The names of a network of `count` classes by id.

    Args:
        said: what the file says, if anything.
        given: what a person says, if anything; it is what counts.
        count: how many classes the network has. With 80 that nobody names, it is COCO's.

    Raises:
        ModelError: nobody says it, or the names don't fit.
    """
    names = tuple(given or said or (COCO_NAMES if count == len(COCO_NAMES) else ()))
    if not names:
        raise ModelError(
            f"does not say what its {count} classes are called; name them in "
            "order: sfumato-distill teacher convert IN.pth OUT.safetensors --names a,b"
        )
    check_names(names, count)
    return names


def check_names(names: Sequence[str], count: int) -> None:
    """Refuse names that don't fit `count` classes.

    Raises:
        ModelError: there are more or fewer, or one appears twice or is no name.
    """
    if len(names) != count:
        raise ModelError(f"knows {count} classes, but there are {len(names)} names")
    if len(set(names)) < len(names):
        raise ModelError("a class name appears twice")
    try:
        for i, name in enumerate(names):
            ClassSpec(id=i, name=name)
    except ValidationError as error:
        raise ModelError(f"a class {first_problem(error)}") from error
