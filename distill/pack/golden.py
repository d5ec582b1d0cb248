"""Golden: which pictures prove a bundle at which of its sizes, and what is to be seen in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from distill.pack.compare import SELF_TEST
from models.errors import ModelError
from models.golden import GoldenFrame
from models.input_size import bars
from models.self_test import check, look

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from distill.data.images import Image
    from distill.pack.student import Student
    from models.instances import Instances
    from models.manifest import Manifest, Role
    from models.runtime.network import Runnable

_SURE = 0.8
"""Of what a device may be off by, so that one that rounds otherwise passes, too. Chosen, not
measured."""


def golden_of(
    images: Sequence[Image],
    student: Student,
    manifest: Manifest,
    judged: Mapping[Role, Runnable],
) -> list[GoldenFrame]:
    """Frames with what PyTorch sees in them: one that proves something at each size, and the rest.

    Where there are fewer pictures than sizes, a picture is used several times. What a judged network
    sees otherwise than PyTorch is left out: that it loses a little was measured when it was judged.

    Args:
        images: RGB.
        student: in PyTorch.
        manifest: how the files are fed and read.
        judged: the networks that are not the student's own arithmetic.

    Raises:
        ModelError: at one of the sizes no picture proves anything.
    """
    pictures = _Pictures(images, student, manifest, judged)
    unused, frames = [*range(len(images))], []
    for spec in manifest.inputs():
        shapes = {i: (image.shape[1], image.shape[0]) for i, image in enumerate(images)}
        by_shape = sorted(shapes, key=lambda i: (i not in unused, bars(spec, shapes[i])))
        size = (spec.width, spec.height)
        index, frame = pictures.first_that_proves(by_shape, size)
        frames.append(frame)
        unused = [i for i in unused if i != index]
    first = (manifest.input.width, manifest.input.height)
    rest = (pictures.frame(i, first) for i in unused)
    return [*frames, *(frame for frame in rest if pictures.worst(frames[0], frame)[0] <= _SURE)]


class _Pictures:
    """Pictures that can be looked at in every size."""

    def __init__(
        self,
        images: Sequence[Image],
        student: Student,
        manifest: Manifest,
        judged: Mapping[Role, Runnable],
    ) -> None:
        self._images, self._student = images, student
        self._manifest, self._judged = manifest, judged

    def frame(self, index: int, size: tuple[int, int]) -> GoldenFrame:
        """What PyTorch sees in a picture at this size."""
        image = self._images[index]
        return GoldenFrame(image, look(image, self._manifest, self._student, size), size)

    def worst(self, *frames: GoldenFrame) -> tuple[float, str]:
        """What judged networks see otherwise in frames of which one shows something.

        Returns:
            The worst as a share of what is allowed, and what it is.
        """
        found = (0.0, "nothing differs")
        for role, network in self._judged.items():
            verdict = check(frames, self._manifest, network, SELF_TEST)
            found = max(found, (verdict.share, f"{role}: {verdict.line}"))
        return found

    def first_that_proves(
        self, order: Sequence[int], size: tuple[int, int]
    ) -> tuple[int, GoldenFrame]:
        """The first of these pictures that proves something, if possible with room to spare.

        Raises:
            ModelError: none does.
        """
        refused, close = None, None
        for index in order:
            frame = self.frame(index, size)
            if not _proves(frame.expected, self._manifest):
                continue
            share, line = self.worst(frame)
            if share <= _SURE:
                return index, frame
            if share <= 1:
                close = close or (index, frame)
            else:
                refused = line
        if close:
            return close
        where = f"{len(order)} golden frames at {size[0]}x{size[1]}"
        if refused:
            raise ModelError(
                f"in none of {where} every file sees what PyTorch sees ({refused}); choose others, "
                "more (--frames), or pack without that precision"
            )
        raise ModelError(
            f"the student sees nothing clearly above its thresholds in {where}, so they can't prove "
            "it; choose others, more (--frames), or train it longer"
        )


def _proves(expected: Instances, manifest: Manifest) -> bool:
    """Whether a self-test would miss something if a network saw nothing here."""
    names = {spec.id: spec.name for spec in manifest.classes}
    return any(
        score > manifest.threshold(names[int(label)]) + SELF_TEST.score
        for score, label in zip(expected.scores, expected.classes, strict=True)
    )
