"""Streams that record onto disks of their own, one of which is full."""

import subprocess

import pytest
from networks import network
from running_agent import RunningAgent
from worlds import Thing, World, lumas, write_world_bundle

pytestmark = pytest.mark.slow

MOUNT = 'mkdir -p "$0" && mount -t tmpfs -o size=64k tmpfs "$0" && exec "$@"'


@pytest.fixture
def with_small_disk(tmp_path):
    """The words before a command that runs with a disk of 64 kB at a stream's folder."""
    folder = tmp_path / "video" / "door"
    words = ["unshare", "--mount", "sh", "-c", MOUNT, str(folder)]
    tried = subprocess.run([*words, "true"], capture_output=True, check=False)
    if tried.returncode:
        pytest.skip(f"needs a mount name space ({tried.stderr.decode().strip()})")
    return words


def test_a_full_disk_stops_the_stream_that_records_there_and_no_other(tmp_path, with_small_disk):
    bundle = write_world_bundle(tmp_path / "world.sfm", network())
    clip = World(Thing(lambda _: (42, 26), size=(28, 28)), frames=100).write(tmp_path / "clip.mp4")
    source = {"url": str(clip), "loop": True, "realtime": True}
    streams = {name: {"source": source, "crf": 0} for name in ("door", "yard")}
    config = {"model": {"bundle": str(bundle), "allow_unsigned": True}, "streams": streams}
    with RunningAgent(tmp_path, config, prefix=with_small_disk) as agent:
        agent.ready()
        agent.until(lambda: agent.stream("door", "reconnections_total") >= 1)
        so_far = agent.stream("yard", "output_frames_total")
        agent.until(lambda: agent.stream("yard", "output_frames_total") > so_far + 50)
        assert agent.stream("yard", "reconnections_total") == 0
        assert agent.stop() == 0
    assert "No space left on device" in agent.said()
    (recorded,) = (tmp_path / "video" / "yard").glob("*.mp4")
    assert len(lumas(recorded)) > so_far
