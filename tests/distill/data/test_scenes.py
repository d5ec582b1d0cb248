"""Procedural scenes: the masks are exact, and a scene is the same wherever it is rendered."""

from dataclasses import replace
from itertools import combinations

import cv2
import numpy as np
import pytest

from distill.data.scenes import CLASSES, DOMAINS, render_clip, render_scene
from distill.data.scenes.scene import draw_scene
from distill.data.scenes.scene_renderer import SceneRenderer

SIZE = (160, 120)
BOTH = pytest.mark.parametrize("domain", ["a", "b"])


def scene(domain, index, *, moving=False, exposure_s=0.0):
    """A scene, by default with a shutter so quick that nothing blurs."""
    drawn = draw_scene(7, DOMAINS[domain], index, 4 / 3, moving=moving)
    return replace(drawn, camera=replace(drawn.camera, exposure_s=exposure_s))


def grown(mask):
    return cv2.dilate(mask.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0


def same(first, second):
    return np.array_equal(first.image, second.image) and all(
        one.track_id == other.track_id and np.array_equal(one.mask, other.mask)
        for one, other in zip(first.instances, second.instances, strict=True)
    )


@pytest.mark.slow
@BOTH
def test_a_scene_depends_on_seed_domain_and_number_alone(domain):
    first = render_scene(3, domain, 5, SIZE)
    render_scene(3, domain, 4, SIZE)
    assert same(first, render_scene(3, domain, 5, SIZE))
    assert not np.array_equal(first.image, render_scene(3, domain, 6, SIZE).image)
    assert not np.array_equal(first.image, render_scene(4, domain, 5, SIZE).image)


@pytest.mark.slow
@BOTH
def test_a_picture_is_rgb_and_no_pixel_has_two_owners(domain):
    for index in range(6):
        rendered = render_scene(1, domain, index, SIZE)
        assert rendered.image.shape == (120, 160, 3)
        assert rendered.image.dtype == np.uint8
        masks = [instance.mask for instance in rendered.instances]
        assert all(mask.shape == (120, 160) and mask.max() == 1 for mask in masks)
        assert np.sum(masks, axis=0).max() <= 1
        for instance in rendered.instances:
            assert 0 <= instance.class_id < len(CLASSES)
            assert 0 < instance.visible <= 1


@pytest.mark.slow
@BOTH
@pytest.mark.parametrize("index", [0, 1, 2])
def test_a_mask_is_what_changes_when_the_object_is_taken_away(domain, index):
    """Besides its shadow, and what glass in front of it lets through, and one soft edge."""
    whole = scene(domain, index)
    stage = SceneRenderer(whole, SIZE)
    before = stage.expose(0)
    clear = [one.placed.track_id for one in stage._actors if one.sprite.through is not None]
    for gone in whole.placed:
        rest = tuple(one for one in whole.placed if one is not gone)
        after = SceneRenderer(replace(whole, placed=rest), SIZE).expose(0)
        mask = before.owner == gone.track_id
        assert np.array_equal(before.owner[~mask], after.owner[~mask])
        assert not (after.owner == gone.track_id).any()
        changed = np.abs(before.light - after.light).max(2) > 1e-6
        assert mask.sum() < 5 or changed[mask].mean() > 0.97
        shadow = before.shade != after.shade
        glass = np.isin(before.owner, clear)
        assert not (changed & ~grown(mask) & ~shadow & ~grown(glass)).any()


def test_shadows_ground_things():
    """Around an object's foot the room is darker than without it, and nowhere brighter."""
    whole = scene("a", 3)
    with_, without = (
        SceneRenderer(replace(whole, placed=placed), SIZE).expose(0)
        for placed in (whole.placed, ())
    )
    assert (without.shade == 1).all()
    assert with_.shade.max() <= 1
    assert with_.shade.min() < 0.7


def test_what_is_behind_shines_through_glass():
    """A label behind a clear bottle is seen in it; behind a box it isn't."""
    for index in range(20):
        whole = scene("a", index)
        stage = SceneRenderer(whole, SIZE)
        before = stage.expose(0)
        dark = SceneRenderer(whole, SIZE)
        backdrop = dark._backdrop
        dark._backdrop = replace(backdrop, light=backdrop.light * 0.2)
        after = dark.expose(0)
        for actor in stage._actors:
            inner = ~grown(before.owner != actor.placed.track_id)
            if inner.sum() < 50:
                continue
            change = np.abs(before.light - after.light)[inner].mean()
            if actor.sprite.through is None:
                assert change == 0
            elif actor.sprite.through[..., :3].max() > 0.5:
                assert change > 0.01
                return
    pytest.fail("no clear glass in twenty scenes")


def test_the_mask_of_a_blurred_object_is_where_it_is_at_the_middle_of_the_exposure():
    quick, slow = (scene("b", 1, moving=True, exposure_s=open_s) for open_s in (0.0, 0.15))
    sharp, blurred = (SceneRenderer(one, SIZE).expose(0.4) for one in (quick, slow))
    assert np.array_equal(sharp.owner, blurred.owner)
    assert np.abs(sharp.light - blurred.light).max() > 0.05


def test_tracks_keep_their_ids_and_classes_and_move_smoothly():
    frames = list(render_clip(2, "b", 1, SIZE, 10))
    assert len(frames) == 10
    classes, centres = {}, {}
    for frame in frames:
        assert len({one.track_id for one in frame.instances}) == len(frame.instances)
        for one in frame.instances:
            assert classes.setdefault(one.track_id, one.class_id) == one.class_id
            centres.setdefault(one.track_id, []).append(np.argwhere(one.mask).mean(0))
    assert len(classes) >= 3
    ways = [np.diff(path, axis=0) for path in centres.values() if len(path) == 10]
    assert max(np.linalg.norm(way.sum(0)) for way in ways) > 3
    assert max(np.linalg.norm(way, axis=1).max() for way in ways) < 15
    assert not any(np.array_equal(one.image, two.image) for one, two in combinations(frames, 2))


def test_a_clip_is_the_same_again_and_a_longer_one_begins_with_a_shorter():
    short = list(render_clip(2, "a", 0, SIZE, 3))
    long = list(render_clip(2, "a", 0, SIZE, 5))
    assert all(same(one, other) for one, other in zip(short, long[:3], strict=True))


def test_a_scene_is_the_same_at_another_size():
    """Where things stand doesn't hang on the pixels."""
    small, large = (render_scene(1, "a", 2, size) for size in ((128, 96), (256, 192)))
    found = {one.track_id: one.mask for one in large.instances}
    for one in small.instances:
        if one.mask.sum() < 150:
            continue
        other = cv2.resize(found[one.track_id], (128, 96), interpolation=cv2.INTER_AREA)
        either = (one.mask | other).sum()
        assert (one.mask & other).sum() / either > 0.8


@pytest.mark.slow
def test_the_domains_differ_in_what_matters_to_a_detector():
    light, height, slant, noise = {}, {}, {}, {}
    for domain in DOMAINS:
        pictures = [render_scene(11, domain, index, SIZE) for index in range(24)]
        light[domain] = np.mean([picture.image.mean() for picture in pictures])
        noise[domain] = np.median([_grain(picture.image) for picture in pictures])
        bottles = [
            np.ptp(np.argwhere(one.mask), axis=0)
            for picture in pictures
            for one in picture.instances
            if one.class_id == 0 and one.visible > 0.9
        ]
        height[domain] = np.median([tall for tall, _ in bottles])
        slant[domain] = np.mean([wide > tall for tall, wide in bottles])
    assert light["a"] > 1.5 * light["b"]
    assert height["a"] > 1.4 * height["b"]
    assert noise["a"] * 1.5 < noise["b"]
    assert slant["a"] < slant["b"]
    assert light["b"] > 25  # dim, but not black


def _grain(image):
    """What a blur takes away, where the picture is flat."""
    grey = image.mean(2)
    return np.median(np.abs(grey - cv2.medianBlur(image, 3).mean(2)))


@pytest.mark.slow
def test_every_class_and_empty_handed_pictures_occur():
    """Pictures without a bottle show a detector what none is."""
    found = [
        {
            placed.class_id
            for placed in draw_scene(0, DOMAINS["a"], index, 4 / 3, moving=False).placed
        }
        for index in range(60)
    ]
    assert set.union(*found) == set(range(len(CLASSES)))
    assert any(0 not in classes for classes in found)
