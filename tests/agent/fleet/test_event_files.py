"""Where events are kept: each once, whole, whatever killed who wrote them."""

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from small_disk import SmallDisk

from agent.control.messages import Event
from agent.errors import OutputError, UsageError
from agent.fleet.event_files import Kept, open_event_file
from agent.fleet.event_heard import EventHeard
from agent.fleet.gaps import Lost

ROOT = Path(__file__).resolve().parents[3]
KINDS = ("events.db", "events.jsonl")


def heard(seq, device="gate", epoch="a", **data):
    event = Event(
        id=f"e{seq}", epoch=epoch, seq=seq, boot_id="b", mono_ms=seq, ts=None, clock_synced=False,
        data=data,
    )  # fmt: skip
    return EventHeard(device, "track", event)


@pytest.fixture(params=KINDS)
def path(request, tmp_path):
    return tmp_path / request.param


def events_of(path):
    """(device, epoch, seq, kind, data) of each, in the order in which they came."""
    if path.suffix == ".jsonl":
        lines = map(json.loads, path.read_text().splitlines())
        return [
            (e["device"], e["epoch"], e["seq"], e["kind"], e["data"]) for e in lines if "seq" in e
        ]
    sqlite = sqlite3.connect(path)
    rows = sqlite.execute(
        "SELECT device, epoch, seq, kind, data FROM events ORDER BY rowid"
    ).fetchall()
    sqlite.close()
    return [(*row, json.loads(data)) for *row, data in rows]


def write(path, events, lost=()):
    file = open_event_file(path)
    file.write(events, lost)
    file.close()


def kept(path):
    file = open_event_file(path)
    found = [*file.kept()]
    file.close()
    return found


def test_every_event_is_there_once_with_all_it_says(path):
    file = open_event_file(path)
    file.write([heard(1, text="ä\n\0"), heard(2), heard(1, text="ä\n\0")], [])
    file.write([heard(2), heard(3, number=2**60)], [])
    file.close()
    write(path, [heard(1), heard(4), heard(1, device="other")])
    assert events_of(path) == [
        ("gate", "a", 1, "track", {"text": "ä\n\0"}),
        ("gate", "a", 2, "track", {}),
        ("gate", "a", 3, "track", {"number": 2**60}),
        ("gate", "a", 4, "track", {}),
        ("other", "a", 1, "track", {}),
    ]


def test_what_is_there_is_known_again(path):
    write(
        path,
        [heard(5, epoch="z"), *map(heard, (1, 2, 3, 7))],
        [Lost("gate", "a", 4, 5, before=False)],
    )
    assert kept(path) == [
        Kept("gate", "z", 5, 5),  # the epoch that began first
        Kept("gate", "a", 1, 3),
        Kept("gate", "a", 7, 7),
        Kept("gate", "a", 4, 5, lost=True),
    ]


def test_what_was_lost_can_come_after_all(path):
    write(path, [heard(1)], [Lost("gate", "a", 2, 3, before=False)])
    write(path, [heard(2)])
    assert [event[2] for event in events_of(path)] == [1, 2]


@pytest.mark.parametrize("cut", [1, 10, 60])
def test_half_a_line_of_a_killed_writer_is_taken_away(tmp_path, cut):
    path = tmp_path / "events.jsonl"
    write(path, [heard(1), heard(2)])
    os.truncate(path, path.stat().st_size - cut)
    write(path, [heard(2), heard(3)])
    assert [event[2] for event in events_of(path)] == [1, 2, 3]


def test_a_first_line_that_is_half_is_taken_away_as_well(tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"x" * 200_000)
    write(path, [heard(1)])
    assert [event[2] for event in events_of(path)] == [1]


def test_a_line_holds_nothing_that_a_terminal_would_obey(tmp_path):
    """It is read with tail as well, and what events say is up to a device."""
    path = tmp_path / "events.jsonl"
    data = {"\x9b": "\x1b[2J\x9b1;1H\u2028\u202e ä"}
    write(path, [heard(1, **data)])
    text = path.read_text()
    assert text.removesuffix("\n").isprintable(), ascii(text)
    assert json.loads(text)["data"] == data


