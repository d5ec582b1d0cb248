"""A file that is damaged, foreign, deleted or held by another process."""

import os
import random
import sqlite3
import subprocess
import sys
from collections import Counter

import pytest
from stored_device import StoredDevice

from agent.control.database import Database
from agent.control.database_file import MOST_DAMAGED, VERSION
from agent.control.refusal import Refusal


@pytest.fixture
def device(tmp_path):
    device = StoredDevice(tmp_path / "state")
    yield device
    device.database.close()


def names(device):
    return sorted(path.name for path in device.path.parent.iterdir())


def check_begun_anew(device, epoch, reason):
    """Whatever is there works, and says why it is another."""
    assert device.outbox.epoch != epoch
    device.happen(1)
    told, event = device.send()
    assert (told.kind, told.seq, told.data["count"]) == ("drop", 1, None)
    assert reason in told.data["reason"]
    assert (event.seq, event.data["n"]) == (2, 1)
    device.inbox.add("one", "pause", "d", "{}")
    assert device.inbox.look_up("one")


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda _: b"not a database" * 1000, "its header"),
        (lambda raw: raw[:1] + b"q" + raw[2:], "file is not a database"),
        (lambda raw: raw[:5000], "malformed"),
        (lambda raw: raw[: len(raw) // 2], "malformed"),
        (lambda raw: raw[:4096] + bytes(len(raw) - 4096), "code 11"),
        (lambda raw: raw.replace(b"CREATE TABLE event", b"CREATE TABLE evenx"), ""),
        (lambda raw: raw[:18] + b"\3" + raw[19:], "its header"),
        (lambda raw: raw.replace(b"used_s", b"used_t", 1), ""),
    ],
    ids=[
        "other",
        "one letter",
        "first page",
        "half",
        "zeros",
        "renamed table",
        "read only",
        "renamed column",
    ],
)
def test_a_file_that_is_damaged_is_set_aside(device, damage, reason):
    device.happen(*range(200), padding="x" * 200)
    epoch = device.outbox.epoch
    device.database.close()
    damaged = damage(device.path.read_bytes())
    device.path.write_bytes(damaged)
    device.start()
    assert device.database.fault == ""
    assert device.path.with_name("control.db.damaged-1").read_bytes()[100:] == damaged[100:]
    check_begun_anew(device, epoch, reason)


@pytest.mark.parametrize(("seq", "turned"), [(150, 182), (21, 5)])
def test_a_number_that_turned_into_another_is_not_believed(device, seq, turned):
    device.happen(*range(20))
    device.send()
    device.happen(*range(20, 150))
    device.database.close()
    with sqlite3.connect(device.path) as other:
        other.execute("DELETE FROM event WHERE seq = ?", (turned,))
        changed = "SELECT ?, start, kind, mono_ms, data, crc FROM event WHERE seq = ?"
        other.execute(f"REPLACE INTO event {changed}", (turned, seq))
        other.execute("DELETE FROM event WHERE seq = ?", (seq,))
    other.close()
    epoch = device.outbox.epoch
    device.start()
    device.happen(1)
    assert device.outbox.epoch != epoch
    told, _ = device.send()
    assert (told.data["count"], told.data["reason"]) == (130, "events are missing, or too many")


def test_a_damaged_file_keeps_its_log(device):
    device.happen(*range(20))
    raw = {path: path.read_bytes() for path in device.path.parent.iterdir()}
    device.database.close()
    log = device.path.with_name("control.db-wal")
    for number in range(1, MOST_DAMAGED + 2):
        device.path.write_bytes(b"garbage" + raw[device.path])
        log.write_bytes(raw[log])
        device.start()
        kept = device.path.with_name(f"control.db.damaged-{number}-wal")
        assert kept.read_bytes() == raw[log]
        device.database.close()
    assert len(list(device.path.parent.glob("*-wal"))) == MOST_DAMAGED


def test_only_the_newest_damaged_ones_are_kept(device):
    for _ in range(MOST_DAMAGED + 3):
        device.database.close()
        device.path.write_bytes(b"garbage" * 1000)
        device.start()
    kept = [name for name in names(device) if "damaged" in name]
    assert kept == [f"control.db.damaged-{n}" for n in (4, 5, 6)]


@pytest.mark.parametrize("version", [VERSION + 1, VERSION - 1])
def test_a_file_of_another_version_is_not_read(device, version):
    epoch = device.outbox.epoch
    device.database.close()
    with sqlite3.connect(device.path) as other:
        other.execute(f"PRAGMA user_version = {version}")
    other.close()
    device.start()
    check_begun_anew(device, epoch, f"of version {version}")
    assert device.path.with_name("control.db.damaged-1").exists()


