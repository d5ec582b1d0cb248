"""Description: what a network is, as its own file says it or as a person does.

Ultralytics' exporter and `sfumato-distill teacher export` write it into the file's metadata. None
of that is believed before the network has run once (`models.importing`).
"""

from __future__ import annotations

import ast
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from pydantic import TypeAdapter, ValidationError

from models.classes import MAX_CLASSES
from models.errors import ModelError
from models.input_spec import InputSpec
from models.manifest import Size, first_problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from models.manifest import Family, Layout

_MAX_LITERAL_CHARACTERS = 200_000
"""Chosen, not measured: 10,000 class names of 20 letters."""

FAMILY_KEY, NAMES_KEY, INPUT_KEY = "sfumato.family", "sfumato.names", "sfumato.input"
SIZES_KEY = "sfumato.sizes"
"""Where our own export says what it is: the family, a JSON list, an `InputSpec` as JSON, and a JSON
list of the other sizes [width, height] that it may be fed at, where there are any."""

_SIZES: TypeAdapter[tuple[Size, ...]] = TypeAdapter(tuple[Size, ...])

_OTHER_TASKS = {
    "obb": "turned boxes",
    "pose": "the joints of bodies",
    "classify": "one name for a whole picture",
    "semantic": "a class for every pixel and no objects",
}
"""What networks of Ultralytics' other tasks give, by their task."""


@dataclass(frozen=True, slots=True)
class Description:
    """What a network is.

    Attributes:
        family: how its outputs are read.
        names: the classes that it knows, by their id.
        layout: of the family `boxes`.
        size: width, height of its input; None where the file says it.
        feeding: fields of `InputSpec` that differ from the layout's custom.
        others: other sizes that it may be fed at.
    """

    family: Family
    names: tuple[str, ...]
    layout: Layout | None = None
    size: tuple[int, int] | None = None
    feeding: Mapping[str, Any] | None = None
    others: tuple[Size, ...] = ()


def describe(metadata: Mapping[str, str]) -> Description:
    """Read what the exporter wrote into the file.

    Raises:
        ModelError: it wrote nothing, or the network has a task that is not ours.
    """
    if FAMILY_KEY in metadata:
        return _described_by_us(metadata)
    if not {"task", "names", "imgsz"} <= metadata.keys():
        raise ModelError(
            "the file does not say what network it holds (only an export by Ultralytics or "
            "sfumato-distill does); "
            "say it to `sfumato model import` with --family, --layout and --names"
        )
    task = metadata["task"]
    if task not in {"segment", "detect"}:
        gives = f" (it gives {_OTHER_TASKS[task]})" if task in _OTHER_TASKS else ""
        raise ModelError(
            f"a network for the task '{task[:40]}'{gives} can't be used; export one that segments "
            "(such as yolo11n-seg.pt) or detects (yolo11n.pt)"
        )
    if "rtdetr" in (metadata.get("head", "") + metadata.get("description", "")).lower():
        raise ModelError(
            "this is an RT-DETR network, whose boxes can't be read here; export a YOLO network"
        )
    names, size = _literal(metadata["names"], "names"), _literal(metadata["imgsz"], "imgsz")
    if isinstance(names, dict) and names.keys() == set(range(len(names))):
        names = [names[i] for i in range(len(names))]
    if not isinstance(size, list) or len(size) != 2 or not all(type(n) is int for n in size):
        raise ModelError("the file's imgsz is not [height, width]")
    family: Family = "yolo_seg" if task == "segment" else "boxes"
    layout: Layout | None = None if task == "segment" else "yolo"
    return Description(family, _checked(names), layout, size=(size[1], size[0]))


def _described_by_us(metadata: Mapping[str, str]) -> Description:
    family = metadata[FAMILY_KEY]
    if family not in {"rtmdet_ins", "yolo_seg"}:
        raise ModelError(f"the file's family '{family[:40]}' is not known")
    try:
        names = json.loads(metadata.get(NAMES_KEY, ""))
        spec = InputSpec.model_validate_json(metadata.get(INPUT_KEY, ""))
        others = _SIZES.validate_json(metadata.get(SIZES_KEY, "[]"))
    except ValidationError as error:
        raise ModelError(f"the file's input can't be read: {first_problem(error)}") from error
    except (ValueError, RecursionError) as error:
        raise ModelError("the file's class names can't be read") from error
    return Description(
        cast("Family", family),
        _checked(names),
        size=(spec.width, spec.height),
        feeding=spec.model_dump(exclude={"width", "height"}),
        others=others,
    )


def _checked(names: Any) -> tuple[str, ...]:
    """A name for each class; what is odd in one, `models.classes` makes fit to be asked for."""
    if not isinstance(names, list) or not 0 < len(names) <= MAX_CLASSES:
        raise ModelError("the file's class names are not a list, nor numbered from 0")
    return tuple("" if name is None else str(name) for name in names)


def _literal(text: str, field: str) -> Any:
    try:
        if len(text) <= _MAX_LITERAL_CHARACTERS:
            return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        pass
    raise ModelError(f"the file's {field} can't be read: {text[:40]!r}")
