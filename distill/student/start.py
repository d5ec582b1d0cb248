"""Start: weights that an Ultralytics student begins with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from distill.errors import UsageError

if TYPE_CHECKING:
    from distill.student.config import Student

_ENOUGH = 0.5
"""Share of a network's tensors that must fit; other classes change about a tenth of them."""


def check_start(student: Student) -> None:
    """See that the weights to start from are of the student's network.

    Ultralytics takes what fits and says nothing of the rest: of another family that is next to
    nothing, and the student would start at random.

    Raises:
        ModelError: they can't be loaded, or don't segment.
        UsageError: they are of another network.
    """
    if student.weights is None:
        return
    from distill.teacher.ultralytics import load_weights  # noqa: PLC0415 takes seconds

    theirs = load_weights(student.weights).state_dict()
    if student.model is None:
        return
    from ultralytics.nn.tasks import SegmentationModel  # noqa: PLC0415 likewise

    count = len(student.classes)
    ours = SegmentationModel(f"{student.model}.yaml", nc=count, verbose=False).state_dict()
    fits = sum(name in theirs and theirs[name].shape == ours[name].shape for name in ours)
    if fits < _ENOUGH * len(ours):
        raise UsageError(
            f"{student.weights} is no {student.model}: {fits} of {len(ours)} tensors fit; leave "
            "student.model out, or give weights of that network"
        )
