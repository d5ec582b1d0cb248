"""What leaks, on hand-made masks whose figures are known."""

import json
import math

import numpy as np
import pytest
from evaluating import SIZE, oracle, seen, truth, world

from agent.hidden import Hidden
from agent.redact_image import redact_image
from agent.settings import BlurSettings
from distill.data import rle as run_length
from distill.data.record import Annotation, ImageRecord
from distill.evaluate import evaluate
from distill.evaluate.cover import MARGIN, cover_of
from distill.evaluate.leak import STEPS, LeakCounter
from distill.evaluate.report import table
from models.instances import Instances, Mask
from models.masks import OUTLINE_PROBABILITY

CUP, CAN = (0, 10, 10, 50, 50), (1, 60, 20, 100, 60)
PICTURE = SIZE[0] * SIZE[1]


def record(*objects):
    return ImageRecord(1, None, SIZE[1], SIZE[0], None, None, objects)


def counted(images, thresholds=(0.25, 0.25), margin=0.0):
    counter = LeakCounter(thresholds, margin)
    for objects, predictions in images:
        counter.add(predictions, record(*objects))
    return counter.leaks()


def shares(leak):
    return leak.pixel_leak, leak.instance_leak, leak.over_redaction


def test_what_is_hidden_exactly_leaks_nothing():
    found = counted([([truth(CUP), truth(CAN)], seen([(CUP, 0.9), (CAN, 0.8)]))])
    assert shares(found.together) == (0, 0, 0)
    assert [shares(leak) for leak in found.by_class] == [(0, 0, 0)] * 2


def test_a_quarter_that_shows_is_a_leak_and_what_stands_out_is_hidden_in_vain():
    moved = (0, 20, 10, 60, 50)
    found = counted([([truth(CUP)], seen([(moved, 0.9)]))])
    assert shares(found.together) == (0.25, 1, 400 / PICTURE)


@pytest.mark.parametrize(("rows", "leaking"), [(38, 0), (37, 1)])
def test_an_object_leaks_when_less_than_95_percent_are_covered(rows, leaking):
    found = counted([([truth(CUP)], seen([((0, 10, 10, 50, 10 + rows), 0.9)]))])
    assert found.together.leaking == leaking
    assert found.together.shown == 40 * (40 - rows)


def test_two_predictions_cover_one_object_together():
    halves = [((0, 10, 10, 30, 50), 0.9), ((0, 28, 10, 50, 50), 0.4)]
    found = counted([([truth(CUP)], seen(halves))])
    assert shares(found.together) == (0, 0, 0)
    assert shares(dict(found.curves[0])[0.5]) == (0.5, 1, 0)


def test_pixels_of_objects_that_overlap_count_once_and_the_objects_each():
    behind = truth((0, 30, 10, 70, 50))
    found = counted([([truth(CUP), behind], seen([(CUP, 0.9)]))])
    assert (found.together.pixels, found.together.objects) == (60 * 40, 2)
    assert (found.together.shown, found.together.leaking) == (20 * 40, 1)


def test_an_object_that_was_taken_for_another_is_hidden_all_the_same():
    found = counted([([truth(CUP)], seen([((1, *CUP[1:]), 0.9)]))])
    assert shares(found.together) == (0, 0, 0)
    # A device that hides cups alone would have shown it.
    assert shares(found.by_class[0]) == (1, 1, 0)
    assert found.by_class[1].over == 0


def test_regions_to_ignore_count_neither_way():
    region = truth((1, 60, 0, 128, 96), ignore=True)
    found = counted([([truth(CUP), region], seen([(CUP, 0.9), (CAN, 0.9)]))])
    assert shares(found.together) == (0, 0, 0)
    assert found.together.objects == 1
    assert math.isnan(found.by_class[1].pixel_leak)
    without = counted([([truth(CUP)], seen([(CUP, 0.9), (CAN, 0.9)]))])
    assert without.together.over == 1600


def test_an_object_under_a_region_to_ignore_must_still_be_hidden():
    region = truth((0, 0, 0, 128, 96), ignore=True)
    found = counted([([truth(CUP), region], seen([]))])
    assert shares(found.together) == (1, 1, 0)


def test_nothing_to_hide_is_no_figure_and_nothing_seen_leaks_all():
    empty = counted([([], seen([(CUP, 0.9)]))])
    assert math.isnan(empty.together.pixel_leak)
    assert math.isnan(empty.together.instance_leak)
    assert empty.together.over_redaction == 1600 / PICTURE
    assert empty.to_json() == {
        "margin": 0.0,
        "mask_grow": 0.0,
        "pixel_leak": None,
        "instance_leak": None,
        "over_redaction": round(1600 / PICTURE, 6),
    }
    blind = counted([([truth(CUP)], Instances.none())])
    assert shares(blind.together) == (1, 1, 0)
    assert shares(blind.curves[0][0][1]) == (1, 1, 0)


