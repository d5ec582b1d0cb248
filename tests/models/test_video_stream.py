"""The rule itself, on streams that are no more than what it asks of them."""

from dataclasses import dataclass, field

import pytest

from models.video_stream import video_stream

DEFAULT, IMPAIRED, COVER, THUMBNAILS = 1, 1 << 8, 1 << 10, 1 << 11


@dataclass(eq=False)
class Stream:
    name: str
    disposition: int = 0
    bit_rate: int | None = None


@dataclass(eq=False)
class Undecodable:
    name: str
    disposition: int = 0


@dataclass
class File:
    """Streams, one of which FFmpeg chose."""

    video: list[Stream]
    chosen: int | None = field(default=None)

    def best(self, kind):
        assert kind == "video"
        return None if self.chosen is None else self.video[self.chosen]


def choice(*streams, ffmpeg=0):
    found = video_stream(File(list(streams), ffmpeg))
    return found and found.name


@pytest.mark.parametrize("chosen", [0, 1, 2])
def test_ffmpeg_has_the_first_word(chosen):
    streams = Stream("0"), Stream("1", DEFAULT, 9_000_000), Stream("2")
    assert choice(*streams, ffmpeg=chosen) == str(chosen)


@pytest.mark.parametrize("kind", [COVER, THUMBNAILS, COVER | DEFAULT])
@pytest.mark.parametrize(
    ("others", "expected"),
    [
        ([Stream("first"), Stream("second")], "first"),
        ([Stream("first", bit_rate=1), Stream("richer", bit_rate=2)], "richer"),
        ([Stream("first", bit_rate=2), Stream("marked", DEFAULT, 1)], "marked"),
        ([Stream("impaired", IMPAIRED, 3), Stream("for all", 0, 1)], "for all"),
        ([Stream("first", IMPAIRED | DEFAULT), Stream("second")], "first"),
        ([Undecodable("first"), Stream("second", bit_rate=1)], "second"),
        ([Stream("art too", THUMBNAILS, 9), Stream("video")], "video"),
    ],
)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_the_best_of_the_others_where_ffmpeg_chose_a_still(kind, others, expected, place):
    streams = [*others[:place], Stream("cover", kind, 99_000_000), *others[place:]]
    assert choice(*streams, ffmpeg=place) == expected


def test_stills_alone_are_no_video():
    assert choice(Stream("cover", COVER), Stream("thumbnails", THUMBNAILS)) is None


def test_a_file_without_pictures_has_none():
    assert choice(ffmpeg=None) is None
