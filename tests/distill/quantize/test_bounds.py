"""What is demanded, and what is said where it is not met."""

import pytest

from distill.errors import UsageError
from distill.quantize.bounds import bounds_of, check_names, failures
from distill.quantize.quantize_record import Figure

GOOD = {
    "mask_map": Figure(value=0.30, change=-0.008),
    "f1": Figure(value=0.5, change=0.02),
    "agreement": Figure(value=0.93),
    "score_shift": Figure(value=-0.008),
    "mask_iou": Figure(value=0.96),
}


def test_a_good_file_passes():
    assert failures(GOOD, bounds_of("uint8", {})) == ()


@pytest.mark.parametrize(
    ("figure", "line"),
    [
        ({"mask_map": Figure(value=0.3, change=-0.0124)}, "mask_map_loss is 1.24, at most 1 is"),
        ({"f1": Figure(value=0.3, change=-0.011)}, "f1_loss is 1.1, at most 1 is demanded"),
        ({"agreement": Figure(value=0.85)}, "agreement is 0.85, at least 0.86 is demanded"),
        ({"score_shift": Figure(value=-0.016)}, "score_shift is 0.016, at most 0.015 is"),
        ({"score_shift": Figure(value=0.016)}, "score_shift is 0.016, at most 0.015 is"),
        ({"mask_iou": Figure(value=0.5)}, "mask_iou is 0.5, at least 0.94 is demanded"),
        ({"mask_iou": Figure()}, "mask_iou is nothing to measure, at least 0.94 is demanded"),
    ],
)
def test_each_bound_refuses(figure, line):
    (said,) = failures({**GOOD, **figure}, bounds_of("uint8", {}))
    assert said.startswith(line)


def test_without_labels_nothing_is_asked_of_average_precision():
    alike = {name: GOOD[name] for name in ("agreement", "score_shift", "mask_iou")}
    assert failures(alike, bounds_of("int8", {})) == ()


def test_each_file_has_bounds_of_its_own():
    assert bounds_of("uint8", {})["mask_map_loss"] == 1.0
    assert bounds_of("int8", {})["mask_map_loss"] == 1.5
    assert bounds_of("fp16", {}) == {"agreement": 0.99, "score_shift": 0.002, "mask_iou": 0.998}


def test_others_can_be_stated_for_all_files_or_for_one():
    stated = {"agreement": 0.5, "int8.agreement": 0.4, "mask_iou": 0.9}
    check_names(stated)
    assert bounds_of("uint8", stated)["agreement"] == 0.5
    assert bounds_of("int8", stated)["agreement"] == 0.4
    assert bounds_of("fp16", stated)["mask_iou"] == 0.9
    assert "mask_map_loss" not in bounds_of("fp16", {"mask_map_loss": 1})


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("agrement", "did you mean 'agreement'?"),
        ("speed", "there are mask_map_loss, f1_loss"),
        ("fp16.f1_loss", "no bound is called 'fp16.f1_loss'"),
    ],
)
def test_what_is_no_bound_is_said(name, hint):
    with pytest.raises(UsageError, match="--bounds: ") as caught:
        check_names({name: 1.0})
    assert hint in str(caught.value)
