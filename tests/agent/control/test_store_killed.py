"""A process that is killed anywhere, by SIGKILL: what it said it had committed is there, once."""

import json
import random
import signal
import subprocess
import sys

import pytest
from stored_device import StoredDevice

pytestmark = pytest.mark.slow

RUNS = 30
PROGRAM = """
import json, random, sys
from pathlib import Path
folder, seed, *sys.path[:0] = sys.argv[1:]
from stored_device import StoredDevice

dice = random.Random(int(seed))
device = StoredDevice(Path(folder), limit_bytes=2**30)

def say(what, *values):
    print(json.dumps([what, *values]), flush=True)

say("began", device.outbox.epoch, [entry.id for entry in device.inbox.unfinished()])
for entry in device.inbox.unfinished():
    device.inbox.finish(entry.id, "interrupted")
    device.database.commit()
    say("result", entry.id, "interrupted")
sent, count = [], 0
while True:
    step = dice.randrange(7)
    if step < 3:
        for _ in range(dice.randrange(1, 20)):
            count += 1
            device.outbox.add("track", {"n": count, "seed": int(seed)})
    elif step == 3:
        assert device.database.commit()
        say("committed", count)
    elif step == 4:
        for stored in device.send(dice.randrange(1, 16), answer=False):
            say("sent", stored.seq, [stored.data["seed"], stored.data["n"]])
            sent.append(stored)
    elif step == 5 and sent:
        device.outbox.acknowledged(sent.pop(dice.randrange(len(sent))), heard=True)
    elif step == 6:
        name = f"{seed}-{count}-{dice.randrange(10**9)}"
        device.inbox.add(name, "pause", "d", "{}")
        say("took", name)
        device.inbox.finish(name, "done")
        assert device.database.commit()
        say("committed", count)
        say("result", name, "done")
"""


def run_and_kill(folder, seed, lines, roots):
    """What the process said until it was killed, in the middle of whatever it did."""
    command = [sys.executable, "-c", PROGRAM, str(folder), str(seed), *roots]
    said = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            said.append(json.loads(line))
            if len(said) == lines:
                process.kill()
                rest = process.stdout.read().splitlines(keepends=True)
                said += [json.loads(line) for line in rest if line.endswith("\n")]
                break
    assert process.returncode == -signal.SIGKILL
    return said


def test_what_was_committed_is_there_exactly_once_and_each_command_ends_once(tmp_path, request):
    entropy = random.SystemRandom().getrandbits(32)
    dice = random.Random(entropy)  # noqa: S311 nothing secret
    print(f"seed {entropy}")  # noqa: T201 for whoever wants to see it again
    root = request.config.rootpath
    roots = [str(root), str(root / "tests" / "agent"), str(root / "tests" / "world")]
    committed, numbers, results, taken = {}, {}, {}, set()
    for run in range(RUNS):
        said = run_and_kill(tmp_path, run, dice.randrange(1, 70), roots)
        for what, *values in said:
            if what == "committed":
                committed[run] = values[0]
            elif what == "sent":
                seq, event = values
                assert numbers.setdefault(seq, event) == event, "a number was given twice"
            elif what == "took":
                taken.add(values[0])
            elif what == "result":
                assert results.setdefault(values[0], values[1]) == values[1], "two answers"
    device = StoredDevice(tmp_path)
    rows = device.database.rows("SELECT seq, data FROM event ORDER BY seq")
    assert [seq for seq, _ in rows] == list(range(1, len(rows) + 1))
    events = [json.loads(data) for _, data in rows]
    assert all(
        numbers.get(seq, [event["seed"], event["n"]]) == [event["seed"], event["n"]]
        for seq, event in enumerate(events, 1)
    )
    for run in range(RUNS):
        there = [event["n"] for event in events if event["seed"] == run]
        assert there == list(range(1, len(there) + 1))
        assert len(there) >= committed.get(run, 0), f"run {run} lost what it had committed"
    assert sum(committed.values()) > 300
    answered = {entry.id for entry in device.inbox.undelivered()}
    still_open = {entry.id for entry in device.inbox.unfinished()}
    assert taken | set(results) <= answered | still_open
    assert not answered & still_open
    assert len(taken) > 20
    assert "interrupted" in results.values()
    device.database.close()
