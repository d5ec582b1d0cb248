"""Precisions: which of the files that `quantize` made and judged go into a bundle."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from distill.errors import InputError
from distill.files import reading
from distill.quantize.quantize_record import NAME, QuantizeRecord
from models.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from models.manifest import Role, RuntimeName, Size

Target = Literal["jetson", "cpu", "any"]
"""What a bundle is for: TensorRT on a Jetson, ONNX Runtime on a CPU, or both."""

Asked = Literal["fp32", "fp16", "int8"]
"""Precisions as a person asks for them: which file is meant by int8 depends on the target."""

_FILES: dict[Target, dict[Asked, tuple[Role, ...]]] = {
    # FP16 for a CPU is no file of quantize's: there it only saves bytes (`distill.pack.half`).
    "jetson": {"fp16": ("fp16",), "int8": ("int8",)},
    "cpu": {"int8": ("uint8",)},
    "any": {"fp16": ("fp16",), "int8": ("int8", "uint8")},
}

RUNTIMES: dict[Role, tuple[RuntimeName, ...]] = {
    "fp32": (),
    "fp16": (),
    "int8": ("tensorrt",),
    "uint8": ("onnxruntime-cpu",),
}
"""What each may run on. TensorRT's INT8 runs at 0.58x of FP32 on an x86 CPU (YOLOv8n-seg, 320 px),
and ONNX Runtime's is none that TensorRT's parser takes."""


@dataclass(frozen=True, slots=True)
class QuantisedFile:
    """One network that passed.

    Attributes:
        model: the ONNX file.
        runtimes: of its `models.manifest.NetworkSpec`.
    """

    model: bytes
    runtimes: tuple[RuntimeName, ...]


def quantised_files(
    folder: Path,
    asked: Sequence[Asked],
    target: Target,
    student_sha256: str,
    sizes: Sequence[Size],
) -> dict[Role, QuantisedFile]:
    """The files of a folder that `sfumato-distill quantize` filled, checked once more.

    Args:
        folder: the one named with --out there.
        asked: precisions; FP32 is never from there, and FP16 only where TensorRT runs it.
        target: what the bundle is for.
        student_sha256: of the weights that are packed.
        sizes: width, height of the inputs that the bundle lists.

    Returns:
        By role, in the order that was asked for; empty where nothing is from there.

    Raises:
        InputError: the folder is of another student or other sizes, can't be read, or a file is
            not what was judged.
        ModelError: a file did not pass.
    """
    roles = [role for name in asked for role in _FILES[target].get(name, ())]
    if not roles:
        return {}
    record = QuantizeRecord.read(folder)
    place = folder / NAME
    if record.student_sha256 != student_sha256:
        raise InputError(
            f"{place} is of another student ({record.student}, {record.student_sha256[:8]}); run "
            "sfumato-distill quantize on this one"
        )
    if odd := [size for size in sizes if size not in record.sizes]:
        width, height = odd[0]
        raise InputError(
            f"{place}: nothing was quantised for {width}x{height}; run sfumato-distill quantize "
            f"with --size {width}x{height}, too, or pack without that size"
        )
    return {role: _read(folder, record, role) for role in dict.fromkeys(roles)}


def _read(folder: Path, record: QuantizeRecord, role: Role) -> QuantisedFile:
    judged = record.precisions.get(role)
    if judged is None:
        raise InputError(f"{folder / NAME} has no {role}; run sfumato-distill quantize again")
    path = folder / judged.file
    if judged.failed:
        raise ModelError(
            f"{path} was refused when it was judged: {judged.failed[0]}; pack without it, or "
            "quantize again"
        )
    with reading(path):
        model = path.read_bytes()
    if hashlib.sha256(model).hexdigest() != judged.sha256:
        raise InputError(f"{path} is not the file that was judged; quantize again")
    return QuantisedFile(model, RUNTIMES[role])
