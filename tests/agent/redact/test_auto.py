"""What `auto` does to whom, and how few cells a face keeps, in a video's planes and in a still."""

import numpy as np
import pytest
from covers import box

from agent.frames.cover import Cover, PlacedOutline
from agent.redact.effect import MIN_BLUR_PX, Effect
from agent.redact.hide import hide_patches
from agent.redact.patch import Patch
from agent.redact.planes import copied_planes, flat_planes, layers_of
from agent.redact.redactor import Redactor
from agent.redact.rgb_image import redact_rgb

SIZE = 320, 240
AUTO = Effect.parse("auto")
LAYOUTS = ["I420", "NV12"]


def kinds(effect, *outlines):
    return [effect.on(outline, SIZE).kind for outline in outlines]


def is_flat(planes, frame, where):
    """Whether nothing but black is left of luma and chroma in a part (x0, y0, x1, y1)."""
    x0, y0, x1, y1 = where
    flats = flat_planes((0, 0, 0), frame.colour, len(planes))
    return all(
        (plane[y0 // step : y1 // step, x0 // step : x1 // step] == flat).all()
        for plane, flat, step in zip(planes, flats, (1, 2, 2), strict=False)
    )


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", ["mask", "box"])
def test_plates_and_small_things_are_solid_and_the_rest_is_blurred(make_noise, layout, shape):
    frame = make_noise(SIZE, layout)
    plate, small = box(20, 20, 100, 60, label="License Plate"), box(20, 120, 40, 40, label="person")
    person = box(160, 40, 100, 160, label="person")
    planes = Redactor(SIZE, AUTO, shape).redact(frame, Cover((plate, small, person))).planes
    assert is_flat(planes, frame, (20, 20, 120, 80))
    assert is_flat(planes, frame, (20, 120, 60, 160))
    blurred = Redactor(SIZE, Effect("blur"), shape).redact(frame, Cover((person,))).planes
    for ours, theirs, step in zip(planes, blurred, (1, 2, 2), strict=False):
        part = slice(0, SIZE[1]), slice(150 // step, SIZE[0])
        assert np.array_equal(ours[part], theirs[part])
        assert len(np.unique(ours[part])) > 2


def test_a_still_is_hidden_likewise():
    rgb = np.random.default_rng(1).integers(0, 256, (240, 320, 3), np.uint8)
    text, person = box(20, 20, 100, 60, label="text"), box(160, 40, 100, 160, label="person")
    hidden = redact_rgb(rgb, Cover((text, person)), AUTO)
    assert (hidden[20:80, 20:120] == 0).all()
    blurred = redact_rgb(rgb, Cover((person,)), Effect("blur"))
    assert np.array_equal(hidden[:, 150:], blurred[:, 150:])


@pytest.mark.parametrize("words", ["blur", "pixelate"])
def test_an_effect_that_is_asked_for_holds_for_all(words):
    outlines = box(0, 0, 100, 60, label="plate"), box(0, 0, 20, 20, label="person")
    assert kinds(Effect.parse(words), *outlines) == [words, words]


@pytest.mark.parametrize("tall", [False, True])
def test_the_longer_side_of_the_objects_own_box_says_what_is_small(tall):
    def sized(longer, grow_px=0.0):
        sides = (12, longer) if tall else (longer, 12)
        outline = box(50, 50, *sides, label="person")
        return PlacedOutline(outline.bounds, outline.field, grow_px, label="person")

    least = MIN_BLUR_PX
    assert kinds(AUTO, sized(least - 0.5), sized(least), sized(least * 3)) == [
        "solid",
        "blur",
        "blur",
    ]
    assert kinds(AUTO, sized(least - 1, grow_px=30)) == ["solid"], "growing shows nothing more"


def test_of_what_the_frame_cuts_off_counts_what_it_shows():
    shown = box(SIZE[0] - 30, 50, 200, 40, label="person")
    across = box(-50, -50, 500, 80, label="person")
    assert kinds(AUTO, shown, across) == ["solid", "blur"]


def test_the_strictest_of_its_names_decides():
    x = box(0, 0, 100, 100)
    named = [
        PlacedOutline(x.bounds, x.field, label=label, also=also)
        for label, also in (
            ("person", ("car",)),
            ("person", ("car", "plate")),
            ("plate", ("person",)),
        )
    ]
    assert kinds(AUTO, *named) == ["blur", "solid", "solid"]
    face = PlacedOutline(x.bounds, x.field, label="person", also=("face",))
    assert Effect("blur").on(face, SIZE).max_cells == 6


def test_a_frame_that_is_hidden_whole_is_blurred(make_noise):
    frame = make_noise(SIZE)
    ours = Redactor(SIZE, AUTO).redact(frame, Cover.all_of_it("test"))
    theirs = Redactor(SIZE, Effect("blur")).redact(frame, Cover.all_of_it("test"))
    assert all(map(np.array_equal, ours.planes, theirs.planes))


PLATE = 100, 80, 200, 140
"""x0, y0, x1, y1, even."""


def another_plate(frame, make_frame):
    """The same picture, with other pixels in the plate's place alone."""
    planes = [plane.copy() for plane in frame.planes]
    random = np.random.default_rng(9)
    x0, y0, x1, y1 = PLATE
    for plane, step in zip(planes, (1, 2, 2), strict=True):
        part = plane[y0 // step : y1 // step, x0 // step : x1 // step]
        part[:] = random.integers(0, 256, part.shape, np.uint8)
    return make_frame(planes)


@pytest.mark.parametrize(
    "other",
    [
        box(60, 20, 200, 200, label="person"),
        box(120, 90, 60, 60, label="person"),
        box(150, 100, 120, 60, label="face"),
        box(90, 70, 120, 80, label="person"),
    ],
    ids=["around it", "before it", "half before it", "as large"],
)
@pytest.mark.parametrize("plate_first", [False, True])
@pytest.mark.parametrize("shape", ["mask", "box"])
def test_where_covers_overlap_nothing_of_a_plate_gets_into_any_cell(
    make_noise, make_frame, other, plate_first, shape
):
    """Two pictures that differ in all of a plate's pixels become one, and the plate stays flat."""
    x0, y0, x1, y1 = PLATE
    plate = box(x0, y0, x1 - x0, y1 - y0, label="plate")
    cover = Cover((plate, other) if plate_first else (other, plate))
    frame = make_noise(SIZE)
    redactor = Redactor(SIZE, AUTO, shape)
    ours = redactor.redact(frame, cover).planes
    theirs = redactor.redact(another_plate(frame, make_frame), cover).planes
    assert all(map(np.array_equal, ours, theirs))
    assert is_flat(ours, frame, PLATE)


@pytest.mark.parametrize("words", ["auto", "blur", "pixelate"])
@pytest.mark.parametrize(("label", "cells"), [("Face", 6), ("person_head", 6), ("person", 12)])
def test_a_face_keeps_six_cells(make_frame, words, label, cells):
    """Stripes as fine as the cells that are allowed survive, stripes twice as fine don't."""
    redactor = Redactor((288, 288), Effect.parse(words))
    cover = Cover((box(0, 0, 288, 288, label=label),))
    for stripes, shows in ((cells // 2, True), (cells, False)):
        columns = np.arange(288) * stripes * 2 // 288 % 2 * np.uint8(200)
        luma = np.tile(columns.astype(np.uint8), (288, 1))
        if not shows:  # so that each cell holds as much of both
            luma = np.roll(luma, 288 // stripes // 4, axis=1)
        grey = np.full((144, 144), 128, np.uint8)
        left = redactor.redact(make_frame((luma, grey, grey)), cover).planes[0]
        assert (np.ptp(left[60:228, 60:228].astype(int)) > 60) == shows


@pytest.mark.parametrize("kind", ["blur", "pixelate"])
@pytest.mark.parametrize("face_first", [False, True])
def test_the_finer_cells_of_a_larger_person_show_no_more_of_a_face(make_frame, kind, face_first):
    """Two pictures whose face has the same 6 x 6 averages become one, beside the face as well."""
    grey = np.full((96, 96), 128, np.uint8)
    face = Patch(0, 0, np.full((96, 96), 255, np.uint8), Effect(kind, max_cells=6))
    person = Patch(60, 0, np.full((120, 120), 255, np.uint8), Effect(kind))
    left = []
    for upper, lower in ((0, 240), (240, 0)):
        luma = np.full((192, 192), 16, np.uint8)
        luma[32:40, 80:96], luma[40:48, 80:96] = upper, lower  # one cell of the face
        frame = make_frame((luma, grey, grey))
        planes = copied_planes(frame)
        patches = (face, person) if face_first else (person, face)
        hide_patches(layers_of(planes, frame.colour, (0, 0, 0)), patches, "mask")
        left.append(planes[0])
    assert np.array_equal(*left)
    assert np.ptp(left[0][30:50, 96:110].astype(int)) > 0, "it does reach beyond the face"