def test_a_fact_that_is_not_what_was_written_is_not_believed(device):
    device.happen(*range(200))
    device.send()
    epoch = device.outbox.epoch
    device.database.close()
    with sqlite3.connect(device.path) as other:
        changed = """UPDATE fact SET value = replace(value, '"through":200', '"through":900')"""
        other.execute(changed)
    other.close()
    device.start()
    check_begun_anew(device, epoch, "a fact")


class Dice:
    """Turns bits, and says by which seed."""

    def __init__(self):
        self.seed = random.SystemRandom().getrandbits(32)
        self._random = random.Random(self.seed)  # noqa: S311 nothing secret

    def turn(self, raw):
        """One bit, or many."""
        turned = bytearray(raw)
        for _ in range(self._random.choice([1, 1, 1, 50])):
            turned[self._random.randrange(len(turned))] ^= 1 << self._random.randrange(8)
        return bytes(turned)


@pytest.mark.slow
def test_any_bit_may_turn_in_the_file(device):
    """What comes is right and what doesn't is counted, or all of it is set aside."""
    device.happen(*range(100), padding="x" * 100)
    device.send(20)
    device.happen(*range(100, 150), padding="x" * 100)
    device.database.close()
    raw, dice, outcomes = device.path.read_bytes(), Dice(), Counter()
    epoch = device.outbox.epoch
    for _ in range(300):
        device.path.write_bytes(dice.turn(raw))
        device.start()
        device.outbox.add("boot", {"n": 1000})
        assert device.database.commit() or device.database.commit(), f"seed {dice.seed}"
        events = [device.outbox.event_of(each) for each in device.send()]
        assert device.database.commit(), f"seed {dice.seed}"
        events += [device.outbox.event_of(each) for each in device.send()]
        numbers = [event.data["n"] for event in events if "n" in event.data]
        told = [event.data for event in events if "n" not in event.data]
        if device.outbox.epoch != epoch:
            assert numbers == [1000], f"seed {dice.seed}"
            outcomes["anew"] += 1
        else:
            expected = [*range(20, 150), 1000]
            assert [n for n in expected if n in numbers] == numbers, f"seed {dice.seed}"
            lost = sum(each["count"] for each in told)
            assert lost == len(expected) - len(numbers) == device.outbox.dropped, (
                f"seed {dice.seed}"
            )
            outcomes["told" if told else "harmless"] += 1
        device.database.close()
    assert len(outcomes) == 3, f"seed {dice.seed}: {outcomes}"


@pytest.mark.slow
def test_any_bit_may_turn_in_the_log_and_what_was_before_it_is_there(device):
    """SQLite ends a log where a checksum is wrong; what came after it is as if it never was."""
    for number in range(50):
        device.happen(number)
    log = device.path.with_name("control.db-wal")
    file, raw, dice, counts = device.path.read_bytes(), log.read_bytes(), Dice(), set()
    device.database.close()
    for _ in range(200):
        device.path.write_bytes(file)
        log.write_bytes(dice.turn(raw))
        device.start()
        assert device.database.fault == "", f"seed {dice.seed}"
        numbers = [each.data["n"] for each in device.send()]
        assert numbers == list(range(len(numbers))), f"seed {dice.seed}"
        counts.add(len(numbers))
        device.database.close()
    assert len(counts) > 5, f"seed {dice.seed}: {counts}"


def test_a_file_that_is_damaged_while_it_is_used_is_set_aside(device):
    device.happen(*range(10_000), padding="x" * 400)
    device.restart()  # and most of it is not in SQLite's memory
    device.database.commit()
    epoch = device.outbox.epoch
    with device.path.open("r+b") as file:
        file.seek(4096 * 10)
        file.write(b"\xff" * (device.path.stat().st_size - 4096 * 20))
    while device.outbox.next():
        pass
    assert "malformed" in device.database.fault
    assert not device.outbox.waits
    assert device.database.commit()
    assert device.database.fault == ""
    device.happen(1)
    assert device.outbox.epoch != epoch
    told, event = device.send()
    assert told.data["count"] == 10_000 == device.outbox.dropped
    assert "malformed" in told.data["reason"]
    assert event.data["n"] == 1


def test_a_file_of_which_nothing_is_missed_is_told_as_such(device):
    device.happen(*range(5))
    device.send()
    device.path.unlink()
    device.happen(5)
    told, _ = device.send()
    assert (told.data["count"], device.outbox.dropped) == (0, 0)


