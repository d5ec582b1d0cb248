"""Rare classes come up more often, as LVIS' repeat factor has it."""

from pathlib import Path

import numpy as np
import pytest

from distill.data.record import Annotation, ImageRecord
from distill.data.repeat_factors import balance_lines, class_factors, repeat_factors, repeated
from distill.data.rle import from_box


def image(number, *classes, ignored=()):
    box, size = (0, 0, 4, 4), (8, 8)
    objects = [Annotation(c, box, from_box(box, size), ignore=False) for c in classes]
    objects += [Annotation(c, box, from_box(box, size), ignore=True) for c in ignored]
    return ImageRecord(number, Path(f"{number}.jpg"), 8, 8, None, None, tuple(objects))


def world():
    """Of 100 images: class 0 in 60, class 1 in 4, class 2 in one that has 1, too; 30 are empty."""
    images = [image(n, 0, 0) for n in range(60)]
    images += [image(60 + n, 1) for n in range(3)]
    images += [image(63, 1, 2), *(image(64 + n, 0, ignored=(2,)) for n in range(6))]
    return images + [image(70 + n) for n in range(30)]


def test_the_papers_formula():
    factors = class_factors(world(), 0.16)
    assert factors == {0: 1.0, 1: pytest.approx(2.0), 2: pytest.approx(4.0)}
    of_image = repeat_factors(world(), 0.16)
    assert of_image.tolist() == pytest.approx([1.0] * 60 + [2.0] * 3 + [4.0] + [1.0] * 36)
    assert set(repeat_factors(world(), 0.0)) == {1.0}
    assert balance_lines(world(), 0.16, ("a", "b", "c")) == [
        "balance: images with b come up 2.0 times as often",
        "balance: images with c come up 4.0 times as often",
    ]
    assert len(repeat_factors([], 0.1)) == 0


def test_a_pass_has_each_image_as_often_as_its_factor_says():
    factors = np.array([1.0, 2.5, 1.0, 1.3, 3.2])
    random = np.random.default_rng(0)
    counts = np.array([np.bincount(repeated(factors, random), minlength=5) for _ in range(2000)])
    assert set(counts.sum(axis=1)) == {9}
    assert (counts >= np.floor(factors)).all()
    assert (counts <= np.ceil(factors)).all()
    assert counts.mean(axis=0) == pytest.approx(factors, abs=0.05)


def test_without_rare_classes_a_pass_is_every_image_once():
    for seed in range(50):
        drawn = repeated(np.ones(17), np.random.default_rng(seed))
        assert drawn.tolist() == list(range(17))
    assert len(repeated(np.ones(0), np.random.default_rng(0))) == 0
