"""Tables and pictures of an evaluation."""

import pytest
from evaluating import oracle, seen, truth, world

from distill.data.images import read_rgb, size_of
from distill.errors import OutputError
from distill.evaluate import evaluate
from distill.evaluate.curves import draw_curves
from distill.evaluate.report import table
from distill.evaluate.worst_images import draw_worst

CUP, CAN = (0, 10, 10, 50, 50), (1, 60, 20, 100, 60)
RED, YELLOW, ORANGE, GREEN = (255, 69, 58), (255, 214, 10), (255, 149, 0), (46, 204, 113)


@pytest.fixture
def judge(tmp_path):
    def judge(images, predictions):
        return evaluate(oracle(predictions), world(tmp_path, images))

    return judge


def colours(path):
    return {tuple(pixel) for pixel in read_rgb(path).reshape(-1, 3).tolist()}


def test_one_network_is_a_column(judge):
    text = table(["tiny"], [judge([[truth(CUP)]] * 5, [seen([(CUP, 0.9)])] * 5)])
    lines = {line[:34].strip(): line[34:].split() for line in text.splitlines()}
    assert lines["mask mAP 50:95"] == ["1.000"]
    assert lines["mask mAP small"] == ["-"]
    assert lines["F1 at confidence 0.25"] == ["1.000"]
    assert lines["cup (5)"] == ["1.000", "F1", "1.000"]
    assert "can (0)" not in lines
    assert "change" not in text


def test_two_networks_are_two_columns_and_what_changed(judge):
    images = [[truth(CUP)], [truth(CUP)]]
    before = judge(images, [seen([(CUP, 0.9)]), seen([])])
    after = judge(images, [seen([(CUP, 0.9)])] * 2)
    text = table(["best", "best"], [before, after])
    lines = {line[:34].strip(): line[34:].split() for line in text.splitlines()}
    assert text.startswith("(1) best\n(2) best\n")
    assert lines["recall at confidence 0.25"] == ["0.500", "1.000", "+0.500"]
    assert lines["mask mAP small"] == ["-", "-", "-"]
    assert lines["cup (2)"] == ["0.505", "1.000", "+0.495", "F1", "0.667", "1.000"]


def test_boxes_alone_have_no_rows_of_masks(judge):
    text = table(["boxes"], [judge([[truth(CUP)]], [seen([(CUP, 0.9)], masks=False)])])
    assert "mask mAP" not in text
    assert "box AP by class" in text


@pytest.mark.slow
def test_the_sheet_shows_each_fault_in_its_colour(judge, tmp_path):
    found = judge(
        [[truth(CUP), truth(CAN)], [truth(CUP)]],
        [seen([((0, 70, 60, 100, 90), 0.9)]), seen([((0, 25, 10, 65, 50), 0.8)])],
    )
    draw_worst(tmp_path / "worst.png", "tiny", found)
    assert {RED, YELLOW, ORANGE, GREEN} <= colours(tmp_path / "worst.png")


def test_a_sheet_of_nothing_says_so(judge, tmp_path):
    draw_worst(tmp_path / "worst.png", "tiny", judge([[]], [seen([])]))
    assert size_of(tmp_path / "worst.png")[0] > 500


def test_an_image_that_vanished_does_not_end_the_sheet(judge, tmp_path):
    found = judge([[truth(CUP)]], [seen([])])
    (tmp_path / "0.png").unlink()
    draw_worst(tmp_path / "worst.png", "tiny", found)
    assert (tmp_path / "worst.png").is_file()


@pytest.mark.slow
def test_boxes_are_drawn_where_there_are_no_masks(judge, tmp_path):
    found = judge([[]], [seen([(CUP, 0.9)], masks=False)])
    draw_worst(tmp_path / "worst.png", "tiny", found)
    assert RED in colours(tmp_path / "worst.png")


@pytest.mark.slow
@pytest.mark.parametrize("predictions", [[seen([(CUP, 0.9), (CAN, 0.4)])], [seen([])]])
def test_curves_are_drawn_of_much_and_of_nothing(judge, tmp_path, predictions):
    found = judge([[truth(CUP), truth(CAN)]], predictions)
    draw_curves(tmp_path / "one.png", ["tiny"], [found])
    draw_curves(tmp_path / "two.png", ["tiny", "large"], [found, found])
    for name in ("one.png", "two.png"):
        assert size_of(tmp_path / name) == (1650, 735)


def test_curves_without_anything_to_find(judge, tmp_path):
    draw_curves(tmp_path / "a.png", ["tiny"], [judge([[]], [seen([])])])
    assert (tmp_path / "a.png").is_file()


def test_a_picture_that_cant_be_written_is_one_line(judge, tmp_path):
    found = judge([[]], [seen([])])
    with pytest.raises(OutputError, match="can't be written"):
        draw_worst(tmp_path / "none" / "a.png", "tiny", found)
    with pytest.raises(OutputError, match="can't be written"):
        draw_curves(tmp_path / "none" / "a.png", ["tiny"], [found])
