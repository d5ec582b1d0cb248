"""The rule itself, on streams that are no more than what it asks of them."""

from dataclasses import dataclass, field
from fractions import Fraction

import pytest

from models.video_stream import frame_rate_of, video_stream

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


@dataclass
class Rated:
    average_rate: Fraction | None
    guessed_rate: Fraction | None


@pytest.mark.parametrize(
    ("mean", "guess", "rate"),
    [
        (25, 50, 25),
        (Fraction(24000, 1001), 60, Fraction(24000, 1001)),
        (None, 25, 25),
        (0, 25, 25),  # as PyAV has it before it was estimated
        (30, None, 30),
        (None, None, None),
        (60000, Fraction(30000, 1001), Fraction(30000, 1001)),  # a DV file's
        (2000, 2000, 2000),
        (90000, None, 90000),
    ],
)
def test_the_rate_is_the_mean_unless_that_is_a_clock(mean, guess, rate):
    assert frame_rate_of(Rated(mean, guess)) == rate
