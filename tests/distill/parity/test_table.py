import pytest

from distill.parity.table import Row, format_table


@pytest.mark.parametrize(
    ("worst", "ok"),
    [(0, True), (0.5, True), (0.51, False), (float("nan"), False), (float("inf"), False)],
)
def test_a_row_is_ok_up_to_its_tolerance(worst, ok):
    assert Row("boxes", worst, 0.5).ok is ok


def test_what_is_infinite_is_wrong_whatever_is_tolerated():
    assert not Row("boxes", float("inf"), float("inf")).ok


def test_a_table_has_a_line_for_each_row_and_says_which_is_wrong():
    lines = format_table([Row("boxes", 0.25, 0.5), Row("mask logits", 3, 0)]).splitlines()
    assert [line.split("  ")[0] for line in lines] == ["boxes", "mask logits"]
    assert lines[0].endswith("ok")
    assert lines[1].endswith("OUT OF TOLERANCE")
    assert [line.split()[1] for line in lines] == ["0.25", "logits"]
    assert lines[0].index("0.25") + 4 == lines[1].index(" 3 ") + 2  # figures end in one column


def test_a_table_of_nothing_is_empty():
    assert format_table([]) == ""
