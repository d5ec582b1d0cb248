"""Images that FFmpeg opens as videos: refused where it would give one picture of several."""

import numpy as np
import pytest
from PIL import Image

from agent.errors import InputError
from agent.several_pictures import is_heif
from agent.video.file_source import FileSource


@pytest.fixture
def saved(tmp_path):
    """Three pictures in one file."""

    def save(name, pictures=3):
        random = np.random.default_rng(0)
        images = [
            Image.fromarray(random.integers(0, 256, (48, 64, 3), np.uint8)) for _ in range(pictures)
        ]
        images[0].save(tmp_path / name, save_all=True, append_images=images[1:], duration=100)
        return tmp_path / name

    return save


@pytest.mark.parametrize(
    ("name", "about"),
    [
        (
            "x.webp",
            "an animated WebP, which FFmpeg can't decode; .*-coalesce x.gif && sfumato blur",
        ),
        (
            "x.tiff",
            "several pictures; split it, and redact each: magick .* && sfumato redact-image",
        ),
    ],
)
def test_pictures_that_would_be_lost_are_refused_with_what_to_do(saved, name, about):
    with pytest.raises(InputError, match=about) as caught:
        FileSource(saved(name))
    assert "\n" not in str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["x.gif", "x.png", "x.avif"])
def test_of_animations_every_picture_comes(saved, name):
    with FileSource(saved(name)) as source:
        assert len(list(source)) == 3


@pytest.mark.slow
@pytest.mark.parametrize("name", ["x.webp", "x.tiff", "x.gif", "x.png", "x.avif"])
def test_one_picture_is_one_frame(saved, name):
    with FileSource(saved(name, pictures=1)) as source:
        assert len(list(source)) == 1


@pytest.mark.parametrize(
    ("brands", "still"),
    [
        (b"heicmif1heic", True),
        (b"avifmif1miaf", True),
        (b"avisavifavismsf1mif1", False),
        (b"isomiso2avc1mp41", False),
    ],
)
def test_stills_are_told_from_sequences(brands, still):
    size = (12 + len(brands)).to_bytes(4, "big")
    head = size + b"ftyp" + brands[:4] + bytes(4) + brands[4:]
    assert is_heif(head + b"\0\0\0\x08heic") == still
    assert not is_heif(b"heic")