def test_boxes_are_hidden_whole_where_there_are_no_masks():
    found = seen([((0, 10, 10, 50, 50), 0.9), ((0, 120, 90, 140, 120), 0.9)], masks=False)
    found.boxes[0] += np.float32([0.5, 0, -0.5, 0])  # every pixel that it touches
    leak = counted([([truth(CUP)], found)]).together
    assert leak.shown == 0
    assert 8 * 6 <= leak.over <= 8 * 6 + 4 * 41  # a box is grown until its corners are inside
    outside = seen([((0, 200, 10, 240, 50), 0.9)], masks=False)
    assert cover_of(outside, 0, SIZE) is None


def probability(mask):
    return Instances(
        np.float32([[0, 0, 1, 1]]), np.float32([0.9]), np.array([0], np.int64), (mask,)
    )


def test_the_outline_lies_where_the_device_draws_it():
    pixels = np.full((40, 60), OUTLINE_PROBABILITY - 1, np.uint8)
    assert cover_of(probability(Mask(2, 3, pixels)), 0, SIZE) is None
    pixels[10:30] = OUTLINE_PROBABILITY
    x, y, inside = cover_of(probability(Mask(2, 3, pixels)), 0, SIZE)
    painted = np.zeros(SIZE, bool)
    painted[y : y + inside.shape[0], x : x + inside.shape[1]] = inside
    assert painted[13:33, 2:62].sum() >= 20 * 60 - 4
    assert painted.sum() <= 20 * 60


def test_a_cover_ends_at_the_image():
    pixels = np.full((10, 10), 255, np.uint8)
    x, y, inside = cover_of(probability(Mask(-4, 90, pixels)), 0, SIZE)
    assert (x, y + inside.shape[0]) == (0, SIZE[0])
    assert inside[-6:, :6].all()
    assert cover_of(probability(Mask(-4, 98, pixels)), 0, SIZE) is None
    assert cover_of(probability(Mask(-4, 98, pixels)), 0, SIZE, 0.25) is not None


def test_a_margin_grows_covers_by_a_share_of_their_longer_side():
    inner = (0, 12, 14, 52, 34)  # 40 x 20
    found = counted([([truth((0, 10, 12, 54, 36))], seen([(inner, 0.9)]))], margin=0.05)
    # Two pixels on each side, corners rounded: one pixel of each shows.
    assert (found.together.shown, found.together.over) == (4, 0)
    assert found.margin == 0.05


def test_the_margin_is_the_agents():
    assert BlurSettings().margin == MARGIN


class Sees:
    """A detector of what is there."""

    def __init__(self, found):
        self._found = found

    def detect(self, _rgb):
        return self._found


@pytest.mark.parametrize("margin", [0.0, 0.05])
def test_what_is_counted_as_hidden_is_what_the_agent_hides(margin):
    """Of a body with an arm thinner than a cell of the agent's raster, too."""
    mask = np.zeros((80, 110), np.uint8)
    mask[20:80, 10:40] = 255
    mask[22:24, 40:110] = 255
    found = probability(Mask(8, 9, mask))
    counted_as = np.zeros(SIZE, bool)
    x, y, inside = cover_of(found, 0, SIZE, margin)
    counted_as[y : y + inside.shape[0], x : x + inside.shape[1]] = inside
    settings = BlurSettings(effect="solid:ff00ff", margin=margin)
    hidden = Hidden({0: "person"}, {0: 0.25}, {0: 0.25})
    redacted, _ = redact_image(np.zeros((*SIZE, 3), np.uint8), Sees(found), hidden, settings)
    assert (counted_as == redacted.any(axis=2)).all()


def noise(rng, classes):
    """An image of random objects and regions, and random predictions, some with equal scores."""
    objects = []
    for _ in range(rng.integers(0, 5)):
        mask = np.zeros(SIZE, np.uint8)
        y, x = rng.integers(0, 70), rng.integers(0, 90)
        mask[y : y + 30, x : x + 40] = rng.integers(0, 4, mask[y : y + 30, x : x + 40].shape) > 0
        box = run_length.box(run_length.encode(mask))
        ignore = bool(rng.random() < 0.3)
        objects.append(Annotation(int(rng.integers(classes)), box, run_length.encode(mask), ignore))
    count = int(rng.integers(0, 12))
    masks = tuple(
        Mask(
            int(rng.integers(-20, 120)),
            int(rng.integers(-20, 90)),
            rng.integers(0, 256, rng.integers(1, 50, 2), dtype=np.uint8),
        )
        for _ in range(count)
    )
    scores = rng.choice([0.005, 0.01, 0.025, 0.3, 0.33, 0.5, 0.74, 0.96], count)
    return objects, Instances(
        np.zeros((count, 4), np.float32),
        scores.astype(np.float32),
        rng.integers(0, classes, count),
        masks,
    )


