"""What is transparent lies on white, so that what nobody sees shows nothing."""

from fractions import Fraction

import av
import numpy as np
import pytest

from agent.video.file_source import FileSource

SIZE = 96, 64


def layer(number):
    """Stripes everywhere; seen on the right, half on a strip in the middle, not on the left."""
    rgba = np.zeros((SIZE[1], SIZE[0], 4), np.uint8)
    rgba[..., :3] = np.where(np.arange(SIZE[0]) // 4 % 2, 230, 20)[None, :, None]
    rgba[..., 0] = 40 + 10 * number
    rgba[:, 32:48, 3], rgba[:, 48:, 3] = 128, 255
    return rgba


def write(path, codec, pixel_format, *, metadata=None, options=None):
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=25, options=options or {})
        stream.width, stream.height, stream.pix_fmt = *SIZE, pixel_format
        stream.metadata.update(metadata or {})
        for number in range(4):
            frame = av.VideoFrame.from_ndarray(layer(number), "rgba")
            frame = frame.reformat(format=pixel_format, dst_color_range="MPEG")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def seen(number):
    """What a picture viewer shows on white."""
    rgba = layer(number).astype(int)
    return (rgba[..., :3] * rgba[..., 3:] + 255 * (255 - rgba[..., 3:])) // 255


@pytest.mark.slow
@pytest.mark.parametrize(
    ("codec", "pixel_format", "suffix"),
    [
        ("qtrle", "argb", ".mov"),
        ("png", "rgba", ".mov"),
        ("png", "rgba64be", ".mov"),
        ("png", "ya8", ".mov"),
        ("apng", "rgba", ".apng"),
        ("prores_ks", "yuva444p10le", ".mov"),
        ("ffv1", "yuva420p", ".mkv"),
        ("ffv1", "yuva422p10le", ".mkv"),
        ("ffv1", "bgra", ".mkv"),
        ("ffv1", "gbrap10le", ".mkv"),
        ("utvideo", "gbrap", ".avi"),
        ("rawvideo", "rgba", ".nut"),
        ("libvpx", "yuva420p", ".webm"),
        ("libvpx", "yuva420p", ".mkv"),
        ("libvpx-vp9", "yuva420p", ".webm"),
    ],
)
def test_transparent_pixels_show_white_and_the_others_themselves(
    clips, tmp_path, codec, pixel_format, suffix
):
    options, metadata = {}, {}
    if codec == "prores_ks":
        options = {"alpha_bits": "16"}
    if codec.startswith("libvpx"):
        options, metadata = {"auto-alt-ref": "0", "crf": "4", "b": "4M"}, {"alpha_mode": "1"}
    path = write(
        tmp_path / f"clip{suffix}", codec, pixel_format, options=options, metadata=metadata
    )
    with FileSource(path) as source:
        assert "what is transparent is shown on white" in source.info.notes
        frames = list(source)
    assert len(frames) == 4
    for frame in frames:
        image = clips.rgb_of(frame).astype(int)
        assert np.ptp(image[:, :28].reshape(-1, 3), axis=0).max() <= 6
        assert image[:, :28].min() >= 248
        expected = seen(frame.index)
        if pixel_format == "ya8":
            expected = np.repeat(expected.mean(2, keepdims=True), 3, axis=2)
        assert np.abs(image[:, 52:] - expected[:, 52:]).mean() < 16  # chroma is coarse
        strip = image[:, 36:44].mean(axis=(0, 2)) - expected[:, 36:44].mean(axis=(0, 2))
        assert np.abs(strip).mean() < 16


def test_a_transparent_colour_of_a_palette_shows_white(clips, tmp_path):
    from PIL import Image

    indices = np.where(np.arange(96) // 4 % 2, 1, 2)[None].repeat(64, 0).astype(np.uint8)
    indices[:, :48] = 0
    pictures = []
    for number in range(3):
        picture = Image.fromarray(np.roll(indices, number, axis=1), "P")
        picture.putpalette([9, 9, 9, 255, 0, 0, 0, 0, 255])
        pictures.append(picture)
    path = tmp_path / "clip.gif"
    pictures[0].save(
        path, save_all=True, append_images=pictures[1:], transparency=0, disposal=2, duration=40
    )
    frames = clips.frames_of(path)
    assert len(frames) == 3
    for frame in frames:
        assert (clips.rgb_of(frame)[:, 8:40] >= 250).all()


def test_opaque_pictures_of_a_kind_with_alpha_are_as_without(clips, tmp_path):
    def through(pixel_format):
        path = clips.write(
            tmp_path / f"{pixel_format}.mkv", range(3), codec="ffv1", pixel_format=pixel_format
        )
        return clips.frames_of(path)

    for with_alpha, without in zip(through("yuva420p"), through("yuv420p"), strict=True):
        for plane, other in zip(with_alpha.planes, without.planes, strict=True):
            assert np.array_equal(plane, other)


def test_webm_without_alpha_is_decoded_as_ever(clips, tmp_path):
    path = clips.write(tmp_path / "clip.webm", range(5), codec="libvpx-vp9", options={"crf": "4"})
    with FileSource(path) as source:
        assert source.info.pixel_format == "yuv420p"
        assert source.info.notes == ()
        assert [clips.number_of(frame.planes[0]) for frame in source] == list(range(5))
