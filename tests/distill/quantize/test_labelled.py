"""Figures of labelled images are those of `evaluate`, and can be drawn anew."""

import numpy as np
import pytest
from evaluating import SIZE, oracle, seen, truth, world

from distill.evaluate import evaluate
from distill.quantize.labelled import (
    average_precision,
    f1,
    labelled_image,
    over_redaction,
    pixel_leak,
)

CONFIDENCE = 0.25
CUP, CAN, CORNER = (0, 10, 10, 50, 60), (1, 70, 20, 120, 80), (0, 0, 70, 30, 96)


def moved(square, by):
    class_id, x0, y0, x1, y1 = square
    return class_id, x0 + by, y0, x1 + by, y1


def random_scene(rng):
    """Objects, some of them regions to ignore, and predictions near them or nowhere."""
    squares = []
    for _ in range(rng.integers(0, 5)):
        x, y = rng.integers(0, SIZE[1] - 40), rng.integers(0, SIZE[0] - 40)
        width, height = rng.integers(10, 40, 2)
        squares.append((int(rng.integers(2)), int(x), int(y), int(x + width), int(y + height)))
    objects = [truth(square, ignore=bool(rng.random() < 0.2)) for square in squares]
    near = [moved(square, int(rng.integers(-6, 7))) for square in squares for _ in range(2)]
    inside = [one for one in near if one[1] >= 0 and one[3] <= SIZE[1]]
    found = [(one, float(rng.random())) for one in [*inside, CORNER]]
    return objects, seen(sorted(found, key=lambda each: -each[1]))


@pytest.fixture
def judged(tmp_path):
    def run(scenes):
        dataset = world(tmp_path, [objects for objects, _ in scenes])
        answers = [found for _, found in scenes]
        images = [
            labelled_image(found, record, 2, CONFIDENCE)
            for found, record in zip(answers, dataset.images, strict=True)
        ]
        return images, evaluate(oracle(answers), dataset, conf=CONFIDENCE)

    return run


def test_all_figures_are_those_of_evaluate(judged):
    rng = np.random.default_rng(4)
    images, theirs = judged([random_scene(rng) for _ in range(30)])
    once = np.ones((1, 30))
    assert 0.05 < theirs.mask.ap < 0.95
    assert average_precision(images)(once) == pytest.approx([theirs.mask.ap])
    assert f1(images, CONFIDENCE)(once) == pytest.approx([theirs.working.f1])
    leak = theirs.leaks.together
    assert pixel_leak(images)(once) == pytest.approx([leak.pixel_leak])
    assert over_redaction(images)(once) == pytest.approx([leak.over_redaction])


def test_a_draw_is_as_if_the_images_stood_in_the_data_set_so_often(judged):
    rng = np.random.default_rng(5)
    scenes = [random_scene(rng) for _ in range(6)]
    often = [0, 3, 1, 2, 0, 1]
    images, _ = judged(scenes)
    drawn = [scene for scene, times in zip(scenes, often, strict=True) for _ in range(times)]
    _, theirs = judged(drawn)
    weights = np.array([often], float)
    assert average_precision(images)(weights) == pytest.approx([theirs.mask.ap])
    assert f1(images, CONFIDENCE)(weights) == pytest.approx([theirs.working.f1])
    assert pixel_leak(images)(weights) == pytest.approx([theirs.leaks.together.pixel_leak])


def test_a_class_without_objects_in_a_draw_is_not_counted(judged):
    images, _ = judged([([truth(CUP)], seen([(CUP, 0.9)])), ([truth(CAN)], seen([]))])
    assert average_precision(images)(np.array([[1, 1], [2, 0], [0, 2]], float)) == pytest.approx(
        [0.5, 1, 0]
    )


def test_nothing_to_find_is_no_figure(judged):
    images, _ = judged([([], seen([(CUP, 0.9)])), ([], seen([]))])
    assert np.isnan(average_precision(images)(np.ones((3, 2)))).all()


def test_only_the_hundred_best_of_a_class_count_in_an_image(judged):
    """As COCO has it."""
    false = [(CORNER, 0.9 - i / 1000) for i in range(100)]
    images, theirs = judged([([truth(CUP)], seen([*false, (CUP, 0.5)]))])
    assert theirs.mask.ap == 0
    assert average_precision(images)(np.ones((1, 1))) == [0]
