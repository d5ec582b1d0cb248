import cv2
import numpy as np
import pytest
from covers import box, hide
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.errors import PipelineError
from agent.frames.cover import Cover, PlacedOutline
from agent.frames.cpu_frame import CpuFrame
from agent.frames.frame import Colour
from agent.redact.effect import Effect
from agent.redact.patch import Patch, patches_of
from agent.redact.planes import flat_planes
from agent.redact.redactor import Redactor
from models.outline import GRID

EFFECTS = ["blur", "pixelate", "solid:ff00ff"]
LAYOUTS = ["I420", "NV12"]
BOUNDS, FIELD = np.array([0, 0, 9.0, 9.0]), np.ones((GRID, GRID), np.float32)


def filled(x, y, width, height):
    return Patch(x, y, np.full((height, width), 255, np.uint8))


def covered(size, patches, *, rectangle=False):
    """By definition, pixel by pixel: what must be hidden in luma, and in chroma."""
    width, height = size
    luma = np.zeros((height + height % 2, width + width % 2), bool)
    for patch in patches:
        rows, columns = np.nonzero(patch.pixels)
        inside = (
            (rows + patch.y >= 0)
            & (rows + patch.y < height)
            & (columns + patch.x >= 0)
            & (columns + patch.x < width)
        )
        rows, columns = rows[inside] + patch.y, columns[inside] + patch.x
        if rectangle and len(rows):
            luma[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1] = True
        luma[rows, columns] = True
    chroma = luma.reshape(luma.shape[0] // 2, 2, luma.shape[1] // 2, 2).any((1, 3))
    return luma[:height, :width], chroma


def three_planes(planes):
    return planes if len(planes) == 3 else (planes[0], planes[1][..., 0], planes[1][..., 1])


@st.composite
def scenes(draw):
    size = draw(st.tuples(st.integers(1, 41), st.integers(1, 41)))
    random = np.random.default_rng(draw(st.integers(0, 1000)))
    patches = []
    for _ in range(draw(st.integers(0, 4))):
        x, y = draw(st.integers(-12, 45)), draw(st.integers(-12, 45))
        width, height = draw(st.integers(0, 25)), draw(st.integers(0, 25))
        density = draw(st.sampled_from([0.0, 0.02, 0.5, 1.0]))
        pixels = (random.random((height, width)) < density).astype(np.uint8)
        patches.append(Patch(x, y, pixels * np.uint8(draw(st.sampled_from([1, 255])))))
    return size, tuple(patches)


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(
    scenes(), st.sampled_from(EFFECTS), st.sampled_from(LAYOUTS), st.sampled_from(["mask", "box"])
)
def test_everything_covered_is_hidden_and_all_else_is_untouched(
    make_noise, scene, words, layout, shape
):
    """Any size, any place, any mask: exact outside; inside, solid shows its colour alone."""
    size, patches = scene
    frame, effect = make_noise(size, layout), Effect.parse(words)
    planes = hide(frame, patches, effect, shape)
    luma, chroma = covered(size, patches, rectangle=shape == "box")
    flats = flat_planes(effect.rgb, frame.colour, 3)
    for ours, theirs, mask, flat in zip(
        three_planes(planes),
        three_planes(frame.planes),
        (luma, chroma, chroma),
        flats,
        strict=True,
    ):
        assert np.array_equal(ours[~mask], theirs[~mask])
        if effect.kind == "solid":
            assert np.all(ours[mask] == flat)


@pytest.mark.parametrize("shape", ["mask", "box"])
@pytest.mark.parametrize("words", EFFECTS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_redactor_hides_the_pixels_of_its_outlines(make_noise, layout, words, shape):
    frame, effect = make_noise((80, 60), layout), Effect.parse(words)
    cover = Cover((box(10, 8, 30, 20), box(35, 20, 60, 30), box(-9, 50, 20, 30)))
    redacted = Redactor((80, 60), effect, shape).redact(frame, cover)
    patches = [patch for _, patch in patches_of(cover, (80, 60), effect)]
    assert len(patches) == 3
    assert redacted.whole is None
    for ours, theirs in zip(redacted.planes, hide(frame, patches, effect, shape), strict=True):
        assert np.array_equal(ours, theirs)
    for patch, outline in zip(patches, cover.outlines, strict=True):
        x0, y0, x1, y1 = outline.bounds.clip(0, (80, 60, 80, 60)).astype(int)
        inside = patch.pixels[y0 - patch.y : y1 - patch.y, x0 - patch.x : x1 - patch.x]
        assert (inside == 255).all()


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(scenes(), st.sampled_from(EFFECTS), st.booleans())
def test_both_layouts_give_the_same_picture(make_noise, scene, words, whole):
    """OpenCV rounds a half up in one channel and to even in two: a level (8) of chroma a patch."""
    size, patches = scene
    effect = Effect.parse(words)

    def hidden(frame):
        if whole:
            return Redactor(size, effect).redact(frame, Cover.all_of_it("test")).planes
        return hide(frame, patches, effect)

    one, other = (three_planes(hidden(make_noise(size, layout))) for layout in LAYOUTS)
    assert np.array_equal(one[0], other[0])
    level = 0 if words.startswith("solid") else 8 * max(1, len(patches))
    for i420, nv12 in zip(one[1:], other[1:], strict=True):
        assert np.abs(i420.astype(int) - nv12).max() <= level


def shuffled_in_cells(plane, cell, seed):
    """Another texture with the same mean in each cell x cell block.

    Pixels change places in their 2x2 block, and blocks in their cell, so that not even rounding
    tells the two apart.
    """
    random = np.random.default_rng(seed)
    height, width = plane.shape
    grid = plane.reshape(height // cell, cell // 2, 2, width // cell, cell // 2, 2)
    blocks = grid.transpose(0, 3, 1, 4, 2, 5).reshape(height // cell, width // cell, -1, 4)
    blocks = random.permuted(blocks, axis=3)
    order = np.argsort(random.random(blocks.shape[:3]), axis=2)[..., None]
    blocks = np.take_along_axis(blocks, order, axis=2)
    grid = blocks.reshape(height // cell, width // cell, cell // 2, cell // 2, 2, 2)
    return np.ascontiguousarray(grid.transpose(0, 2, 4, 1, 3, 5).reshape(height, width))


def same_cells(make_noise, make_frame, seed):
    """A 96 x 96 picture of noise, and another with the same means of 12 x 12 cells."""
    frame = make_noise((96, 96), seed=seed)
    planes = [
        shuffled_in_cells(plane, cell, seed)
        for plane, cell in zip(frame.planes, (8, 4, 4), strict=True)
    ]
    assert not any(map(np.array_equal, planes, frame.planes))
    return frame, make_frame(planes)


@pytest.mark.parametrize("words", EFFECTS)
@pytest.mark.parametrize("cover", [Cover((box(0, 0, 96, 96),)), Cover.all_of_it("test")])
def test_no_texture_inside_a_cell_reaches_the_output(make_noise, make_frame, words, cover):
    """Two pictures that differ in everything but 144 averages become one."""
    redactor = Redactor((96, 96), Effect.parse(words))
    for seed in range(5):
        one, other = same_cells(make_noise, make_frame, seed)
        for left, right in zip(
            redactor.redact(one, cover).planes, redactor.redact(other, cover).planes, strict=True
        ):
            assert np.array_equal(left, right)


@pytest.mark.parametrize("words", EFFECTS)
def test_a_small_patch_never_brings_back_what_a_large_one_hid(make_noise, make_frame, words):
    """Whatever their order, nothing finer than the large one's cells is left where it lies."""
    effect = Effect.parse(words)
    large, small = filled(0, 0, 96, 96), filled(31, 33, 24, 20)
    one, other = same_cells(make_noise, make_frame, 11)
    for patches in ((large, small), (small, large)):
        for left, right in zip(
            hide(one, patches, effect), hide(other, patches, effect), strict=True
        ):
            assert np.array_equal(left, right)


@pytest.mark.parametrize("words", ["blur", "pixelate"])
def test_no_detail_shows_through(make_frame, words):
    """A slope under noise: the slope may stay, but no step between neighbours follows the noise."""
    random = np.random.default_rng(2)
    planes = [
        (np.linspace(50, 200, width) + random.normal(0, 20, (height, width))).clip(0, 255)
        for height, width in ((240, 320), (120, 160), (120, 160))
    ]
    frame = make_frame([plane.astype(np.uint8) for plane in planes])
    planes = hide(frame, [filled(33, 21, 253, 200)], Effect.parse(words))
    for step, ours, theirs in zip((1, 2, 2), planes, frame.planes, strict=True):
        inside = slice(22 // step, 220 // step), slice(34 // step, 284 // step)
        steps = [np.diff(plane[inside].astype(float)).ravel() for plane in (ours, theirs)]
        assert abs(np.corrcoef(*steps)[0, 1]) < 0.03
        assert np.ptp(ours[inside].astype(int)) > 60, "the slope should still be there"


@pytest.mark.parametrize("x", [10, 11])
@pytest.mark.parametrize("y", [10, 11])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_one_covered_pixel_covers_its_chroma(make_noise, layout, x, y):
    frame = make_noise((40, 30), layout, colour=Colour("bt601", full_range=True))
    planes = hide(frame, [filled(x, y, 1, 1)], Effect.parse("solid:ff0000"))
    luma, u, v = three_planes(planes)
    assert (luma[y, x], u[5, 5], v[5, 5]) == (76, 85, 255)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_empty_scene_passes_unharmed_in_memory_of_our_own(make_noise, layout):
    frame = make_noise((37, 23), layout)
    redacted = Redactor((37, 23), Effect("blur")).redact(frame, Cover(()))
    for ours, theirs in zip(redacted.planes, frame.planes, strict=True):
        assert np.array_equal(ours, theirs)
        assert not np.shares_memory(ours, theirs)
        assert ours.flags.c_contiguous


@pytest.mark.parametrize("words", EFFECTS)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("size", [(1, 1), (3, 2), (97, 55), (1920, 1080)])
def test_a_whole_cover_leaves_at_most_twelve_cells_of_the_frame(make_noise, words, layout, size):
    frame = make_noise(size, layout)
    cover = Cover((box(0, 0, 1, 1),), whole="detector failed")
    redacted = Redactor(size, Effect.parse(words)).redact(frame, cover)
    assert redacted.whole == "detector failed"
    assert redacted.size == size
    for plane in three_planes(redacted.planes):
        if words.startswith("solid"):
            assert len(np.unique(plane)) == 1
        elif words == "pixelate":
            steps = [(np.diff(plane.astype(int), axis=axis) != 0).any(1 - axis) for axis in (0, 1)]
            assert all(changes.sum() <= 11 for changes in steps)


@pytest.mark.parametrize("words", EFFECTS)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("other", [(64, 48), (65, 47), (640, 480), (1, 1)])
def test_a_frame_of_another_size_becomes_a_flat_one_of_ours(make_noise, words, layout, other):
    redacted = Redactor((63, 47), Effect.parse(words)).redact(make_noise(other, layout), Cover(()))
    assert redacted.size == (63, 47)
    assert redacted.whole == "resolution change"
    for plane in three_planes(redacted.planes):
        assert len(np.unique(plane)) == 1


@pytest.mark.parametrize(
    "odd",
    [
        PlacedOutline(np.array([0, 0, np.nan, 9.0]), FIELD),
        PlacedOutline(np.array([0, 0, np.inf, 9.0]), FIELD),
        PlacedOutline(np.array([0, 0, 9, 9]), FIELD),
        PlacedOutline(np.zeros(3), FIELD),
        PlacedOutline([0.0, 0.0, 9.0, 9.0], FIELD),
        PlacedOutline(BOUNDS, FIELD > 0),
        PlacedOutline(BOUNDS, FIELD[None]),
        PlacedOutline(BOUNDS, FIELD * np.nan),
        PlacedOutline(BOUNDS, None),
        PlacedOutline(BOUNDS, FIELD, float("nan")),
        PlacedOutline(BOUNDS, FIELD, None),
        PlacedOutline(BOUNDS[::-1].copy(), FIELD),
        PlacedOutline(BOUNDS * 1e306, FIELD),
        PlacedOutline(BOUNDS, FIELD, -1.0),
        PlacedOutline(BOUNDS, FIELD, 1e12),
        PlacedOutline(BOUNDS, -FIELD),
    ],
    ids=[
        "nan",
        "infinite",
        "whole numbers",
        "three bounds",
        "list",
        "bool field",
        "3-d field",
        "nan field",
        "no field",
        "nan growth",
        "no growth",
        "inverted",
        "beyond any sensor",
        "shrunk",
        "grown beyond any sensor",
        "nothing inside",
    ],
)
def test_an_outline_that_makes_no_sense_hides_the_whole_frame(make_noise, odd):
    redacted = Redactor((40, 30), Effect.parse("solid")).redact(
        make_noise((40, 30)), Cover((box(0, 0, 2, 2), odd))
    )
    assert redacted.whole == "invalid outline"
    assert all(len(np.unique(plane)) == 1 for plane in redacted.planes)


def test_numbers_of_numpy_are_whole_numbers_too(make_noise):
    """A patch at uint8 250 must not wrap around."""
    patch = Patch(np.uint8(250), np.int64(3), np.full((10, 20), 255, np.uint8))
    planes = hide(make_noise((300, 30)), [patch], Effect.parse("solid"))
    assert np.all(planes[0][3:13, 250:270] == 16)


def test_a_mask_may_be_any_view(make_noise):
    """Flipped, transposed or cut from a larger one: what it shows is what is hidden."""
    pixels = np.zeros((30, 20), np.uint8)
    pixels[2:9, 3:17] = 255
    views = [pixels[::-1, ::-1], pixels.T, pixels[1:, ::2], np.broadcast_to(pixels[5], (9, 20))]
    for view in views:
        planes = hide(make_noise((60, 50)), [Patch(7, 5, view)], Effect.parse("solid"))
        luma, _ = covered((60, 50), [Patch(7, 5, view)])
        assert np.all(planes[0][luma] == 16)


@pytest.mark.parametrize(
    "shapes",
    [
        [(30, 40)],
        [(30, 40), (15, 20)],
        [(30, 40), (15, 20), (15, 10)],
        [(30, 40), (30, 20), (30, 20)],
        [(30, 40), (15, 20), (15, 20), (30, 40)],
    ],
    ids=["grey", "no NV12", "narrow V", "4:2:2", "alpha"],
)
def test_other_layouts_are_refused(make_noise, shapes):
    frame = make_noise((40, 30))
    planes = tuple(np.zeros(shape, np.uint8) for shape in shapes)
    odd = CpuFrame(planes, 0, 0, frame.time_base, frame.colour)
    with pytest.raises(PipelineError, match="I420"):
        Redactor((40, 30), Effect("blur")).redact(odd, Cover.all_of_it("test"))


def test_more_than_eight_bits_are_refused(make_noise):
    frame = make_noise((40, 30))
    deep = tuple(plane.astype(np.uint16) for plane in frame.planes)
    odd = CpuFrame(deep, 0, 0, frame.time_base, frame.colour)
    with pytest.raises(PipelineError, match="8 bits"):
        Redactor((40, 30), Effect("blur")).redact(odd, Cover(()))


@pytest.mark.slow
@pytest.mark.parametrize("words", EFFECTS)
def test_a_face_detector_finds_nobody_afterwards(data, make_frame, words):
    """YuNet sees three faces in the photograph, and none once their people are covered."""
    photograph = cv2.imread(str(data / "images" / "zidane.jpg"))
    height, width = photograph.shape[:2]
    judge = cv2.FaceDetectorYN.create(
        str(data / "weights" / "yunet-face.onnx"), "", (width, height), 0.6
    )
    faces = judge.detect(photograph)[1]
    assert len(faces) >= 2
    patches = []
    for x, y, face_width, face_height in faces[:, :4].astype(int).tolist():
        mask = np.zeros((min(height - y, 3 * face_height) + face_height // 2, 2 * face_width), "u1")
        middle = mask.shape[1] // 2, mask.shape[0] // 2
        cv2.ellipse(mask, middle, middle, 0, 0, 360, 255, -1)
        patches.append(Patch(x - face_width // 2, y - face_height // 2, mask))

    packed = cv2.cvtColor(photograph, cv2.COLOR_BGR2YUV_I420)
    luma, chroma = packed[:height], packed[height:].reshape(2, height // 2, width // 2)
    frame = make_frame((luma, *chroma), Colour("bt601", full_range=False))
    effect = Effect.parse(words)
    whole = Redactor((width, height), effect).redact(frame, Cover.all_of_it("test"))
    for planes in (hide(frame, patches, effect), whole.planes):
        packed = np.concatenate([plane.ravel() for plane in planes])
        picture = cv2.cvtColor(packed.reshape(-1, width), cv2.COLOR_YUV2BGR_I420)
        assert judge.detect(picture)[1] is None
