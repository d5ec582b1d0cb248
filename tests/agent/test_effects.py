"""Which effect each class gets from end to end, and that the report says so."""

from dataclasses import replace

import numpy as np
import pytest
from worlds import BLACK, LEAK, Eyes, Thing, World, linear, lumas, write_world_bundle

from agent.blur import annotate, blur
from agent.hidden import hidden_classes
from agent.redact_image import redact_image
from agent.settings import BlurSettings
from models.bundle import Bundle
from models.instances import Instances

NAMES = "licence_plate", "person", "cow"
PLATE, LARGE, SMALL = (20, 20), (120, 20), (220, 20)
FRAMES = 8


@pytest.fixture
def bundle(tmp_path):
    path = write_world_bundle(tmp_path / "plates.sfm", names=NAMES)
    return Bundle.open(path, allow_unsigned=True)


@pytest.fixture
def world():
    return World(
        Thing(linear(*PLATE), (64, 56), class_id=0, luma=190),
        Thing(linear(*LARGE), (64, 56), class_id=1, luma=200),
        Thing(linear(*SMALL), (24, 24), class_id=1, luma=210),
        frames=FRAMES,
        size=(320, 96),
    )


def run(world, bundle, tmp_path, function=blur, **settings):
    quick = BlurSettings(crf=10, preset="ultrafast", **settings.pop("chosen", {}))
    source, target = world.write(tmp_path / "in.mp4"), tmp_path / "out.mp4"
    report = function(source, target, bundle, quick, detector=Eyes(world), **settings)
    return report, lumas(target)


def inside(picture, place, side):
    return picture[place[1] + 4 : place[1] + side - 4, place[0] + 4 : place[0] + side - 4]


def test_unless_one_is_chosen_plates_and_small_things_are_solid(world, bundle, tmp_path):
    report, pictures = run(world, bundle, tmp_path)
    assert report.settings.effect == "auto"
    assert report.effects == {
        "licence_plate": {"solid": FRAMES},
        "person": {"blur": FRAMES, "solid": FRAMES},
    }
    for picture in pictures:
        assert inside(picture, PLATE, 56).max() < BLACK
        assert inside(picture, SMALL, 24).max() < BLACK
        assert inside(picture, LARGE, 56).max() > LEAK, "blur leaves the mean"


def test_what_is_chosen_holds_for_all(world, bundle, tmp_path):
    report, pictures = run(world, bundle, tmp_path, chosen={"effect": "blur"})
    assert report.effects == {"licence_plate": {"blur": FRAMES}, "person": {"blur": 2 * FRAMES}}
    assert inside(pictures[-1], PLATE, 56).max() > LEAK


def test_boxes_that_are_drawn_hide_nothing(world, bundle, tmp_path):
    report, _ = run(world, bundle, tmp_path, annotate, i_know_this_is_not_redacted=True)
    assert report.effects == {}


class Wavers(Eyes):
    """Sees a person, and calls it a plate at one keyframe."""

    def detect(self, frame):
        found = super().detect(frame)
        return replace(found, classes=found.classes * 0 + (0 if frame.index == 40 else 1))


def test_what_was_surely_a_plate_once_stays_solid(bundle, tmp_path):
    world = World(Thing(linear(*LARGE), (64, 56), class_id=1), frames=60, size=(320, 96))
    source, target = world.write(tmp_path / "in.mp4"), tmp_path / "out.mp4"
    settings = BlurSettings(crf=10, preset="ultrafast", every=5, workers=1)
    report = blur(source, target, bundle, settings, detector=Wavers(world))
    pictures = [inside(picture, LARGE, 56).max() for picture in lumas(target)]
    assert max(pictures[40:]) < BLACK
    assert pictures[0] > LEAK
    assert report.effects["person"].keys() == {"blur", "solid"}
    assert [track.label for track in report.tracks] == ["person"]


class SeesAPlateAndAPerson:
    """In any image."""

    def detect(self, _rgb):
        boxes = np.array([[10, 10, 110, 60], [150, 10, 250, 90]], np.float32)
        return Instances(boxes, np.full(2, 0.9, np.float32), np.array([0, 1]))


def test_a_still_is_hidden_likewise(bundle):
    rgb = np.random.default_rng(0).integers(60, 256, (100, 300, 3), np.uint8)
    settings = BlurSettings()
    hidden = hidden_classes(bundle, settings)
    redacted, count = redact_image(rgb, SeesAPlateAndAPerson(), hidden, settings)
    assert count == 2
    assert (redacted[10:60, 10:110] == 0).all()
    assert redacted[10:90, 150:250].min() > 60
