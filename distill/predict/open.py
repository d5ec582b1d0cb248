"""Open: a file of weights as the teacher of its family."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from distill.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from distill.predict.predictor import Predictor, Teacher

_RTMDET_SUFFIXES = {".pth", ".safetensors"}
_ULTRALYTICS_SUFFIXES = {".pt"}
_ISNET_SUFFIX = ".onnx"


def load_teacher(
    path: str | Path,
    *,
    classes: Sequence[str] = (),
    image_size: int | None = None,
    device: str = "auto",
    as_device: bool = False,
) -> Teacher:
    """The teacher in a file: `.pth` and `.safetensors` are RTMDet-Ins, `.pt` is Ultralytics.

    Args:
        path: the file. Take a `.pt` only from people you trust; it is a pickle.
        classes: names by class id; without, those that the file says.
        image_size: side of the square that images are fitted into, pixels, a multiple of 32;
            None for the one that the weights are meant for.
        device: `auto`, `cpu` or `cuda`.
        as_device: masks as the device hides them: those of YOLO reach beyond their boxes. Else
            as the network means them.

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

        teacher = UltralyticsTeacher(
            path, image_size=image_size, device=device, as_device=as_device
        )
        if classes and tuple(classes) != teacher.classes:
            raise UsageError(f"{path}: names its classes itself; leave them out")
        return teacher
    only = (
        " here; IS-Net's .onnx labels and can't be imitated" if path.suffix == _ISNET_SUFFIX else ""
    )
    raise UsageError(
        f"{path}: a teacher's weights end in .pth, .safetensors (RTMDet-Ins) or .pt (Ultralytics)"
        f"{only}"
    )


def load_labelling_teacher(
    path: str | Path,
    classes: Sequence[str],
    *,
    boxes: str | Path | None = None,
    image_size: int | None = None,
    device: str = "auto",
) -> Predictor:
    """What labels these classes: a teacher, or IS-Net (`.onnx`), which can't be distilled from.

    Args:
        path: the file of weights.
        classes: what is to be labelled, names. IS-Net alone takes one: what its foreground is.
        boxes: weights of a teacher in whose boxes IS-Net gives the masks.
        image_size: side of the input of whoever finds objects; see `load_teacher`.
        device: see `load_teacher`.

    Raises:
        ModelError: a file can't be read, or is not what its name says.
        UsageError: these words don't go together, or one of them is off.
    """
    path = Path(path)
    if path.suffix != _ISNET_SUFFIX:
        if boxes is not None:
            raise UsageError(f"{path}: gives masks and boxes itself; leave --boxes out")
        return load_teacher(path, image_size=image_size, device=device)
    if boxes is None and len(set(classes)) != 1:
        raise UsageError(
            f"{path}: IS-Net can't tell {len(set(classes))} classes apart; name one, "
            "or a detector that can with --boxes"
        )
    if boxes is None and image_size is not None:
        raise UsageError(f"{path}: IS-Net takes 1024 px and nothing else; leave --size out")
    from distill.predict.isnet import IsNet, IsNetPredictor  # noqa: PLC0415 only where it is run

    net = IsNet.open(path, device)
    if boxes is None:
        return IsNetPredictor(net, classes[0])
    from distill.predict.masks_in_boxes import MasksInBoxes  # noqa: PLC0415 likewise

    detector = load_teacher(boxes, image_size=image_size, device=device)
    return MasksInBoxes(detector, net, classes)
