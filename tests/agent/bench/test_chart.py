"""The picture, judged by the colours in it."""

import cv2
import numpy as np
import pytest

from agent.bench.chart import chart
from agent.pictures.palette import class_colours

pytestmark = pytest.mark.slow


def drawn(report):
    png = np.frombuffer(chart(report), np.uint8)
    return cv2.imdecode(png, cv2.IMREAD_COLOR)[..., ::-1]


def widths(picture, colours):
    """How wide what is drawn in each colour is."""
    found = []
    for colour in colours:
        columns = np.flatnonzero((picture == colour).all(axis=2).any(axis=0))
        found.append(columns[-1] - columns[0] + 1 if len(columns) else 0)
    return found


def test_bars_are_as_long_as_medians(report):
    picture = drawn(report)
    assert picture.shape[1] == 1200
    gpu, cpu = widths(picture, class_colours(["tensorrt", "onnxruntime-cpu"]).values())
    assert cpu > 200
    assert gpu == pytest.approx(cpu / 10, abs=2)


def test_without_a_clip_or_a_network_it_is_drawn_all_the_same(report):
    with_clip = drawn(report)
    without = drawn(report.model_copy(update={"clip": None}))
    assert without.shape[0] < with_clip.shape[0]
    (bars,) = widths(drawn(report.model_copy(update={"networks": ()})), [(31, 144, 228)])
    assert bars == 0


def test_a_formula_in_a_name_is_none(report):
    machine = report.machine.model_copy(update={"device": r"Board $\frac{1$"})
    assert drawn(report.model_copy(update={"machine": machine})).shape[1] == 1200
