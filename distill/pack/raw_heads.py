"""RawHeads: the head of a segmentation network of Ultralytics, up to its last convolutions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import nn

from distill.predict.ultralytics import branches_of
from models.decode.yolo_seg_heads import STRIDES
from models.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


class RawHeads(nn.Module):
    """Features of three levels to what `models.decode.yolo_seg_heads` reads, in its order.

    It takes the place of the head that it is made of. Nothing in it depends on the images' size or
    number.
    """

    def __init__(self, head: Any) -> None:
        """Take over the head's branches.

        Args:
            head: the last module of a network.

        Raises:
            ModelError: it has other levels than three, at `STRIDES`, or other bins than 0, 1, ...
        """
        super().__init__()
        strides = tuple(int(stride) for stride in head.stride)
        if strides != STRIDES:
            raise ModelError(
                f"a network of levels {', '.join(map(str, strides))} px can't be packed, only of "
                f"{', '.join(map(str, STRIDES))}; take a network of three levels"
            )
        bins = [value for weights in head.dfl.parameters() for value in weights.flatten().tolist()]
        if bins != [*range(len(bins))]:
            raise ModelError(
                "a network whose sides are no means over bins 0, 1, ... can't be packed"
            )
        # Named as they were, so that a file's weights can be put back where they came from.
        self.cv2, self.cv3, self.cv4 = branches_of(head)
        self.proto = head.proto
        self._of_all_levels = hasattr(head.proto, "feat_refine")  # YOLO26's prototypes
        self.f, self.i = head.f, head.i  # where it stands, by which the network feeds it

    def forward(self, features: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Raw outputs of features [B, C, h, w]."""
        raw = [
            part(level)
            for branch in (self.cv2, self.cv3, self.cv4)
            for part, level in zip(branch, features, strict=True)
        ]
        return (*raw, self.proto(features if self._of_all_levels else features[0]))
