"""Open: a file of weights as the teacher of its family."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from distill.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from distill.predict.predictor import Teacher

_RTMDET_SUFFIXES = {".pth", ".safetensors"}
_ULTRALYTICS_SUFFIXES = {".pt"}


def load_teacher(
    path: str | Path,
    *,
    classes: Sequence[str] = (),
    image_size: int | None = None,
    device: str = "auto",
) -> Teacher:
    """The teacher in a file: `.pth` and `.safetensors` are RTMDet-Ins, `.pt` is Ultralytics.

    Args:
        path: the file. Take a `.pt` only from people you trust; it is a pickle.
        classes: names by class id, where the file doesn't say them.
        image_size: side of the square that images are fitted into, pixels, a multiple of 32;
            None for the one that the weights are meant for.
        device: `auto`, `cpu` or `cuda`.

    Raises:
        ModelError: the file can't be read, or is not what its name says.
        UsageError: the name has another ending, or there is no such device or size.
    """
    path = Path(path)
    if image_size is not None and (image_size % 32 or not 32 <= image_size <= 4096):
        raise UsageError(f"the image size is a multiple of 32 up to 4096, not {image_size}")
    if path.suffix in _RTMDET_SUFFIXES:
        from distill.predict.rtmdet import RtmdetTeacher  # noqa: PLC0415 torch takes seconds
        from models.nets.checkpoint import read_checkpoint  # noqa: PLC0415

        checkpoint = read_checkpoint(path, classes=classes)
        return RtmdetTeacher(checkpoint, image_size=image_size, device=device)
    if path.suffix in _ULTRALYTICS_SUFFIXES:
        from distill.predict.ultralytics import UltralyticsTeacher  # noqa: PLC0415

        teacher = UltralyticsTeacher(path, image_size=image_size, device=device)
        if classes and tuple(classes) != teacher.classes:
            raise UsageError(f"{path}: names its classes itself; leave them out")
        return teacher
    raise UsageError(
        f"{path}: a teacher's weights end in .pth, .safetensors (RTMDet-Ins) or .pt (Ultralytics)"
    )
