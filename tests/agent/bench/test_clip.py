"""How fast a clip goes once it goes, and which clips are refused."""

import pytest
from worlds import Thing, World, linear

from agent.bench.clip import check_clip, steady_fps
from agent.errors import InputError


def test_the_ends_of_a_clip_are_not_steady():
    slow, quick = [10.0 * at for at in range(25)], 1000.0
    middle = [quick + at / 50 for at in range(101)]
    late = [middle[-1] + 10 * (at + 1) for at in range(25)]
    assert steady_fps([*slow, *middle, *late]) == 50


@pytest.mark.parametrize(("frames", "is_told"), [(99, False), (100, True), (0, False)])
def test_a_short_clip_never_becomes_steady(frames, is_told):
    assert (steady_fps([at / 25 for at in range(frames)]) is not None) == is_told


def test_what_is_no_video_is_refused(tmp_path):
    (tmp_path / "a.mp4").write_text("no video")
    with pytest.raises(InputError, match=r"a\.mp4"):
        check_clip(tmp_path / "a.mp4")
    with pytest.raises(InputError, match="no such file"):
        check_clip(tmp_path)
    with pytest.raises(InputError, match="no such file"):
        check_clip(tmp_path / "b.mp4")
    check_clip(World(Thing(linear(1, 1)), frames=2).write(tmp_path / "c.mp4"))
