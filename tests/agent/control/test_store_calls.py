"""Each single call that the store makes of its files: killed in it, or told by it that it failed."""

import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from itertools import cycle

import pytest
from stored_device import StoredDevice

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace"),
]

CALLS = {"pwrite64": 2, "fdatasync": 1, "ftruncate": 1, "unlink": 1, "pread64": 2}
"""Each how-manieth is tried: a page of the log is two calls, its head and itself."""
LAST = 6
PROGRAM = """
import json, sys
from pathlib import Path
folder, *sys.path[:0] = sys.argv[1:]
from agent.control.refusal import Refusal
from stored_device import StoredDevice

def say(what, value):
    print(json.dumps([what, value]), flush=True)

def happen(number):
    device.outbox.add("stream", {"n": number})
    if device.database.commit():
        say("committed", number)

device = StoredDevice(Path(folder))
happen(1)
happen(2)
for stored in device.send(1):
    say("sent", [stored.seq, stored.data["n"]])
happen(3)
try:
    device.inbox.add("one", "pause", "d", "{}")
    say("took", "one")
    device.inbox.finish("one", "done")
except Refusal as refusal:
    say("refused", refusal.code)
happen(4)
device.restart()
happen(5)
for stored in device.send():
    say("sent", [stored.seq, stored.data["n"]])
happen(6)
say("fault", device.database.fault)
device.database.close()
"""


@pytest.fixture(scope="module")
def trace(tmp_path_factory, request):
    root = request.config.rootpath
    roots = [str(root / part) for part in ("", "tests/agent", "tests/world")]

    def trace(call=None, number=0, fault=""):
        """What the process said, how it ended, its folder, and which calls it made."""
        folder = tmp_path_factory.mktemp("state")
        files = [word for name in ("", "-wal") for word in ("-P", f"{folder}/control.db{name}")]
        words = ["strace", "-f", "-o", f"{folder}/calls", "-e", f"trace={','.join(CALLS)}", *files]
        words += ["-e", f"inject={call}:{fault}:when={number}"] if call else []
        program = [sys.executable, "-c", PROGRAM, str(folder), *roots]
        done = subprocess.run(
            [*words, *program], capture_output=True, text=True, check=False, timeout=60
        )
        said = [json.loads(line) for line in done.stdout.splitlines()]
        made = Counter(re.findall(r"^\d+ +(\w+)\(", (folder / "calls").read_text(), re.MULTILINE))
        return said, done, folder, made

    return trace


@pytest.fixture(scope="module")
def calls(trace):
    """Every call that is tried: its name and which one of that name."""
    said, done, _, made = trace()
    assert done.returncode == 0, done.stderr
    assert said[-1] == ["fault", ""]
    assert set(made) == set(CALLS)
    assert made["fdatasync"] >= LAST + 2, "each commit waits for the disk"
    calls = [(call, n) for call, step in CALLS.items() for n in range(1, made[call] + 1, step)]
    assert 40 < len(calls) < 70
    return calls


def left_in(folder):
    """Which events are there, by number, and which commands, once the next process has begun."""
    device = StoredDevice(folder)
    assert not list(folder.glob("*damaged*"))
    rows = device.database.rows("SELECT seq, data FROM event ORDER BY seq")
    answered, still_open = device.inbox.undelivered(), device.inbox.unfinished()
    unsent = [stored.data["n"] for stored in device.send()]
    device.database.close()
    events = [json.loads(data)["n"] for _, data in rows]
    assert [seq for seq, _ in rows] == list(range(1, len(rows) + 1))
    return events, unsent, [each.id for each in answered], [each.id for each in still_open]


def test_killed_in_any_call_what_was_committed_is_there(trace, calls):
    ends = set()
    for call in calls:
        said, done, folder, _ = trace(*call, "signal=KILL")
        assert done.returncode, call
        events, unsent, answered, still_open = left_in(folder)
        committed = [value for what, value in said if what == "committed"]
        assert events == list(range(1, len(events) + 1)), call
        assert len(committed) <= len(events) <= len(committed) + 1, call
        sent = [value for what, value in said if what == "sent"]
        assert all(seq == event for seq, event in sent), call
        assert set(events) - set(unsent) <= {event for _, event in sent}, call
        if ["took", "one"] in said:
            assert answered + still_open == ["one"], call
        ends.add((len(events), *answered, *still_open))
    assert len(ends) >= LAST + 1


def test_a_call_that_fails_once_costs_nothing(trace, calls):
    failed = Counter()
    for (call, number), error in zip(calls, cycle(["ENOSPC", "EIO"])):
        said, done, folder, _ = trace(call, number, f"error={error}")
        where = f"{error} in {call} {number}"
        assert done.returncode == 0, f"{where}: {done.stderr}"
        events, _, answered, still_open = left_in(folder)
        assert events == list(range(1, LAST + 1)), where
        assert still_open == [], where
        assert answered == (["one"] if ["took", "one"] in said else []), where
        committed = [value for what, value in said if what == "committed"]
        failed[error] += len(committed) < LAST
    assert min(failed["EIO"], failed["ENOSPC"]) >= 5
