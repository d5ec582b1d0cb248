"""The check of the weights that a student starts from, before anything is trained."""

from __future__ import annotations

from typing import TYPE_CHECKING

from distill.errors import UsageError

if TYPE_CHECKING:
    from distill.student.config import DistillConfig

_MIN_SHARED_NAMES = 0.95
"""Share of the tensors' names that two files of one network have in common, whoever wrote them.

All of them do; of two networks whose names differ at all, the nearest (yolo26s and yolo26m) share
0.93.
"""

_FIRST_LAYER = "model.0.conv.weight"
"""Its channels tell n, s and m apart, whose names may all be the same."""


def check_weights(config: DistillConfig) -> None:
    """See that the weights to start from are of the student's network; classes may differ.

    Ultralytics takes what fits and says nothing of the rest, so that a student would start half at
    random, or nearly so.

    Raises:
        ModelError: they can't be loaded, or don't segment.
        UsageError: they are of another network, or a setting is not for RTMDet-Ins.
    """
    student = config.student
    if student.rtmdet_size:
        from distill.student.rtmdet.finetune_config import finetune_config_of  # noqa: PLC0415 one family a run

        finetune_config_of(config)
        return
    if student.weights is None:
        return
    from distill.predict.ultralytics import load_weights  # noqa: PLC0415 takes seconds

    theirs = load_weights(student.weights).state_dict()
    if student.model is None:
        return
    import distill.quiet  # noqa: F401, PLC0415 before anything of theirs

    # isort: split
    from ultralytics.nn.tasks import SegmentationModel  # noqa: PLC0415 likewise

    ours = SegmentationModel(f"{student.model}.yaml", verbose=False).state_dict()
    shared = ours.keys() & theirs.keys()
    alike = len(shared) >= _MIN_SHARED_NAMES * len(ours.keys() | theirs.keys())
    if not alike or ours[_FIRST_LAYER].shape != theirs[_FIRST_LAYER].shape:
        raise UsageError(
            f"{student.weights} is no {student.model}; leave student.model out, or give weights of "
            "that network"
        )
