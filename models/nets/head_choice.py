"""Head choice: what the class layer of a network for other classes starts from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.classes import ClassSpec, choose
from models.errors import ModelError
from models.nets.checkpoint import net_of
from models.nets.head import RTMDetInsSepBNHead
from models.nets.rtmdet_ins import initialise_head
from models.nets.state import without_aliases

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.nets.rtmdet_ins import RTMDetIns

FRESH = "fresh"
FROM = "from:"


def replace_head(
    net: RTMDetIns, known: Sequence[str], classes: Sequence[str], head: str = FRESH
) -> RTMDetIns:
    """A network for `classes` in place of `known`; boxes, masks and towers stay as they are.

    Args:
        net: what to start from; it is left alone. The new one is on the CPU, in the same mode.
        known: its class names by id.
        classes: the new names by id.
        head: `fresh`: the class layer starts anew, each class at a low prior probability.
            `from:bottle,cup`: it starts from what was learned of these classes, in the order
            of `classes`, so that the network works at once.

    Raises:
        UnknownClassError: `head` names a class that the network does not know.
        ModelError: `head` is neither, or names more or fewer classes than there are to be.
    """
    state = without_aliases(net.state_dict())
    if head == FRESH:
        new = RTMDetInsSepBNHead(net.size, len(classes))
        initialise_head(new)
        layer = new.rtm_cls.state_dict()
    else:
        rows = _rows(head, known, len(classes))
        layer = {key: value[rows] for key, value in net.bbox_head.rtm_cls.state_dict().items()}
    state.update({f"bbox_head.rtm_cls.{key}": value for key, value in layer.items()})
    return net_of(net.size.name, len(classes), state).train(net.training)


def _rows(head: str, known: Sequence[str], count: int) -> list[int]:
    """Class ids of `from:NAMES`."""
    names = [name.strip() for name in head.removeprefix(FROM).split(",")]
    if not head.startswith(FROM) or not all(names):
        raise ModelError(f"head '{head}' is neither '{FRESH}' nor like '{FROM}bottle'")
    if len(names) != count:
        raise ModelError(f"head '{head}' names {len(names)} classes for a network of {count}")
    specs = [ClassSpec(id=i, name=name) for i, name in enumerate(known)]
    return [choose([name], specs)[0].id for name in names]
