"""Pages of redacted frames, judged by their pixels."""

from fractions import Fraction

import numpy as np
import pytest
from covers import box, masked
from worlds import LEAK

from agent.frames.cover import Cover
from agent.frames.cpu_frame import CpuFrame
from agent.frames.frame import Colour
from agent.pictures.contact_sheet import MAX_KEPT, ContactSheet
from agent.pictures.palette import ALARM, class_colours
from agent.redact.effect import Effect
from agent.redact.planes import flat_planes
from agent.redact.redactor import Redactor

GREY = Colour("bt601", full_range=True)


def grey_frame(size, index, luma=90):
    width, height = size
    half = (height + 1) // 2, (width + 1) // 2
    planes = np.full((height, width), luma, np.uint8), *np.full((2, *half), 128, np.uint8)
    return CpuFrame(planes, index, 9000 + index, Fraction(1, 25), GREY)


@pytest.fixture
def sheet_of():
    """A sheet of grey frames that brighten with time; `cover` is called with each index."""

    def made(count, size=(320, 180), cover=lambda _: Cover(()), aspect=Fraction(1)):
        sheet, redactor = ContactSheet(aspect), Redactor(size, Effect("solid"))
        for i in range(count):
            frame = grey_frame(size, i, 50 + round(150 * i / max(count - 1, 1)))
            sheet.add(redactor.redact(frame, cover(i)), cover(i))
        return sheet

    return made


@pytest.fixture
def kept():
    return lambda sheet: [thumbnail.number for thumbnail in sheet._kept]


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 5, 12, 24, 25, 48, 49, 1000])
def test_frames_are_kept_evenly_over_a_run_of_unknown_length(sheet_of, kept, count):
    numbers = kept(sheet_of(count, (32, 32)))
    assert min(count, 12) <= len(numbers) <= MAX_KEPT
    assert numbers[0] == 0
    assert len(set(np.diff(numbers))) <= 1
    step = numbers[1] if count > 1 else 1
    assert count - numbers[-1] <= step


@pytest.mark.slow
def test_a_frame_that_is_not_kept_is_not_even_looked_at(sheet_of):
    sheet = sheet_of(1000, (32, 32))
    sheet.add(None, None)


@pytest.mark.slow
@pytest.mark.parametrize(("count", "tiles"), [(1, 1), (5, 5), (12, 12), (13, 12), (300, 12)])
def test_a_page_shows_a_dozen_frames_or_all(sheet_of, report, picture, count, tiles):
    page = picture(sheet_of(count).draw(report))
    seen = 0
    for top in range(92, page.shape[0] - 270, 270 + 30 + 16):
        for left in range(28, page.shape[1] - 480, 480 + 16):
            tile = page[top : top + 270, left : left + 480]
            seen += tile.std() < 3 and tile.mean() < 210
    assert seen == tiles


def test_no_frame_makes_a_page_without_pictures(sheet_of, report, picture):
    assert picture(sheet_of(0).draw(report)).size


@pytest.mark.parametrize("full_range", [True, False])
@pytest.mark.parametrize("layout", ["I420", "NV12"])
@pytest.mark.parametrize("matrix", ["bt601", "bt709"])
def test_colours_are_those_of_the_video(report, picture, layout, full_range, matrix):
    size, colour = (161, 97), Colour(matrix, full_range=full_range)
    half = (49, 81)
    flats = flat_planes((200, 80, 30), colour, 3 if layout == "I420" else 2)
    shapes = [(97, 161), half, half] if layout == "I420" else [(97, 161), (*half, 2)]
    planes = tuple(
        np.broadcast_to(np.array(flat, np.uint8).reshape([-1] if len(shape) == 3 else []), shape)
        for flat, shape in zip(flats, shapes, strict=True)
    )
    frame = CpuFrame(planes, 0, 0, Fraction(1, 25), colour)
    sheet = ContactSheet(Fraction(1))
    sheet.add(Redactor(size, Effect("blur")).redact(frame, Cover(())), Cover(()))
    tile = picture(sheet.draw(report))[100:370, 40:500]
    assert np.abs(tile.astype(int) - (200, 80, 30)).max() <= 4


