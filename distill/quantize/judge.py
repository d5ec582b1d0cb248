"""Judge: FP32 and the files made from it look at the same pictures, and are compared.

Each picture is fed at the size that the device would choose, goes through all networks in turn and
is gone: what is kept are a few numbers a picture.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from distill.errors import InputError
from distill.evaluate.evaluator import MIN_SCORE
from distill.evaluate.subject import renumbered
from distill.quantize.answers import LOWEST_SCORE, Agreement, compared
from distill.quantize.labelled import LabelledImage, labelled_image
from models.decode import decoder_for
from models.errors import ModelError
from models.input_size import suited
from models.preprocess import preprocess
from models.runtime.onnxruntime import OnnxRuntimeNetwork

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import numpy as np
    import numpy.typing as npt

    from distill.data.coco import CocoDataset
    from distill.data.images import Image
    from distill.data.record import ImageRecord
    from models.input_spec import InputSpec
    from models.instances import Instances
    from models.manifest import Manifest
    from models.preprocess import Letterbox

    Floats = npt.NDArray[np.float32]
    Progress = Callable[[Sequence[ImageRecord]], Iterable[ImageRecord]]

REFERENCE: Final = "fp32"
"""What the others are compared with."""


@dataclass
class Seen:
    """What is known of one network.

    Attributes:
        agreement: with FP32, frame by frame.
        labelled: image by image.
        milliseconds: CPU time of the network alone, one thread, picture by picture.
        refused: why it can't be judged, if anything: it fails to run, or gives what can't be read.
    """

    agreement: list[Agreement] = field(default_factory=list)
    labelled: list[LabelledImage] = field(default_factory=list)
    milliseconds: list[float] = field(default_factory=list)
    refused: str | None = None


class Judge:
    """FP32 and the files made from it, loaded side by side."""

    def __init__(self, models: Mapping[str, bytes], manifest: Manifest, confidence: float) -> None:
        """Load them.

        Args:
            models: ONNX files by name; FP32 is among them.
            manifest: how they are fed and read.
            confidence: the least score that counts as an answer.

        Raises:
            ModelError: FP32 can't be loaded.
        """
        self._inputs, self._confidence = manifest.inputs(), confidence
        self._decoders = {_size(spec): decoder_for(manifest, spec) for spec in self._inputs}
        self._networks: dict[str, OnnxRuntimeNetwork] = {}
        self.seen: dict[str, Seen] = {name: Seen() for name in models}
        self.judged_at: dict[tuple[int, int], int] = {_size(spec): 0 for spec in self._inputs}
        """Pictures by the size (width, height) that they were fed at."""
        for name, model in models.items():
            try:
                self._networks[name] = OnnxRuntimeNetwork(model, outputs=manifest.outputs)
            except ModelError as error:
                self._refuse(name, error)

    def look_at_frames(self, frames: Iterable[Image]) -> None:
        """Compare what the files see with what FP32 sees; nobody knows what is there."""
        for image in frames:
            height, width = image.shape[:2]
            found = self._ask(image, LOWEST_SCORE)
            for name, instances in found.items():
                agreement = compared(found[REFERENCE], instances, (width, height), self._confidence)
                self.seen[name].agreement.append(agreement)

    def look_at_labelled(
        self, dataset: CocoDataset, index_of: Mapping[int, int], progress: Progress
    ) -> list[str]:
        """Compare what all see with what is there.

        Args:
            dataset: what is there.
            index_of: the data set's class id by the network's; other classes are not looked at.
            progress: wraps the images.

        Returns:
            A line for each image that can't be read.

        Raises:
            InputError: none can be read.
        """
        problems = []
        for record in progress(dataset.images):
            try:
                image = record.read()
            except InputError as error:
                problems.append(str(error))
                continue
            for name, instances in self._ask(image, MIN_SCORE).items():
                own = renumbered(instances, index_of)
                judged = labelled_image(own, record, len(dataset.classes), self._confidence)
                self.seen[name].labelled.append(judged)
        if len(problems) == len(dataset.images):
            raise InputError(
                f"none of {len(problems)} images can be read; the first: {problems[0]}"
            )
        return problems

    def _ask(self, image: Image, min_score: float) -> dict[str, Instances]:
        """What each network that still runs sees, FP32 among them."""
        height, width = image.shape[:2]
        spec = suited(self._inputs, (width, height))
        self.judged_at[_size(spec)] += 1
        fed, fit = preprocess(image, spec)
        found = {}
        for name in list(self._networks):
            try:
                found[name] = self._instances(name, spec, fed, fit, min_score)
            except ModelError as error:
                self._refuse(name, error)
        return found

    def _instances(
        self, name: str, spec: InputSpec, fed: Floats, fit: Letterbox, min_score: float
    ) -> Instances:
        began = time.thread_time()
        outputs = self._networks[name].run(fed)
        self.seen[name].milliseconds.append((time.thread_time() - began) * 1000)
        return self._decoders[_size(spec)].decode(outputs, fit, min_score=min_score)

    def _refuse(self, name: str, error: ModelError) -> None:
        """Go on without a file; without FP32 there is nothing to judge by."""
        if name == REFERENCE:
            raise error
        self._networks.pop(name, None)
        self.seen[name] = Seen(refused=str(error))


def _size(spec: InputSpec) -> tuple[int, int]:
    return spec.width, spec.height
