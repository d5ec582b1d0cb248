"""Figures from evaluate, or from anybody, or one line about what is wrong with them."""

import json

import pytest

from distill.errors import InputError
from distill.pack.figures import read_figures, read_file_thresholds, read_thresholds

STUDENT, TEACHER, FILE = "a" * 64, "b" * 64, "d" * 64


def model(sha256, ap):
    return {
        "name": "x",
        "sha256": sha256,
        "mask_map": ap,
        "mask_map50": 0.8,
        "box_map": None,
        "pixel_leak": 0.01,  # at other thresholds than the bundle's
    }


def written(path, content):
    path.write_text(json.dumps(content))
    return path


def test_a_report_gives_the_student_s_and_the_teacher_s(tmp_path):
    models = [model("c" * 64, 0.2), model(TEACHER, 0.6), model(STUDENT, 0.5)]
    report = written(tmp_path / "metrics.json", {"data": "val.json", "models": models})
    plain = written(tmp_path / "control.json", {"control_mask_map": 0.4, "mask_map": 0.51})
    found = read_figures([report, plain], STUDENT, TEACHER)
    assert found == {
        "mask_map": 0.51,
        "mask_map50": 0.8,
        "teacher_mask_map": 0.6,
        "teacher_mask_map50": 0.8,
        "control_mask_map": 0.4,
    }
    assert "teacher_mask_map" not in read_figures([report], STUDENT)


def ladder(tmp_path, **changes):
    def result(sha256, ap):
        return {"sha256": sha256, "mask_map": ap, "mask_map50": round(ap + 0.24, 2), "f1": 0.7}

    content = {
        "teacher": result(TEACHER, 0.6),
        "rungs": {
            "pseudo": {"results": [result("c" * 64, 0.40), result("d" * 64, 0.41)]},
            "mask": {"results": [result("e" * 64, 0.50), result(STUDENT, 0.51)]},
        },
    }
    return written(tmp_path / "ladder.json", content | changes)


def test_a_ladder_gives_the_control_s_of_the_same_seed(tmp_path):
    assert read_figures([ladder(tmp_path)], STUDENT, TEACHER) == {
        "mask_map": 0.51,
        "mask_map50": 0.75,
        "control_mask_map": 0.41,
        "control_mask_map50": 0.65,
        "teacher_mask_map": 0.6,
        "teacher_mask_map50": 0.84,
    }
    assert "teacher_mask_map" not in read_figures([ladder(tmp_path)], STUDENT)


def test_a_ladder_without_this_student_or_of_another_form_is_refused(tmp_path):
    with pytest.raises(InputError, match="no arm with this student's weights"):
        read_figures([ladder(tmp_path)], "f" * 64)
    for changes in ({"rungs": []}, {"rungs": {"mask": {}}}, {"rungs": {"mask": {"results": [1]}}}):
        with pytest.raises(InputError, match=r"is no ladder\.json"):
            read_figures([ladder(tmp_path, **changes)], STUDENT)


def test_a_report_of_another_network_is_refused(tmp_path):
    strange = [None, {"sha256": []}, {"mask_map": 0.9}]
    report = written(tmp_path / "m.json", {"models": [model(TEACHER, 0.6), *strange]})
    with pytest.raises(InputError, match="measures other networks"):
        read_figures([report], STUDENT, TEACHER)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"map": NaN}', "'map' is nan, not a number"),
        ('{"map": Infinity}', "not a number"),
        ('{"map": "0.5"}', "not a number"),
        ('{"map": 1' + "0" * 400 + "}", "not a number"),
        ('{"map": true}', "not a number"),
        ('{"map": null}', "not a number"),
        ("[1]", "no figures by name"),
        ("{", "cut off"),
    ],
)
def test_what_is_no_figure_is_refused(tmp_path, text, message):
    path = tmp_path / "m.json"
    path.write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        read_figures([path], STUDENT)
    assert "\n" not in str(caught.value)


def test_thresholds_are_those_of_the_sweep(tmp_path):
    alone = written(tmp_path / "alone.json", {"thresholds": {"cup": 0.12}})
    assert read_thresholds(alone, ("cup", "can"), STUDENT) == {"cup": 0.12}
    sweep = {
        "networks": [
            {"sha256": STUDENT, "thresholds": {"cup": 0.2}, "classes": {}},
            {"sha256": FILE, "thresholds": {"cup": 0.15}, "classes": {}},
        ]
    }
    path = written(tmp_path / "sweep.json", sweep)
    assert read_thresholds(path, ("cup", "can"), STUDENT) == {"cup": 0.2}
    with pytest.raises(InputError, match=r"sweep\.json is of other networks"):
        read_thresholds(path, ("cup", "can"), TEACHER)


def test_a_file_has_thresholds_of_its_own_or_none(tmp_path):
    networks = [{"sha256": FILE, "thresholds": {"cup": 0.15}}]
    path = written(tmp_path / "sweep.json", {"networks": networks})
    assert read_file_thresholds(path, ("cup", "can"), FILE) == {"cup": 0.15}
    assert read_file_thresholds(path, ("cup", "can"), STUDENT) is None
    alone = written(tmp_path / "alone.json", {"thresholds": {"cup": 0.12}})
    assert read_file_thresholds(alone, ("cup", "can"), FILE) is None
    with pytest.raises(InputError, match="no class 'cup'"):
        read_file_thresholds(path, ("mug",), FILE)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"thresholds": {"cupp": 0.1}}, "no class 'cupp'; did you mean 'cup'"),
        ({"thresholds": {"zebra": 0.1}}, "no class 'zebra'; it knows cup, can"),
        ({"thresholds": {"cup": 1.1}}, "not between 0 and 1"),
        ({"thresholds": {"cup": float("nan")}}, "not a number"),
        ({"thresholds": [0.1]}, "no object 'thresholds'"),
        ({"cup": 0.1}, "no object 'thresholds'"),
        ({"networks": [{"thresholds": {"cup": 0.1}}]}, "no sweep.json"),
        ({"networks": 3}, "no sweep.json"),
        ({"networks": [{"sha256": STUDENT, "thresholds": {"cup": 2}}]}, "not between 0 and 1"),
        ([], "no object 'thresholds'"),
    ],
)
def test_thresholds_of_something_else_are_refused(tmp_path, content, message):
    path = written(tmp_path / "sweep.json", content)
    with pytest.raises(InputError, match=message):
        read_thresholds(path, ("cup", "can"), STUDENT)