@pytest.mark.parametrize("line", ["{}", "[]", "no", '{"device":"a","epoch":"b","seq":"1"}'])
def test_what_are_no_events_are_not_written_to(tmp_path, line):
    path = tmp_path / "events.jsonl"
    path.write_text(f"{line}\n")
    with pytest.raises(OutputError, match=r"events.jsonl:1: not an event"):
        open_event_file(path)
    assert path.read_text() == f"{line}\n"


def test_another_programs_database_is_not_written_to(tmp_path):
    path = tmp_path / "events.db"
    sqlite = sqlite3.connect(path)
    sqlite.execute("CREATE TABLE photos (name)")
    sqlite.close()
    with pytest.raises(OutputError, match="another program's database"):
        open_event_file(path)
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(OutputError, match="not a database"):
        open_event_file(path)


def test_only_the_database_takes_two_writers(tmp_path):
    first = open_event_file(tmp_path / "events.db")
    second = open_event_file(tmp_path / "events.db")
    first.write([heard(1), heard(3)], [])
    second.write([heard(2), heard(3)], [Lost("gate", "a", 5, 9, before=False)])
    assert [event[2] for event in events_of(tmp_path / "events.db")] == [1, 3, 2]
    between = [*first.kept_between("gate", "a", 2, 6)]
    assert between == [Kept("gate", "a", 2, 3), Kept("gate", "a", 5, 9, lost=True)]
    first.close()
    second.close()
    only = open_event_file(tmp_path / "events.jsonl")
    with pytest.raises(OutputError, match="another collector"):
        open_event_file(tmp_path / "events.jsonl")
    only.close()
    open_event_file(tmp_path / "events.jsonl").close()


def test_a_name_says_which_kind_it_is(tmp_path):
    with pytest.raises(UsageError, match=r"should end in \.db"):
        open_event_file(tmp_path / "events.csv")


def test_a_place_that_can_not_be_written_to_is_said(path):
    path.mkdir()
    with pytest.raises(OutputError, match="can't keep events there"):
        open_event_file(path)


PROGRAM = """
import sys
from pathlib import Path
from agent.control.messages import Event
from agent.errors import OutputError
from agent.fleet.event_files import open_event_file
from agent.fleet.event_heard import EventHeard

def heard(seq, **data):
    event = dict(id="e", epoch="a", seq=seq, boot_id="b", mono_ms=1, ts=None, clock_synced=False)
    return EventHeard("gate", "track", Event(**event, data=data))

"""
FILLER = """
path = Path(sys.argv[1])
file = open_event_file(path)
file.write([heard(1)], [])
try:
    file.write([heard(seq, text="x" * 450) for seq in range(2, 9000)], [])
except OutputError as error:
    print(error)
file.close()
file = open_event_file(path)
print(*[(kept.first, kept.last) for kept in file.kept()])
file.close()
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_a_full_disk_is_said_and_no_half_is_left(tmp_path, name):
    disk = SmallDisk(tmp_path / "disk", 1 << 20)
    done = disk.run(PROGRAM + FILLER, str(disk.at / name))
    assert done.returncode == 0, done.stderr
    error, left = done.stdout.splitlines()
    assert error.startswith(f"{disk.at / name}: can't keep events there (")
    assert left == "(1, 1)"


WRITER = """
file = open_event_file(Path(sys.argv[1]))
seq = 0
while True:
    file.write([heard(seq + n) for n in range(1, 4)], [])
    seq += 3
    print(seq, flush=True)
"""


@pytest.mark.slow
def test_what_was_said_to_be_written_survives_sigkill(path):
    for _ in range(3):
        command = [sys.executable, "-c", PROGRAM + WRITER, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as process:
            for _ in range(20):
                said = int(process.stdout.readline())
            process.kill()
        write(path, [])
        seqs = [event[2] for event in events_of(path)]
        assert seqs == [*range(1, len(seqs) + 1)]
        assert len(seqs) >= said
