"""A disk that is full, of one stream or of all, and one that retention keeps from filling."""

import json
from pathlib import Path

import pytest
from small_disk import SmallDisk

HEAD = """
import json, sys
from dataclasses import replace
from pathlib import Path
folder, *sys.path[:0] = sys.argv[1:]
folder = Path(folder)
import av
import numpy as np
import recording as t
from agent.errors import OutputError
from agent.video.encoder import VideoEncoder
from agent.video.encoding_sink import EncodingSink
from agent.video.recordings import Recordings
from agent.video.retention import Keep
from agent.wall_clock import WallClock

dice = np.random.default_rng(0)

class Camera:
    "Films noise, about a megabyte for each two seconds."

    def __init__(self, recordings, stream):
        self.output, self.frames = recordings.output(stream, 2, lambda: None), 0
        encoder = VideoEncoder(t.INFO, crf=1, preset="ultrafast", gop_s=1)
        self.sink = EncodingSink(encoder, self.output)

    def film(self, seconds):
        for _ in range(25 * seconds):
            y = dice.integers(0, 256, (64, 96), np.uint8)
            self.sink.write(t.whole((y, y[:32, :48], y[32:, :48]), self.frames))
            self.frames += 1

def frames_in(path):
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))
"""

ONE_FULL = (
    HEAD
    + """
recordings = Recordings(folder, Keep(), WallClock())
door, yard = Camera(recordings, "door"), Camera(recordings, "yard")
ballast = folder / "door" / "holiday.jpg"
ballast.write_bytes(bytes(1_500_000))
said = None
while said is None:
    yard.film(1)
    try:
        door.film(1)
    except OutputError as error:
        said = str(error)
        door.output.abort()
played = [frames_in(path) for path in sorted((folder / "door").glob("*.mp4"))]
hidden = len(list((folder / "door").glob(".*")))
ballast.unlink()
again = Camera(recordings, "door")
again.film(3)
again.sink.finish()
yard.film(4)
yard.sink.finish()
recordings.close()
print(json.dumps({
    "said": said, "played": played, "hidden": hidden, "door": door.frames,
    "again": sum(frames_in(path) for path in (folder / "door").glob("*.mp4")) - sum(played),
    "yard": [yard.frames, sum(frames_in(path) for path in (folder / "yard").iterdir())],
}))
"""
)

KEPT_FREE = (
    HEAD
    + """
recordings = Recordings(folder, Keep(free=3_000_000), WallClock())
cameras = [Camera(recordings, stream) for stream in ("door", "yard")]
largest, least = 0, recordings.free_bytes
for _ in range(30):
    for camera in cameras:
        camera.film(1)
    least = min(least, recordings.free_bytes)
    largest = max([largest, *(path.stat().st_size for path in folder.glob("*/*.mp4"))])
for camera in cameras:
    camera.sink.finish()
print(json.dumps({"least": least, "largest": largest, "deleted": recordings.deleted}))
"""
)


READ_ONLY = (
    HEAD
    + """
import subprocess
subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
try:
    Recordings(folder, Keep(), WallClock())
except OutputError as error:
    print(json.dumps(str(error)))
"""
)


def run(disk, program, folder):
    roots = [str(Path(__file__).parents[1]), str(Path(__file__).parents[3])]
    process = disk.run(program, str(folder), *roots)
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout)


@pytest.mark.slow
def test_one_streams_full_disk_leaves_the_others_alone(tmp_path):
    folder = tmp_path / "video"
    seen = run(SmallDisk(folder / "door", 3_000_000), ONE_FULL, folder)
    assert seen["said"] == f"{folder}/door: can't be written (No space left on device)"
    assert seen["yard"][0] == seen["yard"][1], "the other stream lost frames"
    assert seen["hidden"] == 0, "what was written when the disk was full has its name"
    assert all(frames > 0 for frames in seen["played"])
    assert sum(seen["played"]) >= seen["door"] - 2 * 25
    assert seen["again"] == 75, "with room again it records again"


@pytest.mark.slow
def test_free_space_is_kept_by_deleting_the_oldest(tmp_path):
    folder = tmp_path / "video"
    seen = run(SmallDisk(folder, 10_000_000), KEPT_FREE, folder)
    assert seen["deleted"] > 5
    assert seen["largest"] > 400_000
    assert seen["least"] > 3_000_000 - seen["largest"]


@pytest.mark.slow
def test_a_disk_that_may_not_be_written_to_says_what_to_do(tmp_path):
    said = run(SmallDisk(tmp_path / "video", 1_000_000), READ_ONLY, tmp_path / "video")
    assert "can't record into it (permission denied, or a file system to be read only)" in said
    assert "ReadWritePaths=" in said
