"""What is judged are a network's own masks; what the device hides around them only leaks or not."""

import json
from dataclasses import replace

import numpy as np
import pytest
from evaluating import SIZE, oracle, seen, truth, world

from distill.data import rle as run_length
from distill.data.record import ImageRecord
from distill.evaluate import evaluate
from distill.evaluate.predictions import predictions_of
from distill.evaluate.report import table
from distill.evaluate.subject import renumbered
from models.decode.yolo_seg import MASK_GROW, YoloSegDecoder
from models.input_spec import InputSpec
from models.instances import Instances, Mask
from models.preprocess import Letterbox

SPEC = InputSpec(width=64, height=64)


def outputs(seed):
    """Raw outputs of a network that sees a dozen objects with ragged masks, some of them empty."""
    rng = np.random.default_rng(seed)
    predictions = np.zeros((1, 38, 84), np.float32)
    for i in range(12):
        centre, sides = rng.uniform(-4, 68, 2), rng.uniform(3, 40, 2)
        predictions[0, :6, i] = [*centre, *sides, *rng.uniform(0.3, 1, 2)]
        predictions[0, 6:, i] = rng.normal(-0.2, 1, 32)
    return predictions, rng.normal(0, 0.5, (1, 32, 16, 16)).astype(np.float32)


@pytest.mark.parametrize("source", [(64, 64), (96, 72), (50, 200)])
@pytest.mark.parametrize("seed", range(4))
def test_what_is_judged_is_what_the_decoder_gives_without_growth(seed, source):
    fit = Letterbox.fit(source, SPEC)
    record = ImageRecord(1, None, *source, None, None, ())
    grown, own = (
        YoloSegDecoder(SPEC, 2, mask_grow=grow).decode(outputs(seed), fit)
        for grow in (MASK_GROW, 0)
    )
    assert len(own) > 3
    assert any(
        a.pixels.shape != b.pixels.shape for a, b in zip(grown.masks, own.masks, strict=True)
    )
    judged, expected = predictions_of(grown, record), predictions_of(own, record)
    table = [
        run_length.overlaps([a.rle], [b.rle])[0, 0] for a, b in zip(judged, expected, strict=True)
    ]
    assert min(table) > 0.99  # where a cell is read from differs in float32's last digits
    assert [one.box for one in judged] == [one.box for one in expected]


def test_an_object_whose_mask_lies_beside_its_box_fills_its_box():
    mask = np.zeros((14, 12), np.uint8)
    mask[:2] = 255
    found = Instances(
        np.array([[20, 20, 30, 30]], np.float32),
        np.array([0.9], np.float32),
        np.array([0]),
        (Mask(19, 18, mask),),
        mask_grow=0.2,
    )
    record = ImageRecord(1, None, SIZE[1], SIZE[0], None, None, ())
    (judged,) = predictions_of(found, record)
    assert run_length.box(judged.rle) == (20, 20, 30, 30)
    assert run_length.area(judged.rle) == 100


CUP = (0, 30, 20, 70, 60)
GROWN = (0, 26, 16, 74, 64)


def grown_cup(mask_grow):
    """A cup that is found exactly, its mask a tenth larger."""
    found = seen([(CUP, 0.9)])
    return replace(found, masks=seen([(GROWN, 0.9)]).masks, mask_grow=mask_grow)


def test_growth_costs_no_precision_and_hides_more(tmp_path):
    dataset = world(tmp_path, [[truth(CUP)]])
    plain, device, wrong = (
        evaluate(oracle([found]), dataset)
        for found in (seen([(CUP, 0.9)]), grown_cup(0.1), grown_cup(0.0))
    )
    assert plain.mask.ap == device.mask.ap == 1
    assert wrong.mask.ap < 0.5, "a mask that is too large by itself stays wrong"
    assert device.working == plain.working
    assert device.leaks.together.over_redaction > plain.leaks.together.over_redaction
    assert device.leaks.together.pixel_leak == 0


def test_both_growths_are_said(tmp_path):
    dataset = world(tmp_path, [[truth(CUP)]])
    grown = evaluate(oracle([grown_cup(0.1)]), dataset)
    plain = evaluate(oracle([grown_cup(0)]), dataset)
    assert "up to 10% beyond their boxes here, as the device hides; 0% in all else" in table(
        ["student"], [grown]
    )
    assert "beyond" not in table(["student"], [plain])
    assert json.loads(json.dumps(grown.to_json()))["mask_grow"] == 0.1
    assert plain.to_json()["mask_grow"] == 0


def test_other_numbers_for_classes_change_no_masks():
    found = renumbered(grown_cup(0.1), {0: 1})
    assert found.classes.tolist() == [1]
    assert found.mask_grow == 0.1
