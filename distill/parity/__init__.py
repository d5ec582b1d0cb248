"""Parity: our RTMDet-Ins compared with tensors that the original gave."""

from __future__ import annotations

from typing import TYPE_CHECKING

from distill.parity.fixture import Fixture
from distill.parity.infer import check_inference, check_structure
from distill.parity.table import Row
from distill.parity.train import check_training

if TYPE_CHECKING:
    from pathlib import Path


def check_fixture(path: Path) -> list[Row]:
    """Compare everything that a fixture holds.

    Raises:
        InputError: it is no fixture.
    """
    fixture = Fixture(path)
    rows = [Row("weights by formula", fixture.wrong_weights(), 0), *check_structure(fixture)]
    if all(row.ok for row in rows):
        rows += [*check_inference(fixture), *check_training(fixture)]
    return rows
