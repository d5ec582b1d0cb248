"""Parity: is this RTMDet-Ins the original's? Checked against tensors that the original gave."""

from __future__ import annotations

from typing import TYPE_CHECKING

from distill.parity.fixture import Fixture
from distill.parity.infer import check_inference
from distill.parity.table import Row
from distill.parity.train import check_training

if TYPE_CHECKING:
    from pathlib import Path


def check(path: Path) -> list[Row]:
    """Compare everything that a fixture holds.

    Raises:
        InputError: it is no fixture.
    """
    fixture = Fixture(path)
    weights = Row("weights by formula", fixture.wrong_weights(), 0)
    return [weights, *check_inference(fixture), *check_training(fixture)]