def test_an_acknowledgement_of_another_file_acknowledges_nothing(device):
    device.happen(1)
    (early,) = device.send(answer=False)
    device.path.unlink()
    device.happen(2)
    sent = device.send(answer=False)
    assert [each.seq for each in sent] == [1, 2]
    device.outbox.acknowledged(early, heard=True)
    assert device.outbox.depth == 2


def test_where_its_folder_vanishes_it_begins_anew_and_forgets_no_open_command(device):
    device.happen(*range(5))
    device.inbox.add("running", "restart", "d", "{}")
    epoch = device.outbox.epoch
    for path in device.path.parent.iterdir():
        path.unlink()
    device.path.parent.rmdir()
    device.happen(5)
    assert device.outbox.epoch != epoch
    told, event = device.send()
    assert told.data == {
        "reason": "the file was deleted", "count": 5, "from_seq": None, "to_seq": None,
    }  # fmt: skip
    assert event.data["n"] == 5
    device.kill()
    assert [entry.id for entry in device.inbox.unfinished()] == ["running"]


def test_where_only_its_log_vanishes_nothing_is_lost(device):
    device.happen(*range(5))
    epoch = device.outbox.epoch
    device.path.with_name("control.db-wal").unlink()
    device.happen(5)
    assert device.outbox.epoch == epoch
    device.kill()
    assert [each.data["n"] for each in device.send()] == list(range(6))


def test_a_log_that_is_left_without_its_file_is_not_taken_for_the_next_ones(device):
    """As a kill leaves it in the middle of setting a file aside."""
    device.happen(*range(5))
    log = device.path.with_name("control.db-wal")
    raw, epoch = log.read_bytes(), device.outbox.epoch
    device.database.close()
    device.path.unlink()
    log.write_bytes(raw)
    device.start()
    assert device.outbox.epoch != epoch
    device.happen(1)
    assert [each.seq for each in device.send()] == [1]


HOLDS = """
import sys
from pathlib import Path
from agent.control.database import Database
database = Database(Path(sys.argv[1]))
print(database.fault or "open", flush=True)
sys.stdin.read()
"""


def test_a_second_agent_gets_nothing_in_until_the_first_has_ended(device):
    device.database.close()
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(device.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as first:
        assert first.stdout.readline() == "open\n"
        device.start()
        assert device.database.fault == "database is locked"
        device.outbox.add("boot", {"n": 1})
        assert not device.database.commit()
        with pytest.raises(Refusal) as refused:
            device.inbox.add("one", "pause", "d", "{}")
        assert refused.value.to_error().retryable
        assert "database is locked" in refused.value.message
        assert device.inbox.look_up("one") is None
        assert device.outbox.next() is None
        first.kill()
    device.inbox.add("one", "pause", "d", "{}")
    assert device.database.fault == ""
    assert [each.data["n"] for each in device.send()] == [1]
    assert not list(device.path.parent.glob("*damaged*"))


def test_where_there_can_be_no_file_everything_waits(tmp_path):
    place = tmp_path / "state"
    place.write_text("not a folder")
    device = StoredDevice(place)
    assert device.outbox.epoch == ""
    device.outbox.add("boot", {"n": 1})
    assert not device.database.commit()
    assert device.database.fault
    assert device.outbox.next() is None
    assert device.inbox.undelivered() == device.inbox.unfinished() == []
    place.unlink()
    assert device.database.commit()
    (event,) = device.send()
    assert (event.seq, event.data) == (1, {"n": 1})
    device.database.close()


def test_a_fault_of_ours_is_not_taken_for_the_disks(device):
    with pytest.raises(sqlite3.ProgrammingError):
        device.database.rows("SELECT ?", 1, 2)


def test_it_counts_the_time_that_it_was_in_use(tmp_path):
    time_s = [1000.0]
    for expected in (0, 60, 120):
        database = Database(tmp_path / "control.db", lambda: time_s[0])
        assert database.used_s == expected
        time_s[0] += 60
        assert database.used_s == expected + 60
        database.close()
        time_s[0] -= 500  # another boot


def test_what_it_holds_is_for_its_owner_alone(tmp_path):
    """Answers hold pictures and lines of the log, and not every service has systemd's umask."""
    before = os.umask(0o022)
    try:
        device = StoredDevice(tmp_path / "state")
        device.happen(1)
        modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "state").iterdir()}
        folder = (tmp_path / "state").stat().st_mode & 0o777
        device.database.close()
    finally:
        os.umask(before)
    assert "control.db-wal" in modes
    assert (folder, set(modes.values())) == (0o700, {0o600}), modes