def test_thumbnails_show_what_the_video_shows_and_no_more(ran):
    """Every thing of the world is bright, and hidden in black."""
    _, _, sheet = ran
    assert all(len(thumbnail.outlines) in {1, 2} for thumbnail in sheet._kept)
    assert max(thumbnail.rgb.max() for thumbnail in sheet._kept) < LEAK


def test_outlines_run_along_the_cover_and_around_its_holes(sheet_of, ran, picture):
    ring = np.full((90, 90), 255, np.uint8)
    ring[30:60, 30:60] = 0
    cover = Cover((masked(100, 60, ring, 1, "person"),))
    page = picture(sheet_of(1, cover=lambda _: cover).draw(ran[1]))
    tile = page[92 : 92 + 270, 28 : 28 + 480]
    labels = [track.label for track in ran[1].tracks]
    near = np.abs(tile.astype(int) - class_colours(labels)["person"]).max(axis=2) < 12
    scale = 480 / 320
    middle = round(105 * scale)  # a row through the hole
    columns = np.flatnonzero(near[middle])
    for edge in (100, 130, 160, 190):
        assert np.abs(columns - edge * scale).min() <= 3
    inside = columns[(columns > 104 * scale) & (columns < 126 * scale)]
    assert inside.size == 0


def test_a_frame_that_was_covered_whole_has_a_red_frame_and_no_outlines(sheet_of, report, picture):
    whole = Cover.all_of_it("no valid result")
    sheet = sheet_of(1, cover=lambda _: whole)
    assert sheet._kept[0].outlines == ()
    page = picture(sheet.draw(report))
    assert (page[92 + 1, 28 : 28 + 480] == ALARM).all()
    caption = page[92 + 272 : 92 + 300, 28 : 28 + 480].astype(int)
    assert (np.abs(caption - ALARM).max(axis=2) < 40).sum() > 50


def test_times_count_from_the_first_frame(sheet_of):
    sheet = sheet_of(50, (32, 32))
    assert sheet._kept[0].time_s == 0
    assert sheet._kept[-1].time_s == pytest.approx(sheet._kept[-1].number / 25)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("size", "aspect", "thumbnail"),
    [
        ((1920, 1080), Fraction(1), (480, 270)),
        ((720, 1280), Fraction(1), (360, 640)),
        ((161, 97), Fraction(1), (480, 289)),
        ((720, 576), Fraction(64, 45), (480, 270)),
        ((4096, 16), Fraction(1), (480, 32)),
        ((16, 4096), Fraction(1), (32, 640)),
    ],
)
def test_any_shape_of_picture_finds_its_place(sheet_of, report, picture, size, aspect, thumbnail):
    person = box(0, 0, 8, 8, 3, "person")
    sheet = sheet_of(5, size, lambda _: Cover((person,)), aspect)
    height, width, _ = sheet._kept[0].rgb.shape
    assert (width, height) == thumbnail
    assert picture(sheet.draw(report)).shape[1] >= 4 * width


def test_a_crowd_is_named_by_numbers_only(sheet_of, report, picture):
    """Names of a hundred objects would hide all that there is to see."""
    crowd = tuple(
        box(x, y, 6, 6, 7, "a rather long name of a class")
        for x in range(20, 300, 60)
        for y in range(30, 170, 30)
    )
    tiles = []
    for patches in (crowd[:1], crowd):
        page = picture(sheet_of(1, cover=lambda _, p=patches: Cover(p)).draw(report))
        tiles.append((page[92 : 92 + 270, 28 : 28 + 480] == 255).all(axis=2).sum())
    assert 0 < tiles[1] < tiles[0] * len(crowd) / 4


def test_a_page_of_a_run_that_hides_nothing_says_so_in_red(sheet_of, report, picture):
    sheet = sheet_of(1)
    tuned = report.model_copy(update={"redacted": False})
    red = [
        (np.abs(picture(sheet.draw(drawn))[:92].astype(int) - ALARM).max(axis=2) < 40).sum()
        for drawn in (report, tuned)
    ]
    assert red[0] == 0
    assert red[1] > 200