def brute_force(images, class_ids, thresholds):
    """Leak's fields, every mask unfolded at one threshold."""
    shown = pixels = leaking = count = over = 0
    for objects, found in images:
        hidden, wanted, anything = np.zeros((3, *SIZE), bool)
        for i, class_id in enumerate(found.classes.tolist()):
            if class_id not in class_ids or float(found.scores[i]) < thresholds[class_id]:
                continue
            if cover := cover_of(found, i, SIZE):
                x, y, inside = cover
                hidden[y : y + inside.shape[0], x : x + inside.shape[1]] |= inside > 0
        for one in objects:
            mask = run_length.decode(one.rle) > 0
            anything |= mask
            if not one.ignore and one.class_id in class_ids:
                wanted |= mask
                count += 1
                leaking += bool((hidden & mask).sum() / mask.sum() < 0.95)
        shown += int((wanted & ~hidden).sum())
        pixels += int(wanted.sum())
        over += int((hidden & ~anything).sum())
    return shown, pixels, leaking, count, over


def test_one_pass_equals_every_threshold_by_itself():
    rng = np.random.default_rng(4)
    images = [noise(rng, 3) for _ in range(6)]
    thresholds = (0.25, 0.33, 0.5)
    found = counted(images, thresholds)
    for class_id, curve in enumerate(found.curves):
        assert [at for at, _ in curve] == sorted({*STEPS, thresholds[class_id]})
        for at, leak in curve[::6] + curve[1:3]:
            expected = brute_force(images, {class_id}, {class_id: at})
            assert (
                *(leak.shown, leak.pixels, leak.leaking, leak.objects, leak.over),
            ) == expected, at
            assert leak.picture == 6 * PICTURE
        working = brute_force(images, {class_id}, {class_id: thresholds[class_id]})
        assert found.by_class[class_id].shown == working[0]
    together = found.together
    assert (
        *(together.shown, together.pixels, together.leaking, together.objects, together.over),
    ) == brute_force(images, {0, 1, 2}, thresholds)


def test_the_threshold_of_a_class_decides_what_is_hidden(tmp_path):
    dataset = world(tmp_path, [[truth(CUP), truth(CAN)]])
    predict = oracle([seen([(CUP, 0.4), (CAN, 0.4)])])
    found = evaluate(predict, dataset, conf=0.3, thresholds={"can": 0.5})
    assert found.leaks.thresholds == (0.3, 0.5)
    assert [leak.pixel_leak for leak in found.leaks.by_class] == [0, 1]
    assert found.leaks.together.pixel_leak == 0.5
    figures = json.loads(json.dumps(found.to_json(), allow_nan=False))
    leak = {"margin": 0.0, "pixel_leak": 0.5, "instance_leak": 0.5, "over_redaction": 0.0}
    assert {name: figures[name] for name in leak} == leak
    assert {name for name in figures if "leak" in name or "redaction" in name} < set(leak)
    can = figures["classes"]["can"]
    assert (can["threshold"], can["pixel_leak"], can["instance_leak"]) == (0.5, 1.0, 1.0)


def test_a_threshold_is_reached_as_the_device_compares():
    """Scores are of 32 bits: 0.7 lies a little below the threshold of that name."""
    assert float(np.float32(0.7)) < 0.7
    found = counted([([truth(CUP)], seen([(CUP, 0.7)]))], (0.7, 0.7))
    assert found.together.pixel_leak == 1


def test_the_table_compares_what_leaks(tmp_path):
    dataset = world(tmp_path, [[truth(CUP)], [truth(CUP)]])
    before = evaluate(oracle([seen([(CUP, 0.9)]), seen([])]), dataset)
    after = evaluate(oracle([seen([(CUP, 0.9)])] * 2), dataset, thresholds={"cup": 0.1})
    lines = {
        line[:34].strip(): line[34:].split()
        for line in table(["a", "b"], [before, after]).splitlines()
    }
    assert lines["pixel leak"] == ["0.5000", "0.0000", "-0.5000"]
    assert lines["instance leak"] == ["0.5000", "0.0000", "-0.5000"]
    assert lines["over-redaction"] == ["0.0000", "0.0000", "+0.0000"]
    assert lines["cup"][:3] == ["0.5000", "0.0000", "-0.5000"]
    assert lines["cup"][-2:] == ["0.25", "0.1"]
    assert "can" not in lines
