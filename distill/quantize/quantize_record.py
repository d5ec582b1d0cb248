"""Record: quantize.json, which says what was made, how it was judged, and what may be packed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field, ValidationError

from distill.data.json_file import read_json
from distill.errors import InputError
from distill.files import writing
from models.manifest import Role, Sha256, Size, first_problem
from models.strict_model import StrictModel
from models.whole_file import whole_file

if TYPE_CHECKING:
    from pathlib import Path

NAME = "quantize.json"


class Figure(StrictModel):
    """One figure of one file.

    Attributes:
        value: as measured; None where there was nothing to measure.
        low: where its 95 % interval begins.
        high: where it ends.
        change: from FP32's, where that has the figure, too.
        change_low: where the interval of the change begins; images are drawn in pairs.
        change_high: where it ends.
    """

    value: float | None = None
    low: float | None = None
    high: float | None = None
    change: float | None = None
    change_low: float | None = None
    change_high: float | None = None


class FileRecord(StrictModel):
    """One file: what it is, what was measured of it, and the verdict.

    Attributes:
        file: its name in the folder; it is there only if `failed` is empty.
        sha256: of its bytes.
        bytes: how many they are.
        figures: by name.
        bounds: what was demanded, by name.
        failed: a line for each bound that it fails; empty where it passed.
    """

    file: str
    sha256: Sha256
    bytes: int
    figures: dict[str, Figure]
    bounds: dict[str, float]
    failed: tuple[str, ...] = ()


class QuantizeRecord(StrictModel):
    """What `sfumato-distill quantize` writes beside the files.

    Attributes:
        student: its file's name without the ending.
        student_sha256: of its weights' file.
        sizes: width, height of the inputs that the files may be run at, the first for most.
        ranges: how the ranges of activations were chosen.
        confidence: the least score that counts as an answer.
        calibration_frames: frames that the ranges come from.
        judged_frames: other frames, on which answers were compared.
        judged_at: how many images were judged at each size, written as 640x384.
        labelled_images: with which average precision, F1 and leak were measured.
        precisions: FP32's figures, and each file's.
    """

    student: str
    student_sha256: Sha256
    sizes: tuple[Size, ...] = Field(min_length=1)
    ranges: str
    confidence: float
    calibration_frames: int
    judged_frames: int
    judged_at: dict[str, int]
    labelled_images: int
    precisions: dict[Role, FileRecord]

    def write(self, folder: Path) -> None:
        """Write it, whole or not at all.

        Raises:
            OutputError: it can't be written.
        """
        with writing(folder / NAME), whole_file(folder / NAME) as file:
            file.write(self.model_dump_json(indent=1, exclude_none=True).encode() + b"\n")

    @classmethod
    def read(cls, folder: Path) -> QuantizeRecord:
        """Read what `write` wrote.

        Raises:
            InputError: it can't be read, or is of another kind.
        """
        path = folder / NAME
        content = read_json(path)
        try:
            return cls.model_validate(content, strict=False)
        except ValidationError as error:
            raise InputError(
                f"{path} is none that this version reads ({first_problem(error)}); run "
                "sfumato-distill quantize again"
            ) from error
