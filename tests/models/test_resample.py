"""Resampling against OpenCV, which has the same half-pixel centres."""

import cv2
import numpy as np
import pytest

from models.resample import Resampling, resample_part


@pytest.mark.parametrize(("inputs", "outputs"), [(5, 40), (40, 33), (7, 7), (1, 4), (9, 3)])
def test_one_step_is_bilinear(inputs, outputs):
    values = np.random.default_rng(0).normal(size=(inputs, 1)).astype(np.float32)
    wanted = cv2.resize(values, (1, outputs), interpolation=cv2.INTER_LINEAR)
    np.testing.assert_allclose(
        Resampling.bilinear(inputs, outputs).matrix @ values, wanted, atol=1e-5
    )


def test_two_steps_are_one_product():
    first, second = Resampling.bilinear(6, 48), Resampling.bilinear(48, 31)
    np.testing.assert_allclose(first.then(second).matrix, second.matrix @ first.matrix, atol=1e-6)


@pytest.mark.parametrize("spot", [(0, 0), (3, 8), (9, 11), (5, 5)])
def test_a_part_is_the_whole_cut_out_and_nothing_outside_exceeds_the_floor(spot):
    cells = np.random.default_rng(1).uniform(-9, -4, (10, 12)).astype(np.float32)
    cells[spot] = 6
    rows, columns = Resampling.bilinear(10, 77), Resampling.bilinear(12, 95)
    whole = rows.matrix @ cells @ columns.matrix.T
    x, y, part = resample_part(cells, rows, columns, floor=-3)
    inside = np.zeros(whole.shape, bool)
    inside[y : y + part.shape[0], x : x + part.shape[1]] = True
    np.testing.assert_allclose(part, whole[y : y + part.shape[0], x : x + part.shape[1]], atol=1e-5)
    assert whole[~inside].max() <= -3
    assert part.size < whole.size / 4


def test_nothing_above_the_floor_is_nothing():
    flat = np.full((4, 4), -5, np.float32)
    step = Resampling.bilinear(4, 9)
    assert resample_part(flat, step, step, floor=-3) is None


def test_what_lies_in_the_padding_only_is_nothing():
    cells = np.full((4, 4), -5, np.float32)
    cells[3, 3] = 5
    step = Resampling.bilinear(4, 32)
    assert resample_part(cells, step.first(20), step, floor=-3) is None
