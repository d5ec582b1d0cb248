"""Events and commands while their disk is full, and once it has room again."""

import json

import pytest
from small_disk import SmallDisk

pytestmark = pytest.mark.slow

HEAD = """
import json, sys
from pathlib import Path
folder, *sys.path[:0] = sys.argv[1:]
folder = Path(folder)
from stored_device import StoredDevice
from agent.control.outbox import MOST_HELD
from agent.control.refusal import Refusal

ballast = folder / "holiday.jpg"

def fill():
    with ballast.open("ab", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass
"""

FULL = (
    HEAD
    + """
device = StoredDevice(folder / "state")
device.happen(*range(100))
device.inbox.add("open", "pause", "d", "{}")
fill()
failures = 0
for number in range(100, 3000):
    device.outbox.add("track" if number % 10 else "cover", {"n": number, "padding": "x" * 400})
    failures += number % 10 == 0 and not device.database.commit()
fault = device.database.fault
try:
    device.inbox.add("new", "pause", "d", "{}")
except Refusal as refusal:
    refused = [refusal.code, refusal.message, refusal.to_error().retryable]
device.inbox.finish("open", "done")
answer = device.inbox.look_up("open").result_json
known = device.inbox.look_up("new") is not None
held = device.outbox.depth
sent = [stored.data["n"] for stored in device.send()]
depth = device.outbox.depth
ballast.unlink()
written = device.database.commit()
sent += [stored.data.get("n", stored.data) for stored in device.send()]
dropped = device.outbox.dropped
device.kill()
print(json.dumps({
    "failures": failures, "fault": fault, "refused": refused, "known": known, "answer": answer,
    "depth": depth, "most": MOST_HELD, "written": written, "sent": sent, "dropped": dropped,
    "undelivered": [entry.id for entry in device.inbox.undelivered()],
    "unfinished": [entry.id for entry in device.inbox.unfinished()],
    "seqs": device.seqs,
}))
device.database.close()
"""
)

BORN_FULL = (
    HEAD
    + """
fill()
device = StoredDevice(folder / "state")
device.outbox.add("boot", {"n": 1})
seen = [device.database.fault, device.database.commit(), device.outbox.depth]
ballast.unlink()
seen += [device.database.commit(), [stored.seq for stored in device.send()]]
print(json.dumps(seen))
device.database.close()
"""
)


@pytest.fixture
def run(tmp_path, request):
    def run(program):
        root = request.config.rootpath
        roots = [str(root / part) for part in ("", "tests/agent", "tests/world")]
        folder = tmp_path / "disk"
        process = SmallDisk(folder, 4_000_000).run(program, str(folder), *roots)
        assert process.returncode == 0, process.stderr
        return json.loads(process.stdout)

    return run


def test_a_full_disk_stops_nothing_and_what_it_loses_is_told(run):
    seen = run(FULL)
    assert seen["failures"] > 100
    assert "full" in seen["fault"]
    code, message, retryable = seen["refused"]
    assert (code, retryable, seen["known"]) == ("busy", True, False)
    assert "full" in message
    assert seen["answer"] == "done"
    assert seen["written"]
    told = [each for each in seen["sent"] if isinstance(each, dict)]
    (told,) = told
    events = [each for each in seen["sent"] if not isinstance(each, dict)]
    assert "full" in told["reason"]
    assert told["count"] == seen["dropped"] == 3000 - len(events)
    assert events == sorted(set(events))
    assert [n for n in events if n % 10 == 0] == [0, *range(10, 3000, 10)], "tracks go first"
    assert seen["seqs"] == list(range(1, 3000 - told["count"] + 2))
    assert (seen["undelivered"], seen["unfinished"]) == (["open"], [])


def test_a_disk_that_is_full_from_the_first_is_used_once_it_has_room(run):
    fault, written, depth, then, seqs = run(BORN_FULL)
    assert fault
    assert (written, depth) == (False, 1)
    assert (then, seqs) == (True, [1])
