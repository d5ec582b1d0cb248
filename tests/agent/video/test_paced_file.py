"""A file as a camera: over and over, and at its own pace."""

import threading
from itertools import islice, pairwise

import pytest
from worlds import HandClock, until

from agent.errors import InputError
from agent.video.file_source import FileSource
from agent.video.paced_file import PacedFile
from agent.video.playback import Playback


class Pace:
    """A clock that stands still but for who waits."""

    def __init__(self):
        self.clock, self.waited = HandClock(), []

    def pause(self, wait_s):
        self.waited.append(wait_s)
        self.clock.turn(wait_s)
        return False


@pytest.fixture
def pace():
    return Pace()


def paced(path, pace, **settings):
    return PacedFile(path, realtime=True, pause=pace.pause, now=pace.clock, **settings)


def numbers(clips, frames):
    return [clips.number_of(frame.planes[0]) for frame in frames]


def test_without_either_it_is_the_file(clip):
    with FileSource(clip) as file:
        expected = [(frame.index, frame.pts) for frame in file]
    source = PacedFile(clip)
    frames = list(source)
    assert [(frame.index, frame.pts) for frame in frames] == expected
    assert source.successor() is None
    source.close()


def test_a_loop_goes_on_in_index_and_time_and_loses_no_frame(clip, clips):
    source = PacedFile(clip, loop=True)
    frames = list(islice(source, 40))
    source.close()
    assert numbers(clips, frames) == [i % 12 for i in range(40)]
    assert [frame.index for frame in frames] == list(range(40))
    gaps = {b.pts - a.pts for a, b in pairwise(frames)}
    assert gaps == {frames[1].pts - frames[0].pts}
    assert [frame.index for frame in frames if frame.opens_scene] == [0, 12, 24, 36]
    assert list(source) == []


def test_uneven_times_are_kept_in_every_round(tmp_path, clips):
    path = clips.write(tmp_path / "uneven.mkv", [0, 1, 5, 6])
    source = PacedFile(path, loop=True)
    times = clips.seconds(islice(source, 8))
    source.close()
    steps = [b - a for a, b in pairwise(times)]
    assert steps[:3] == steps[4:]
    assert 0 < steps[3] <= 0.2


def test_counts_are_of_all_rounds(tmp_path, clips):
    path = clips.write(tmp_path / "resized.ts")
    with path.open("ab") as file:
        file.write(clips.write(tmp_path / "larger.ts", size=(128, 64)).read_bytes())
    source = PacedFile(path, loop=True)
    frames = list(islice(source, 60))
    source.close()
    assert source.resized == 24
    assert {frame.size for frame in frames} == {(96, 64)}


def test_frames_come_at_the_pace_of_their_times(tmp_path, clips, pace):
    source = paced(clips.write(tmp_path / "uneven.mkv", [0, 1, 5, 6]), pace)
    came = [(float(frame.pts * frame.time_base), pace.clock()) for frame in source]
    assert len(came) == 4
    for time_s, at_s in came:
        assert at_s == pytest.approx(time_s - came[0][0])
    source.close()


def test_who_is_slow_waits_less_and_who_is_held_up_for_long_sees_no_rush(clip, pace):
    source = paced(clip, pace, loop=True)
    next(source)
    pace.clock.turn(0.03)
    next(source)
    assert pace.waited == [pytest.approx(0.01)]
    pace.clock.turn(0.5)
    for _ in range(12):  # what half a second held up comes at once
        next(source)
    assert len(pace.waited) == 1
    pace.clock.turn(600)
    began_s = pace.clock()
    for _ in range(26):
        next(source)
    assert pace.clock() - began_s == pytest.approx(1, abs=0.1)
    source.close()


@pytest.mark.parametrize("loop", [True, False])
def test_closing_ends_the_wait(tmp_path, clips, loop):
    source = PacedFile(clips.write(tmp_path / "slow.mkv", [0, 25 * 3600]), loop=loop, realtime=True)
    given = []
    reader = threading.Thread(target=lambda: given.extend(source), daemon=True)
    reader.start()
    reader.join(0.2)
    assert reader.is_alive()
    source.close()
    reader.join(20)
    assert not reader.is_alive()
    assert len(given) == 1


def test_a_file_of_another_size_in_its_place_is_a_successor_s(tmp_path, clips):
    path = clips.write(tmp_path / "clip.mp4")
    source = PacedFile(path, loop=True)
    before = list(islice(source, 5))
    clips.write(path, size=(128, 96))
    before += list(source)
    after = source.successor()
    source.close()
    assert numbers(clips, before) == list(range(12))
    assert {frame.size for frame in before} == {(96, 64)}
    assert (after.info.width, after.info.height) == (128, 96)
    frames = list(islice(after, 30))
    assert {frame.size for frame in frames} == {(128, 96)}
    assert numbers(clips, frames) == [i % 12 for i in range(30)]
    after.close()
    assert after.successor() is None


