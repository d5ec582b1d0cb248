"""Working point: precision, recall and F1 at the confidence that a network runs at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class WorkingPoint:
    """What one confidence gives. A prediction counts if it scores `confidence` or more.

    Attributes:
        confidence: the least score.
        right: objects that were found.
        wrong: predictions that are none.
        missed: objects that were not found.
    """

    confidence: float
    right: int
    wrong: int
    missed: int

    @property
    def precision(self) -> float:
        """The share of predictions that are right; NaN without predictions."""
        return _share(self.right, self.right + self.wrong)

    @property
    def recall(self) -> float:
        """The share of objects that were found; NaN without objects."""
        return _share(self.right, self.right + self.missed)

    @property
    def f1(self) -> float:
        """The harmonic mean of both; NaN with neither predictions nor objects."""
        return _share(2 * self.right, 2 * self.right + self.wrong + self.missed)


@dataclass(frozen=True)
class Scores:
    """All predictions that count, best score first, and how many objects there are.

    Attributes:
        score: float64 [N], falling.
        right: bool [N].
        objects: what there was to find.
    """

    score: npt.NDArray[np.float64]
    right: npt.NDArray[np.bool_]
    objects: int

    @classmethod
    def sorted(cls, score: list[float], right: list[bool], objects: int) -> Scores:
        """Put predictions in order."""
        order = np.argsort(-np.asarray(score, np.float64), kind="stable")
        return cls(np.asarray(score, np.float64)[order], np.asarray(right, bool)[order], objects)

    def at(self, confidence: float) -> WorkingPoint:
        """The working point of a confidence."""
        right = int(self.right[self.score >= confidence].sum())
        wrong = int((~self.right[self.score >= confidence]).sum())
        return WorkingPoint(confidence, right, wrong, self.objects - right)

    def f1_curve(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Each score that occurs, falling, and the F1 of everything down to it."""
        if not len(self.score):
            return np.empty(0), np.empty(0)
        index = np.flatnonzero(np.append(np.diff(self.score) != 0, True))
        right = np.cumsum(self.right)[index]
        return self.score[index], 2 * right / np.maximum(index + 1 + self.objects, 1)

    def best(self) -> WorkingPoint | None:
        """The working point with the highest F1; None where nothing was right."""
        score, f1 = self.f1_curve()
        if not len(f1) or f1.max() <= 0:
            return None
        return self.at(float(score[int(f1.argmax())]))


def _share(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")
