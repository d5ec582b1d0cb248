"""Which streams an operator paused: rules, files, and what is left after a kill."""

import itertools
import json
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agent.control.messages import Override
from agent.service.override_file import OverrideFile
from agent.service.overrides import MAX_STRAYS, Overrides
from agent.service.pauses import Pauses

ROOT = Path(__file__).resolve().parents[3]
NOW = 1_800_000_000.0
STREAMS = ("door", "yard", "hall")


def test_a_pause_holds_until_its_time_and_no_longer():
    overrides = Overrides().pause(["door"], NOW).pause(["yard"], None)
    assert overrides.current(NOW - 0.001, STREAMS) == overrides
    assert dict(overrides.current(NOW, STREAMS).paused) == {"yard": None}


def test_nothing_is_over_while_nobody_knows_the_time():
    overrides = Overrides().pause(["door"], 5.0)
    assert overrides.current(None, STREAMS) == overrides


def test_the_last_pause_of_a_stream_counts():
    overrides = Overrides().pause(STREAMS, None).pause(["door"], NOW)
    assert dict(overrides.paused) == {"yard": None, "hall": None, "door": NOW}
    assert dict(overrides.resume(["door", "gone"]).paused) == {"yard": None, "hall": None}


def test_a_stream_that_is_gone_is_still_paused_when_it_comes_back():
    overrides = Overrides().pause(["door"], None)
    assert overrides.current(NOW, ["yard"]) == overrides


def test_of_those_that_are_gone_the_oldest_are_forgotten():
    overrides = Overrides().pause(["door"], None)
    for i in range(MAX_STRAYS + 3):
        overrides = overrides.pause([f"gone-{i}"], None)
    kept = overrides.current(NOW, STREAMS).paused
    assert list(kept) == ["door", *(f"gone-{i}" for i in range(3, MAX_STRAYS + 3))]


def test_they_are_reported_as_what_they_are():
    assert Overrides().pause(["door"], NOW).to_messages() == (
        Override(stream="door", paused=True, until=NOW),
    )


@pytest.fixture
def file(tmp_path):
    return OverrideFile(tmp_path)


SAVED = [Overrides().pause(["door"], None), Overrides().pause(["door", "yard"], NOW)]


def test_what_was_saved_is_loaded(file):
    assert file.load() == Overrides()
    for overrides in (*SAVED, Overrides()):
        assert file.save(overrides)
        assert file.load() == overrides


@pytest.mark.parametrize(
    "damage",
    [b"", b"{", b"\0" * 200, b"[]", b'{"v":2}', b'{"v":1,"paused":{"../x":null}}', b"[" * 100_000],
)
def test_where_it_is_damaged_the_one_before_counts_and_it_is_said(file, tmp_path, caplog, damage):
    for overrides in SAVED:
        file.save(overrides)
    (tmp_path / "overrides.json").write_bytes(damage)
    assert file.load() == SAVED[0]
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert "overrides.json" in caplog.text
    file.save(SAVED[1])  # and the copy that is whole is kept meanwhile
    (tmp_path / "overrides.json").write_bytes(damage)
    assert file.load() == SAVED[0]


def test_where_both_are_damaged_nothing_is_paused_and_it_is_said(file, tmp_path, caplog):
    for overrides in SAVED:
        file.save(overrides)
    for path in tmp_path.iterdir():
        path.write_bytes(b"{")
    assert file.load() == Overrides()
    assert len(caplog.records) == 2


def test_where_nothing_can_be_kept_a_pause_holds_all_the_same(tmp_path, caplog):
    for file in (OverrideFile(None), OverrideFile(tmp_path / "absent")):
        pauses = Pauses(file, lambda: NOW)
        assert not pauses.pause(["door"], None)
        assert pauses.streams == {"door"}
    assert "won't outlive" in caplog.text


def test_it_resumes_by_itself_and_stays_so(file):
    time_of_day = [NOW]
    pauses = Pauses(file, lambda: time_of_day[0])
    pauses.pause(["door"], NOW + 10)
    pauses.pause(["yard"], None)
    pauses.tick(STREAMS)
    assert Pauses(file, lambda: None).streams == {"door", "yard"}
    time_of_day[0] = NOW + 10
    pauses.tick(STREAMS)
    assert pauses.streams == {"yard"}
    assert Pauses(file, lambda: None).streams == {"yard"}


def test_a_tick_that_changes_nothing_writes_nothing(file, tmp_path):
    pauses = Pauses(file, lambda: NOW)
    pauses.pause(["door"], None)
    before = (tmp_path / "overrides.json").stat()
    pauses.tick(STREAMS)
    assert (tmp_path / "overrides.json").stat().st_ino == before.st_ino


_SAVES = """
import sys
from pathlib import Path
from agent.service.override_file import OverrideFile
from agent.service.pauses import Pauses
pauses = Pauses(OverrideFile(Path(sys.argv[1])), lambda: None)
i = int(sys.argv[2])
while True:
    i += 1
    assert pauses.pause(["door"], float(i))
    print(i, flush=True)
"""


@pytest.mark.slow
def test_a_kill_at_any_time_loses_nothing_that_was_saved(tmp_path, caplog):
    """What was said to be saved is there, or what was being saved meanwhile."""
    last = 0
    for turn in range(12):
        process = subprocess.Popen(
            [sys.executable, "-c", _SAVES, tmp_path, str(last)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        with process, process.stdout as said:
            for line in itertools.islice(said, 3 + 5 * turn):
                last = int(line)
            time.sleep(turn * 0.0007)
            os.kill(process.pid, signal.SIGKILL)
            last = max([last, *map(int, said.read().split())])
        found = OverrideFile(tmp_path).load().paused["door"]
        assert found in (last, last + 1)
        last = int(found)
    assert caplog.records == []
    left = [path.name for path in tmp_path.iterdir() if path.suffix == ".json"]
    assert {"overrides.json", "overrides.before.json"} <= set(left)
    assert json.loads((tmp_path / "overrides.json").read_text())["paused"] == {"door": last}
