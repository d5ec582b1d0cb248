"""Who encodes, where drivers do well, hang, crash, lie or fall silent."""

import json
import subprocess
import sys
from pathlib import Path

import av
import pytest

from agent.video.gstreamer.coder import STALL_S

WORLD = Path(__file__).resolve().parents[3] / "world" / "gstreamer"


@pytest.fixture
def encode(drivers, tmp_path):
    """What a process says of a file that it encodes, on a machine with such a driver."""

    def run(fault="well", asked="auto"):
        output = tmp_path / f"{fault}.mp4"
        done = subprocess.run(
            [sys.executable, WORLD / "encode.py", output, asked, tmp_path / "verdicts.json"],
            env=drivers(fault),
            capture_output=True,
            text=True,
            check=True,
            timeout=90,
        )
        said = json.loads(done.stdout)
        if output.exists():
            with av.open(str(output)) as container:
                pictures = list(container.decode(video=0))
            said["means"] = [int(p.to_ndarray(format="gray").mean()) for p in pictures]
            said["keys"] = [at for at, picture in enumerate(pictures) if picture.key_frame]
            said["times"] = [picture.time for picture in pictures]
        return said

    return run


def assert_whole(said):
    assert said["error"] is None
    assert len(said["means"]) == 100
    assert all(abs(mean - 40 - number) <= 20 for number, mean in enumerate(said["means"]))
    assert said["means"] == sorted(said["means"])
    assert said["times"] == pytest.approx([number / 25 for number in range(100)])


def test_an_encoder_in_hardware_that_passes_its_trial_is_taken(encode):
    said = encode()
    assert said["encoder"] == "nvh264enc"
    assert_whole(said)
    assert said["keys"] == [0, 25, 50, 75]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "lasting"), [("green", []), ("crashes", [{"failure": "crashed (SIGABRT)"}])]
)
def test_one_that_fails_its_trial_is_not(encode, fault, lasting, tmp_path):
    """What codes nonsense is known by that it gives no parameter sets, and says so."""
    said = encode(fault)
    assert said["encoder"] == "libx264"
    assert_whole(said)
    verdicts = json.loads((tmp_path / "verdicts.json").read_text())["verdicts"]
    assert list(verdicts.values()) == lasting


@pytest.mark.slow
def test_one_that_is_silent_is_killed_and_the_output_is_ffmpeg_s(encode):
    said = encode("silent")
    assert said["encoder"] == "libx264"
    assert_whole(said)


@pytest.mark.slow
def test_one_that_stalls_later_is_a_fault_in_time_and_leaves_no_file(encode, tmp_path):
    said = encode("stalls")
    assert said["encoder"] == "nvh264enc"
    assert "means" not in said
    assert said["error"] == f"nvh264enc has given no picture for {STALL_S:g} s"
    assert STALL_S <= said["took_s"] < 2 * STALL_S
    assert not list(tmp_path.glob("*.mp4*"))


def test_software_of_gstreamer_s_is_taken_where_it_is_asked_for(encode, tmp_path):
    """Of a machine whose hardware fails."""
    said = encode("crashes", "gstreamer")
    assert said["encoder"] == "x264enc" or "x264enc" in said["error"]
    assert not list(tmp_path.glob(".*"))
