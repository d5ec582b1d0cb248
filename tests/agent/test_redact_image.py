"""Stills: covered as keyframes are, stripped of everything but pixels, and never half done."""

import io

import av
import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms, PngImagePlugin

from agent.blur import detector_of
from agent.detect.pool import DetectorPool
from agent.errors import InputError, OutputError, UsageError
from agent.frames.cpu_frame import CpuFrame
from agent.frames.frame import Colour
from agent.hidden import hidden_classes
from agent.pipeline.analyst import Analyst
from agent.pipeline.rhythm import Rhythm
from agent.redact.effect import Effect
from agent.redact.rgb_image import redact_rgb
from agent.redact_image import FORMATS, ImageDetector, read_image, redact_image, redact_image_file
from agent.settings import BlurSettings
from agent.track.tracker import Tracker
from models.bundle import Bundle, write_bundle
from models.errors import InferenceError
from models.importing import import_onnx
from models.instances import Instances, Mask
from models.preprocess import rgb_from_yuv

SETTINGS = BlurSettings(effect="solid:ff00ff", conf=0.25)
MAGENTA = (255, 0, 255)


@pytest.fixture(scope="session")
def bundle(data, tmp_path_factory):
    model = (data / "weights" / "coco-yolov8n-seg-320.onnx").read_bytes()
    path = tmp_path_factory.mktemp("bundle") / "pc.sfm"
    write_bundle(path, *import_onnx(model, "pc", classes=("person", "car")))
    return Bundle.open(path, allow_unsigned=True)


@pytest.fixture(scope="session")
def hidden(bundle):
    return hidden_classes(bundle, SETTINGS)


@pytest.fixture(scope="session")
def detector(bundle):
    return ImageDetector.of(bundle, SETTINGS)


class Sees:
    """Sees squares of 20 pixels: scores by place and class id, whatever the image."""

    def __init__(self, *squares):
        self._squares = squares

    def detect(self, _rgb):
        places, classes, scores = zip(*self._squares, strict=True)
        boxes = np.array([(x, y, x + 20, y + 20) for x, y in places], np.float32)
        masks = tuple(Mask(x, y, np.full((20, 20), 255, np.uint8)) for x, y in places)
        return Instances(boxes, np.array(scores, np.float32), np.array(classes, np.int64), masks)


class Blank:
    """Sees nothing."""

    def detect(self, _rgb):
        return Instances.none()


@pytest.fixture(scope="session")
def photo():
    """Noise, which no step may change where nothing is hidden."""
    return np.random.default_rng(1).integers(0, 256, (60, 90, 3), np.uint8)


@pytest.fixture
def saved(tmp_path, photo):
    """The photo as a file."""

    def save(name, image=None, **options):
        path = tmp_path / name
        (image or Image.fromarray(photo)).save(path, **options)
        return path

    return save


# What is hidden


