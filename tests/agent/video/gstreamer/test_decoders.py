"""Who decodes, where drivers do well, hang, crash, lie or fall silent."""

import json
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from camera import Camera

from agent.video.decoder_trial import tried
from agent.video.decoders import Decoders
from agent.video.driver import has_driver
from agent.video.gstreamer.decoder import STALL_S
from agent.video.packets import Packets
from agent.video.picture_times import PictureTimes
from agent.video.sound import Sound
from agent.video.trial_process import LIMIT_S
from agent.video.verdicts import Verdicts

WORLD = Path(__file__).resolve().parents[3] / "world" / "gstreamer"
HARDWARE = "gstreamer (nvv4l2decoder ! nvvidconv)"
SOFTWARE = "gstreamer (avdec_h264 ! videoconvert)"


@pytest.fixture
def decode(drivers, tmp_path):
    """What a process says of a file that it decodes, on a machine with such a driver."""

    def run(path, fault="well", asked="gstreamer", verdicts=None, *, reliable=False):
        done = subprocess.run(
            [
                *(sys.executable, WORLD / "decode.py", path, asked),
                verdicts or tmp_path / "verdicts.json",
                *(["reliable"] if reliable else []),
            ],
            env=drivers(fault),
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        return json.loads(done.stdout)

    return run


def written(path):
    return list(json.loads(path.read_text())["verdicts"].values())


def test_a_decoder_in_hardware_that_shows_the_very_picture_is_taken(clips, decode, tmp_path):
    path = clips.write(tmp_path / "clip.mp4", range(40))
    said = decode(path)
    assert (said["decoder"], said["frames"], said["error"]) == (HARDWARE, 40, None)
    assert written(tmp_path / "verdicts.json") == [{"failure": None}]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "failure"),
    [
        ("green", "gives another picture than FFmpeg, off by"),
        ("crashes", "crashed (SIGABRT)"),
        ("silent", None),
    ],
)
def test_one_that_fails_its_trial_is_not(clip, decode, tmp_path, fault, failure):
    said = decode(clip, fault)
    assert (said["decoder"], said["frames"], said["error"]) == (SOFTWARE, 12, None)
    failures = [each["failure"] for each in written(tmp_path / "verdicts.json")]
    assert [text for text in failures if text] == [text for text in failures if failure and text]
    assert (failure is None) == (failures == [None])
    assert failure is None or failures[0].startswith(failure)


@pytest.mark.slow
def test_one_that_hangs_is_killed_in_its_time_and_never_tried_again(clip, decode, tmp_path):
    verdicts = tmp_path / "verdicts.json"
    said = decode(clip, "hangs", verdicts=verdicts)
    assert (said["decoder"], said["frames"]) == (SOFTWARE, 12)
    assert said["opened_s"] >= LIMIT_S
    assert written(verdicts)[0] == {"failure": "gave no picture in 10 s, and was killed"}
    again = decode(clip, "hangs", verdicts=verdicts)
    assert again["decoder"] == SOFTWARE
    assert again["opened_s"] < LIMIT_S


@pytest.mark.slow
def test_one_that_stalls_later_is_a_fault_in_time_and_leaves_nothing_behind(
    clips, decode, tmp_path
):
    path = clips.write(tmp_path / "clip.mp4", range(300))
    said = decode(path, "stalls")
    assert said["decoder"] == HARDWARE
    assert 50 <= said["frames"] <= 60
    assert said["error"] == f"{path}: nvv4l2decoder has given no picture for 15 s"
    assert STALL_S <= said["stalled_s"] < 2 * STALL_S
    # GStreamer's idle threads, which it keeps for a while, may have ended meanwhile.
    assert all(now <= then for now, then in zip(said["after"], said["before"], strict=True))


def test_auto_takes_hardware_for_what_nothing_has_happened_to_and_says_so(clip, decode):
    assert decode(clip, asked="auto", reliable=True)["decoder"] == HARDWARE


def test_auto_takes_ffmpeg_for_what_may_be_damaged_and_tries_nothing(clip, decode, tmp_path):
    """It alone tells of what it fills in by a guess."""
    said = decode(clip, asked="auto")
    assert (said["decoder"], said["frames"], said["error"]) == ("pyav", 12, None)
    assert not (tmp_path / "verdicts.json").exists()


@pytest.mark.slow
def test_auto_takes_hardware_for_a_camera_on_tcp(decode):
    with Camera() as camera:
        said = decode(camera.url(), asked="auto")
    assert (said["decoder"], said["frames"], said["error"]) == (HARDWARE, 10, None)


@pytest.mark.slow
def test_auto_takes_ffmpeg_where_hardware_fails(clip, decode):
    said = decode(clip, "green", asked="auto", reliable=True)
    assert (said["decoder"], said["frames"], said["error"]) == ("pyav", 12, None)


def test_auto_decodes_other_codecs_as_ever(clips, decode, tmp_path):
    path = clips.write(tmp_path / "clip.mp4", codec="mpeg4")
    said = decode(path, asked="auto", reliable=True)
    assert (said["decoder"], said["frames"], said["error"]) == ("pyav", 12, None)
    assert not (tmp_path / "verdicts.json").exists()


def test_without_a_driver_auto_tries_nothing(clip, tmp_path):
    if has_driver():
        pytest.skip("this machine has a GPU's driver")
    verdicts = tmp_path / "verdicts.json"
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        packets = Packets(container, stream, Sound())
        times = PictureTimes(container, stream, packets.start)
        decoders = Decoders("auto", Verdicts(verdicts))
        decoder = decoders.decoder_for(stream, packets, times, 1, reliable=True)
        assert decoder.name == "pyav"
    assert not verdicts.exists()


def test_a_gpu_that_is_asked_for_by_name_and_not_there_is_said_in_a_line(clip, decode):
    said = decode(clip, asked="pyav-cuda")
    assert said["frames"] == 0
    assert said["error"].startswith(f"{clip}: can't be decoded by pyav-cuda: pyav-cuda: no GPU of ")
    assert "\n" not in said["error"]


def test_what_decodes_nothing_says_why_and_is_tried_again():
    grey = np.zeros((64, 96), np.uint8)
    verdict = tried("avdec_h264 ! videoconvert", "h264", [b"nonsense"], grey)
    assert verdict.failure
    assert not verdict.is_grave