def test_a_file_of_other_colours_in_its_place_is_a_successor_s(tmp_path, clips):
    """What is written says how its colours are to be read once, at its beginning."""
    path = clips.write(tmp_path / "clip.mp4")
    source = PacedFile(path, loop=True)
    before = list(islice(source, 5))
    clips.write(path, pixel_format="yuvj420p")
    before += list(islice(source, 40))
    after = source.successor()
    assert {frame.colour.full_range for frame in before} == {False}
    assert {frame.colour.full_range for frame in islice(after, 5)} == {True}
    after.close()


@pytest.mark.parametrize("spoil", ["removed", "emptied", "a text"])
def test_a_file_that_can_not_be_opened_again_is_a_fault(clip, clips, spoil):
    source = PacedFile(clip, loop=True)
    before = [next(source) for _ in range(3)]
    if spoil == "removed":
        clip.unlink()
    else:
        clip.write_text("" if spoil == "emptied" else "not a video at all\n" * 50)

    def read_on():
        before.extend(source)

    with pytest.raises(InputError, match=clip.name):
        read_on()
    assert numbers(clips, before)[:3] == [0, 1, 2]
    source.close()


def test_a_file_that_is_none(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        PacedFile(tmp_path / "none.mp4", loop=True)


@pytest.fixture
def watched(clip):
    """The clip, 12 pictures of 25 a second, and by what it is played."""
    playback = Playback()
    source = PacedFile(clip, playback=playback)
    yield source, playback
    source.close()


def test_a_step_is_the_next_picture(watched, clips):
    source, playback = watched
    next(source)
    playback.pause()
    playback.step()
    playback.step()
    assert numbers(clips, [next(source), next(source)]) == [1, 2]


@pytest.mark.parametrize(("to_s", "number"), [(0.2, 5), (0.21, 6), (0.0, 0), (0.44, 11)])
def test_a_seek_goes_on_with_the_first_picture_from_there_in_a_new_scene(
    watched, clips, to_s, number
):
    source, playback = watched
    before = [next(source) for _ in range(4)]
    playback.pause()
    playback.seek(to_s)
    frame = next(source)
    assert clips.number_of(frame.planes[0]) == number
    assert frame.opens_scene
    assert (frame.index, frame.pts) > (before[-1].index, before[-1].pts)
    at_s = playback.begun_at_s(0)
    assert at_s == float(frame.pts * frame.time_base)
    assert playback.position_s(at_s) == pytest.approx(number / 25)
    if number < 11:
        playback.step()
        following = next(source)
        assert clips.number_of(following.planes[0]) == number + 1
        assert not following.opens_scene


def test_a_seek_past_the_end_is_told_and_changes_nothing(watched, clips):
    source, playback = watched
    next(source)
    playback.seek(9)
    assert numbers(clips, [next(source)]) == [1]
    assert playback.begun_at_s(60) is None


def test_at_its_end_it_stands_still_and_can_be_begun_again(watched, clips):
    source, playback = watched
    given = []
    reader = threading.Thread(target=lambda: given.extend(source), daemon=True)
    reader.start()
    until(lambda: playback.ended)
    assert numbers(clips, given) == list(range(12))
    playback.resume()
    until(lambda: playback.ended and len(given) == 24)
    playback.seek(0.4)
    until(lambda: len(given) == 25)
    assert numbers(clips, given[12:]) == [*range(12), 10]
    assert all(a.pts < b.pts for a, b in pairwise(given))
    source.close()
    reader.join(60)
    assert not reader.is_alive()


def test_a_picture_that_waits_for_its_time_waits_for_no_seek(tmp_path, clips):
    playback = Playback()
    path = clips.write(tmp_path / "slow.mkv", [0, 25 * 3600, 25 * 3601])
    source = PacedFile(path, realtime=True, playback=playback)
    next(source)
    given = []
    reader = threading.Thread(target=lambda: given.append(next(source)), daemon=True)
    reader.start()
    playback.seek(0)
    reader.join(60)
    assert not reader.is_alive()
    source.close()


def test_what_comes_after_a_source_that_was_closed_is_played_on(clip, clips, watched):
    """As after a fault; closing one has no other end."""
    source, playback = watched
    next(source)
    source.close()
    following = PacedFile(clip, realtime=True, playback=playback)
    assert numbers(clips, [next(following), next(following)]) == [0, 1]
    following.close()