@pytest.mark.slow
@pytest.mark.parametrize("name", ["bus.jpg", "zidane.jpg", "peds_1.jpg"])
def test_a_still_is_covered_as_a_keyframe_of_the_same_picture(data, bundle, hidden, detector, name):
    settings = SETTINGS.model_copy(update={"margin": 0.03})
    rgb = cv2.cvtColor(cv2.imread(str(data / "images" / name)), cv2.COLOR_BGR2RGB)
    rgb = rgb[: rgb.shape[0] // 2 * 2, : rgb.shape[1] // 2 * 2]
    height, width, _ = rgb.shape
    i420 = cv2.cvtColor(rgb, cv2.COLOR_RGB2YUV_I420)
    chroma = i420[height:].reshape(2, height // 2, width // 2)
    frame = CpuFrame((i420[:height], *chroma), 0, 0, 1, Colour("bt601", full_range=False))
    same = rgb_from_yuv(frame.planes, frame.size, "bt601", full_range=False)

    pool = DetectorPool(detector_of(bundle, SETTINGS), 1, 60)
    tracker = Tracker(tuple(hidden.labels), hidden.scores)
    analyst = Analyst(
        pool.lane("image"),
        tracker,
        Rhythm(1),
        frame.size,
        hidden.labels,
        settings.margin,
        [].append,
    )
    [(_, cover)] = analyst.run([frame])
    pool.close()

    redacted, count = redact_image(same, detector, hidden, settings)
    assert count == len(cover.outlines) > 1
    ours = (redacted == MAGENTA).all(axis=2)
    theirs = (redact_rgb(same, cover, Effect.parse(settings.effect)) == MAGENTA).all(axis=2)
    assert (ours & theirs).sum() / (ours | theirs).sum() > 0.985


def test_what_lies_outside_the_cover_keeps_every_bit(data, tmp_path, detector, hidden):
    target = tmp_path / "out.png"
    assert redact_image_file(data / "images" / "bus.jpg", target, detector, hidden, SETTINGS) >= 3
    before, after = read_image(data / "images" / "bus.jpg"), read_image(target)
    changed = (before != after).any(axis=2)
    assert (after[changed] == MAGENTA).all()
    assert 0.1 < changed.mean() < 0.5


def test_only_what_reaches_its_score_and_is_asked_for_is_hidden(photo, hidden):
    car = next(number for number, label in hidden.labels.items() if label == "car")
    squares = [((2, 2), 0, 0.3), ((30, 2), 0, 0.24), ((60, 2), car, 0.9), ((2, 35), 15, 0.9)]
    redacted, count = redact_image(photo, Sees(*squares), hidden, SETTINGS)
    magenta = (redacted == MAGENTA).all(axis=2)
    assert count == 2
    assert magenta[4:20, 4:20].all()
    assert magenta[4:20, 62:78].all()
    assert not magenta[:, 26:56].any()
    assert not magenta[27:].any()


def test_an_image_of_nothing_passes_unharmed(saved, photo, tmp_path, hidden):
    assert redact_image_file(saved("in.png"), tmp_path / "o.png", Blank(), hidden, SETTINGS) == 0
    assert np.array_equal(read_image(tmp_path / "o.png"), photo)


@pytest.mark.parametrize("score", [np.nan, np.inf])
def test_numbers_that_are_none_end_without_output(saved, tmp_path, hidden, score):
    detector, source = Sees(((2, 2), 0, score)), saved("in.png")
    with pytest.raises(InferenceError, match="can't be true"):
        redact_image_file(source, tmp_path / "o.png", detector, hidden, SETTINGS)
    assert list(tmp_path.iterdir()) == [source]


# What comes in


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tiff", "avif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_images_are_turned_upright(tmp_path, suffix, orientation):
    """What is stored is turned so that the bright quarter comes to lie at the upper left."""
    upright = np.zeros((64, 96), np.uint8)
    upright[:32, :48] = 255
    undo = {
        1: lambda a: a,
        2: np.fliplr,
        3: lambda a: np.rot90(a, 2),
        4: np.flipud,
        5: np.transpose,
        6: np.rot90,
        7: lambda a: np.rot90(a, 2).T,
        8: lambda a: np.rot90(a, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"x.{suffix}"
    stored = Image.fromarray(np.ascontiguousarray(undo(upright))).convert("RGB")
    stored.save(path, exif=exif)
    pixels = read_image(path)
    assert pixels.shape == (64, 96, 3)
    assert pixels[4:28, 4:44].min() > 200
    assert max(pixels[36:].max(), pixels[:, 52:].max()) < 60


def test_grey_palettes_bits_and_inks_become_rgb(saved, photo):
    rgb = Image.fromarray(photo)
    for mode, suffix in (("L", "png"), ("1", "png"), ("P", "png"), ("CMYK", "jpg"), ("L", "tif")):
        pixels = read_image(saved(f"{mode}.{suffix}", rgb.convert(mode)))
        expected = np.asarray(rgb.convert(mode).convert("RGB"), int)
        assert pixels.shape == photo.shape
        assert np.abs(pixels - expected).mean() < (30 if suffix == "jpg" else 0.01)


@pytest.mark.parametrize("suffix", ["png", "tiff"])
@pytest.mark.parametrize("channels", [1, 3])
def test_of_sixteen_bits_the_upper_eight_are_seen(tmp_path, photo, suffix, channels):
    deep = photo[..., :channels].astype(np.uint16) * 256 + 77
    path = tmp_path / f"x.{suffix}"
    assert cv2.imwrite(str(path), deep[..., ::-1])
    try:
        pixels = read_image(path)
    except InputError as error:  # Pillow reads no TIFF of three times 16 bits
        assert (suffix, channels) == ("tiff", 3)
        assert "not an image that can be read" in str(error)  # noqa: PT017 - it may also read it
    else:
        assert np.array_equal(pixels, np.broadcast_to(photo[..., :channels], photo.shape))


def test_what_was_transparent_is_gone(saved, photo):
    """Colours live on below a transparency of nought, and editors bring them back."""
    layered = np.dstack([photo, np.full(photo.shape[:2], 255, np.uint8)])
    layered[10:30, 10:30, 3] = 0
    pixels = read_image(saved("x.png", Image.fromarray(layered)))
    assert (pixels[10:30, 10:30] == 255).all()
    pixels[10:30, 10:30] = photo[10:30, 10:30]
    assert np.array_equal(pixels, photo)


def test_colours_with_a_profile_are_converted_before_it_is_dropped(saved):
    """A profile of sRGB with red and green exchanged makes red pixels look green."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    profile = profile.replace(b"rXYZ", b"tmp_").replace(b"gXYZ", b"rXYZ").replace(b"tmp_", b"gXYZ")
    red = Image.new("RGB", (8, 8), (255, 0, 0))
    pixels = read_image(saved("x.png", red, icc_profile=profile))
    assert pixels[0, 0, 1] > 200
    assert pixels[0, 0, 0] < 60
    pixels = read_image(saved("y.png", red, icc_profile=b"no profile at all"))
    assert (pixels == (255, 0, 0)).all()


@pytest.mark.parametrize(
    ("name", "contents", "message"),
    [
        ("gone.jpg", None, "no such file"),
        ("empty.jpg", b"", "the file is empty"),
        ("text.jpg", b"dear diary\n" * 50, "not an image that can be read"),
        ("video.jpg", b"\0\0\0\x18ftypmp42" + b"\0" * 500, "not an image that can be read"),
    ],
)
def test_what_is_no_image_is_refused(tmp_path, hidden, name, contents, message):
    source, target = tmp_path / name, tmp_path / "out.png"
    if contents is not None:
        source.write_bytes(contents)
    with pytest.raises(InputError, match=rf"{name}.*{message}") as caught:
        redact_image_file(source, target, Blank(), hidden, SETTINGS)
    assert "\n" not in str(caught.value)
    assert not target.exists()


@pytest.mark.parametrize("suffix", sorted({"jpg", "png", "webp", "tif", "bmp"}))
def test_an_image_that_was_cut_short_leaves_no_output(saved, tmp_path, hidden, suffix):
    source, target = saved(f"x.{suffix}"), tmp_path / "out.png"
    source.write_bytes(source.read_bytes()[: source.stat().st_size // 2])
    with pytest.raises(InputError, match=rf"x\.{suffix}: "):
        redact_image_file(source, target, Blank(), hidden, SETTINGS)
    assert not target.exists()


SEVERAL = {
    "a b.webp": "an animated WebP.*magick '.*/a b.webp' -coalesce 'a b'.gif && sfumato blur 'a b'",
    "x.tiff": "several pictures; split it, .*magick .*/x.tiff x-%d.png",
    "x.png": "several pictures; redact it as a video: sfumato blur .*/x.png x.mp4",
    "x.gif": "several pictures; redact it as a video: sfumato blur .*/x.gif x.mp4",
    "x.avif": "several pictures; redact it as a video: sfumato blur .*/x.avif x.mp4",
}


@pytest.mark.parametrize("name", SEVERAL)
def test_several_pictures_in_one_file_are_refused(saved, photo, name):
    more = [Image.fromarray(255 - photo)]
    with pytest.raises(InputError, match=SEVERAL[name]) as caught:
        read_image(saved(name, save_all=True, append_images=more))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["x.gif", "x.avif"])
def test_stills_that_are_read_and_not_written(saved, photo, name):
    smooth = cv2.GaussianBlur(photo, (0, 0), 5)
    pixels = read_image(saved(name, Image.fromarray(smooth)))
    assert cv2.PSNR(smooth, pixels) > 30


def test_what_is_transparent_in_avif_is_gone(saved, photo):
    layered = np.dstack([photo, np.full(photo.shape[:2], 255, np.uint8)])
    layered[10:30, 10:30, 3] = 0
    pixels = read_image(saved("x.avif", Image.fromarray(layered), quality=100))
    assert pixels[12:28, 12:28].min() > 240


def avif_of(picture, path):
    """An AVIF of one picture in whatever format it has, by FFmpeg."""
    with av.open(str(path), "w", format="avif") as container:
        stream = container.add_stream("libsvtav1", rate=1, options={"crf": "10", "preset": "8"})
        stream.width, stream.height, stream.pix_fmt = picture.width, picture.height, "yuv420p10le"
        container.mux(stream.encode(picture.reformat(format="yuv420p10le")))
        container.mux(stream.encode(None))
    return path


@pytest.mark.slow
def test_avif_of_ten_bits_is_read(data, tmp_path):
    rgb = read_image(data / "images" / "zidane.jpg")
    path = avif_of(av.VideoFrame.from_ndarray(rgb, "rgb24"), tmp_path / "x.avif")
    assert cv2.PSNR(rgb, read_image(path)) > 30


def test_heif_is_refused_with_what_to_do(tmp_path):
    path = tmp_path / "x.heic"
    path.write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(500))
    with pytest.raises(InputError, match=r"a HEIF image.*convert it: magick .*x\.heic x\.png"):
        read_image(path)


def test_an_avif_that_was_cut_short_is_said_to_be_damaged(saved, photo):
    path = saved("x.avif", Image.fromarray(photo))
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(InputError, match="damaged AVIF"):
        read_image(path)


def test_of_a_phones_several_pictures_the_photo_is_taken(saved, photo):
    path = saved("x.jpg", format="MPO", save_all=True, append_images=[Image.new("RGB", (9, 9))])
    assert read_image(path).shape == photo.shape


def test_pixels_of_32_bits_are_refused(saved, photo):
    with pytest.raises(InputError, match="32 bits"):
        read_image(saved("x.tiff", Image.fromarray(photo[..., 0].astype(np.float32))))


def test_an_image_that_would_fill_the_memory_is_refused(tmp_path):
    header = b"BM" + (54).to_bytes(4, "little") + b"\0" * 4 + (54).to_bytes(4, "little")
    header += (40).to_bytes(4, "little") + (60_000).to_bytes(4, "little") * 2
    header += (1).to_bytes(2, "little") + (24).to_bytes(2, "little") + b"\0" * 24
    (tmp_path / "x.bmp").write_bytes(header)
    with pytest.raises(InputError, match=r"x\.bmp"):
        read_image(tmp_path / "x.bmp")


# What goes out


SECRETS = (b"Hidden Street 7", b"SecretCam", b"48.8583", b"thumbnail-bytes")


@pytest.fixture
def telling(saved):
    """Images that tell more than they show."""
    exif = Image.Exif()
    exif[0x010E], exif[0x0110] = "Hidden Street 7", "SecretCam"
    exif.get_ifd(0x8825)[0x001D] = "48.8583"
    exif.get_ifd(0x8769)[0x9286] = b"ASCII\0\0\0thumbnail-bytes"
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "Hidden Street 7")
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    carried = {"exif": exif, "icc_profile": profile}
    return [
        saved("t.jpg", comment=b"Hidden Street 7", **carried),
        saved("t.png", pnginfo=text, **carried),
        saved("t.webp", xmp=b"<x>Hidden Street 7</x>", **carried),
        saved("t.tiff", description="Hidden Street 7", **carried),
        saved("t.avif", xmp=b"<x>Hidden Street 7</x>", **carried),
    ]


@pytest.mark.parametrize("suffix", FORMATS)
def test_an_output_holds_pixels_and_nothing_else(telling, tmp_path, hidden, suffix):
    for source in telling:
        assert any(secret in source.read_bytes() for secret in SECRETS)
        target = tmp_path / f"out-{source.suffix[1:]}{suffix}"
        redact_image_file(source, target, Blank(), hidden, SETTINGS)
        data = target.read_bytes()
        assert not any(secret in data for secret in SECRETS)
        with Image.open(io.BytesIO(data)) as image:
            assert image.format == FORMATS[suffix]
            assert image.size == (90, 60)
            assert image.mode == "RGB"
            assert not {"exif", "icc_profile", "comment", "xmp"} & set(image.info)
            described = {name for name, value in image.info.items() if isinstance(value, str)}
            assert described <= {"compression"}


@pytest.mark.slow
@pytest.mark.parametrize("suffix", FORMATS)
def test_outputs_look_like_their_inputs(data, tmp_path, hidden, suffix):
    source, target = data / "images" / "bus.jpg", tmp_path / f"out{suffix}"
    redact_image_file(source, target, Blank(), hidden, SETTINGS)
    assert cv2.PSNR(read_image(source), read_image(target)) > 35


def test_the_input_is_never_overwritten(saved, tmp_path, hidden):
    source = saved("in.png")
    before = source.read_bytes()
    (tmp_path / "link.png").symlink_to(source)
    (tmp_path / "hard.png").hardlink_to(source)
    for name in ("in.png", "link.png", "hard.png"):
        with pytest.raises(OutputError, match="is the input"):
            redact_image_file(source, tmp_path / name, Blank(), hidden, SETTINGS)
    assert source.read_bytes() == before


def test_a_suffix_that_names_no_format_is_refused(saved, tmp_path, hidden):
    with pytest.raises(UsageError, match=r"out\.gif: an image is written as \.bmp, "):
        redact_image_file(saved("in.png"), tmp_path / "out.gif", Blank(), hidden, SETTINGS)


def test_a_failure_leaves_what_was_there(saved, tmp_path, hidden):
    source, target = saved("in.png"), tmp_path / "out.png"
    target.write_bytes(b"earlier")
    with pytest.raises(OutputError, match="exists already"):
        redact_image_file(source, target, Blank(), hidden, SETTINGS)
    blind = Sees(((2, 2), 0, np.nan))
    with pytest.raises(InferenceError):
        redact_image_file(source, target, blind, hidden, SETTINGS, overwrite=True)
    assert target.read_bytes() == b"earlier"
    with pytest.raises(OutputError, match="no such folder"):
        redact_image_file(source, tmp_path / "no" / "out.png", Blank(), hidden, SETTINGS)


def test_the_picture_that_was_given_is_never_written_to(photo, hidden):
    before = photo.copy()
    redact_image(photo, Sees(((2, 2), 0, 0.9)), hidden, SETTINGS)
    assert np.array_equal(photo, before)
