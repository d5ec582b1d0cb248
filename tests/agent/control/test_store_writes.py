"""What events cost a disk, as the kernel counts it."""

import shutil
import tempfile
from pathlib import Path

import pytest
from stored_device import StoredDevice

pytestmark = pytest.mark.slow

EVENTS_PER_S, COMMIT_EVERY_S, SIMULATED_S = 5, 2.5, 200
MOST_BYTES = 5 * 1024
"""An event, written: row 9 of the design."""
TRACK = {
    "stream": "door", "class": "person", "track": 1234567, "began": 12345.678, "ended": 12399.999,
    "frames": 1234, "detections": 250, "score": 0.9123, "from_x": 0.1234, "from_y": 0.5678,
    "to_x": 0.8765, "to_y": 0.4321, "end": "it left the picture on the right", "model": "people 12",
}  # fmt: skip


def written_bytes():
    lines = Path("/proc/self/io").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("write_bytes"))


@pytest.fixture
def folder():
    """Below /var/tmp, for /tmp is often no disk; skips where writing there is not counted."""
    folder = Path(tempfile.mkdtemp(dir="/var/tmp"))
    before = written_bytes()
    (folder / "probe").write_bytes(bytes(2**16))
    if written_bytes() - before < 2**16:
        shutil.rmtree(folder)
        pytest.skip("needs a file system in /var/tmp whose writes /proc/self/io counts")
    yield folder
    shutil.rmtree(folder)


def cost(folder, commit_every):
    """Bytes an event, in a file that is as full as it may be, so that each is deleted again."""
    folder.mkdir()
    device = StoredDevice(folder, limit_bytes=200_000)
    events = EVENTS_PER_S * SIMULATED_S

    def happen(count):
        for number in range(count):
            device.outbox.add("track", {**TRACK, "track": number})
            if (number + 1) % commit_every == 0:
                assert device.database.commit()
                device.send()

    happen(events)
    before = written_bytes()
    happen(events)
    device.database.close()
    spent = written_bytes() - before
    assert device.outbox.dropped == 0
    assert device.path.stat().st_size < 400_000
    return spent / events


def test_events_in_groups_cost_a_disk_less_than_5_kib_each(folder):
    grouped = cost(folder / "grouped", int(EVENTS_PER_S * COMMIT_EVERY_S))
    single = cost(folder / "single", 1)
    print(f"{grouped:.0f} bytes written for an event, {single:.0f} with a commit each")  # noqa: T201
    assert grouped <= MOST_BYTES
    assert single > MOST_BYTES, "what is counted is not what is written"
