"""A network that answers otherwise than its bundle expects is found out, in one line."""

import numpy as np
import pytest

from models.bundle import Bundle
from models.errors import BundleError
from models.golden import GoldenFrame
from models.instances import Instances
from models.self_test import Tolerances, check, look, self_test

ALLOWED = Tolerances(box_px=2.0, score=0.05, mask_iou=0.8)
FRAME = np.zeros((64, 64, 3), np.uint8)


class Answering:
    """A network of the fixture's family with two classes that always sees these squares."""

    def __init__(self, *objects):
        """Each: class id, score, centre x, y, side, and how it draws its mask (0.02 is round)."""
        self._objects, self.sizes = objects, []

    def run(self, image):
        self.sizes.append(image.shape[:1:-1])
        predictions = np.zeros((1, 4 + 2 + 32, 84), np.float32)
        for anchor, (label, score, x, y, side, weight) in enumerate(self._objects):
            predictions[0, :4, anchor] = x, y, side, side
            predictions[0, 4 + label, anchor] = score
            predictions[0, 6:8, anchor] = 1, weight
        prototypes = np.zeros((1, 32, image.shape[2] // 4, image.shape[3] // 4), np.float32)
        prototypes[0, 0] = 5  # everywhere, so that masks fill their boxes
        prototypes[0, 1, :, ::2] = -10
        return predictions, prototypes


PERSON, CAR = (0, 0.9, 20, 20, 16, 0), (1, 0.6, 44, 40, 20, 0)


@pytest.fixture
def verdict(manifest):
    """What is said of a network's answer where another one's is expected."""

    def judge(expected, seen, allowed=ALLOWED):
        frame = GoldenFrame(FRAME, look(FRAME, manifest, Answering(*expected)))
        return check([frame], manifest, Answering(*seen), allowed)

    return judge


def moved(seen, **changes):
    places = ["label", "score", "x", "y", "side", "weight"]
    return tuple(changes.get(place, value) for place, value in zip(places, seen, strict=True))


def test_the_same_answer_is_good(verdict):
    found = verdict([PERSON, CAR], [CAR, PERSON])
    assert (found.ok, found.share, found.compared) == (True, 0, 2)


@pytest.mark.parametrize(
    ("seen", "line"),
    [
        ([PERSON], r"golden frame 1: 'car' \(0\.60\) at 34,30 to 54,50 is not found"),
        ([PERSON, CAR, (0, 0.7, 50, 10, 8, 0)], r"'person' \(0\.70\).* should not be there"),
        ([PERSON, moved(CAR, label=0)], "is not found"),
        ([PERSON, moved(CAR, x=47)], r"the box of 'car' .* is off by 3 px of 2"),
        ([moved(PERSON, score=0.8), CAR], r"'person' \(0\.90\).* is off by 0\.1 of 0\.05"),
        ([moved(PERSON, weight=1), CAR], r"the mask of 'person' .* overlaps 0\.[1-7]"),
    ],
)
def test_what_differs_is_said(verdict, seen, line):
    found = verdict([PERSON, CAR], seen)
    assert not found.ok
    with pytest.raises(BundleError, match=line):
        raise BundleError(found.line)


def test_little_is_within_tolerance(verdict):
    found = verdict([PERSON, CAR], [moved(PERSON, score=0.88), moved(CAR, x=45)])
    assert found.ok
    assert found.share == pytest.approx(0.5)
    assert "'car'" in found.line


def test_what_rounding_carries_over_the_threshold_may_be_missing(verdict):
    faint = (1, 0.27, 44, 40, 20, 0)
    assert verdict([PERSON, faint], [PERSON]).ok
    assert verdict([PERSON], [PERSON, faint]).ok
    assert not verdict([PERSON, moved(faint, score=0.31)], [PERSON]).ok


def test_a_blind_network_is_not_good_where_little_is_expected(verdict):
    faint = (1, 0.27, 44, 40, 20, 0)
    found = verdict([faint], [])
    assert (found.ok, found.compared) == (False, 0)
    assert "nothing of what is expected" in found.line


def test_what_is_compared_is_what_a_device_hides(verdict):
    """A quarter of its pixels is less likely than not to be the object's, but likely enough."""
    doubtful = moved(PERSON, weight=0.64)
    found = verdict([doubtful, CAR], [moved(PERSON, weight=1), CAR])
    assert "the mask of 'person'" in found.line
    assert not found.ok
    assert verdict([PERSON, CAR], [doubtful, CAR]).ok


def test_a_bundle_without_golden_frames_has_no_test(bundle_path):
    bundle = Bundle.open(bundle_path, allow_unsigned=True)
    with pytest.raises(BundleError, match="holds no golden frames"):
        self_test(bundle, Answering(PERSON))


def test_each_class_counts_from_its_own_threshold(manifest):
    strict = manifest.model_copy(update={"thresholds": {"car": 0.7, "person": 0.1}})
    seen = look(FRAME, strict, Answering(PERSON, CAR, (0, 0.15, 8, 52, 10, 0)))
    assert seen.classes.tolist() == [0, 0]


def test_each_frame_is_looked_at_at_its_size(manifest):
    manifest = manifest.model_copy(update={"sizes": ((64, 32), (96, 64))})
    sizes = [None, (64, 32), (64, 64), (96, 64)]
    frames = [
        GoldenFrame(FRAME, look(FRAME, manifest, Answering(PERSON, CAR), size), size)
        for size in sizes
    ]
    network = Answering(PERSON, CAR)
    assert check(frames, manifest, network, ALLOWED).share == 0
    assert network.sizes == [(64, 64), (64, 32), (64, 64), (96, 64)]
    wrong = [GoldenFrame(FRAME, frames[1].expected, (64, 64))]
    assert not check(wrong, manifest, network, ALLOWED).ok


def test_a_size_that_was_not_tested_is_refused(manifest):
    with pytest.raises(BundleError, match="not tested at 96x64"):
        look(FRAME, manifest, Answering(PERSON), (96, 64))


def test_masks_are_missed_where_there_are_none(manifest):
    seen = look(FRAME, manifest, Answering(PERSON))
    bare = Instances(seen.boxes, seen.scores, seen.classes, None)
    found = check([GoldenFrame(FRAME, bare)], manifest, Answering(PERSON), ALLOWED)
    assert "mask of 'person'" in found.line


@pytest.mark.parametrize(
    ("golden", "message"),
    [
        ({"box_px": 2, "score": 0.1}, "mask_iou is missing"),
        ({"box_px": 2, "score": 0.1, "mask_iou": 0.9, "hue": 1}, "hue is unknown"),
        ({"box_px": 0, "score": 0.1, "mask_iou": 0.9}, "above 0"),
        ({"box_px": 2, "score": 0.1, "mask_iou": 1}, "below 1"),
    ],
)
def test_tolerances_that_can_t_be_kept_are_refused(manifest, golden, message):
    with pytest.raises(BundleError, match=message):
        Tolerances.of(manifest.model_copy(update={"golden": golden}))
