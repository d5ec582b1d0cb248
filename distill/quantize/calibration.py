"""Calibration: frames as a network is fed, and what it made of them, kept for the next run."""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING
from zipfile import BadZipFile

from distill.errors import InputError
from distill.files import writing
from distill.quantize.histograms import Histograms
from distill.quantize.ranges import collect_histograms
from models.input_size import suited
from models.preprocess import preprocess
from models.whole_file import whole_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    from distill.quantize.camera_frames import Frames
    from distill.quantize.ranges import Progress
    from models.input_spec import InputSpec

    Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class CalibrationBatches:
    """Frames one by one, each at the size that the device would choose.

    Attributes:
        frames: which.
        inputs: how the network may be fed.
    """

    frames: Frames
    inputs: Sequence[InputSpec]

    def __len__(self) -> int:
        return len(self.frames)

    def __iter__(self) -> Iterator[Floats]:
        read = 0
        for image in self.frames:
            height, width = image.shape[:2]
            yield preprocess(image, suited(self.inputs, (width, height)))[0]
            read += 1
        if not read:
            raise InputError(f"no frame to calibrate on can be read: {self.frames.problems[0]}")


def kept_histograms(
    model: bytes, batches: CalibrationBatches, folder: Path, progress: Progress | None = None
) -> Histograms:
    """What values the tensors take, from the folder as far as a run before got there.

    Args:
        model: an ONNX file in FP32.
        batches: what it sees.
        folder: where it is kept, under a name made of all that it depends on.
        progress: told of every frame.

    Raises:
        InputError: no frame can be read.
        ModelError: the network can't be run, or is broken.
        OutputError: the folder can't be written to.
    """
    place = folder / f"ranges-{_key(model, batches)}.npz"
    start = _read(place)

    def keep(found: Histograms) -> None:
        with writing(place), whole_file(place) as file:
            file.write(found.to_bytes())

    found = collect_histograms(model, batches, progress=progress, start=start, keep=keep)
    with writing(folder):
        for other in folder.glob("ranges-*.npz"):  # of another student, or of other frames
            if other != place:
                other.unlink()
    return found


def _key(model: bytes, batches: CalibrationBatches) -> str:
    sizes = " ".join(f"{spec.width}x{spec.height}" for spec in batches.inputs)
    whole = f"{hashlib.sha256(model).hexdigest()} {batches.frames.digest()} {sizes}"
    return hashlib.sha256(whole.encode()).hexdigest()[:16]


def _read(place: Path) -> Histograms | None:
    """What is kept there; nothing where that is no file of ours, so that it is made anew."""
    try:
        return Histograms.from_bytes(place.read_bytes())
    except (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile, zlib.error):
        return None
