"""Commands and their answers, in a real file."""

import sqlite3
from collections import Counter

import pytest
from stored_device import StoredDevice

from agent.control import inbox as inbox_module
from agent.control.inbox import MOST_BYTES, MOST_ROWS, SHARE, Entry
from agent.control.messages import MAX_TTL_S, Result

DONE = '{"v":1,"id":"%s","op":"%s","state":"done","result":{},"error":null}'


@pytest.fixture
def device(tmp_path):
    device = StoredDevice(tmp_path)
    yield device
    device.database.close()


def take(device, command_id, op="pause", *, result=None, delivered=True):
    device.inbox.add(command_id, op, "d" * 64, '{"stream":"door"}')
    device.inbox.finish(command_id, result or DONE % (command_id, op))
    if delivered:
        device.inbox.delivered(command_id)


def ids(entries):
    return [entry.id for entry in entries]


def test_a_command_is_open_then_answered_then_delivered(device):
    inbox = device.inbox
    assert inbox.look_up("one") is None
    inbox.add("one", "pause", "digest", '{"stream":"door"}')
    assert inbox.look_up("one") == Entry("one", "pause", "digest", '{"stream":"door"}')
    assert inbox.unfinished() == inbox.undelivered() == []
    answer = DONE % ("one", "pause")
    inbox.finish("one", answer)
    expected = Entry("one", "pause", "digest", "", answer)
    assert inbox.look_up("one") == expected
    assert inbox.undelivered() == [expected]
    device.database.commit()
    assert inbox.look_up("one") == expected
    assert inbox.undelivered() == [expected]
    inbox.delivered("one")
    assert inbox.undelivered() == []
    device.restart()
    assert device.inbox.undelivered() == []
    assert device.inbox.look_up("one").delivered


@pytest.mark.parametrize("leave", [StoredDevice.kill, StoredDevice.restart])
def test_the_next_start_finds_what_was_open(device, leave):
    for command_id in ("one", "two", "three"):
        device.inbox.add(command_id, "pause", "digest", "{}")
    device.inbox.finish("two", DONE % ("two", "pause"))
    device.database.commit()
    leave(device)
    assert ids(device.inbox.unfinished()) == ["one", "three"]
    assert ids(device.inbox.undelivered()) == ["two"]
    device.inbox.finish("three", DONE % ("three", "pause"))
    device.inbox.add("four", "pause", "digest", "{}")
    device.database.commit()
    leave(device)
    assert ids(device.inbox.unfinished()) == ["one", "four"]
    assert ids(device.inbox.undelivered()) == ["two", "three"]


def test_a_kill_before_the_commit_leaves_the_command_open(device):
    device.inbox.add("one", "pause", "digest", "{}")
    device.inbox.finish("one", DONE % ("one", "pause"))
    device.kill()
    assert ids(device.inbox.unfinished()) == ["one"]
    assert device.inbox.undelivered() == []


def test_a_delivery_alone_writes_nothing_and_a_kill_publishes_again(device):
    take(device, "one", delivered=False)
    device.database.commit()
    device.inbox.delivered("one")
    assert not device.inbox.waits
    device.kill()
    assert ids(device.inbox.undelivered()) == ["one"]


def test_answers_come_in_the_order_of_the_commands(device):
    for number in range(20):
        take(device, f"id{number:02}", delivered=False)
    assert ids(device.inbox.undelivered()) == [f"id{number:02}" for number in range(20)]


def test_nothing_but_an_open_command_is_finished(device):
    take(device, "one")
    for command_id in ("one", "never came"):
        with pytest.raises(KeyError):
            device.inbox.finish(command_id, "{}")


@pytest.mark.slow
def test_old_ones_then_looks_then_the_oldest_are_forgotten_and_open_ones_never(device):
    device.inbox.add("open", "pause", "d", "{}")
    take(device, "unheard", "ping", delivered=False)
    device.machine.turn(MAX_TTL_S + 1)
    device.database.close()
    groups = {"set": MOST_ROWS - 602, "look": 500, "old": 100}
    with sqlite3.connect(device.path) as file:
        for name, count in groups.items():
            op, used_s = "ping" if name == "look" else "pause", 0 if name == "old" else MAX_TTL_S
            file.executemany(
                "INSERT INTO command(id, op, digest, used_s, delivered, args, result) "
                "VALUES (?, ?, 'd', ?, 1, x'', ?)",
                ((f"{name}{n}", op, used_s, b"{}") for n in range(count)),
            )
    file.close()
    device.start()
    assert device.inbox.look_up("old0")
    take(device, "last")
    device.database.commit()
    forgotten = MOST_ROWS // SHARE + 1
    left = Counter(
        row[0].rstrip("0123456789") for row in device.database.rows("SELECT id FROM command")
    )
    assert left["old"] == left["look"] == 0
    assert groups["set"] - left["set"] == forgotten - 600
    assert not device.inbox.look_up(f"set{forgotten - 601}")
    assert all(map(device.inbox.look_up, ("open", "unheard", "last", f"set{forgotten - 600}")))
    take(device, "next")
    device.database.commit()
    assert left.total() + 1 == device.database.rows("SELECT count(*) FROM command")[0][0]


@pytest.mark.slow
def test_an_open_one_is_not_forgotten_where_no_answer_was_ever_delivered(device):
    device.inbox.add("open", "ping", "d", "{}")
    device.database.close()
    with sqlite3.connect(device.path) as file:
        file.executemany(
            "INSERT INTO command(id, op, digest, used_s, delivered, args, result) "
            "VALUES (?, 'pause', 'd', 0, 0, x'', x'7b7d')",
            ((f"id{n}",) for n in range(MOST_ROWS)),
        )
    file.close()
    device.start()
    device.inbox.add("last", "pause", "d", "{}")
    device.restart()
    assert ids(device.inbox.unfinished()) == ["open", "last"]
    assert ids(device.inbox.undelivered())[0] == f"id{MOST_ROWS // SHARE + 2}"


@pytest.mark.slow
def test_pictures_give_way_before_anything_is_forgotten(device):
    picture = "x" * 90_000
    count = MOST_BYTES // 90_000 + 50
    for number in range(count):
        command_id = f"id{number}"
        answer = Result(id=command_id, op="snapshot", state="done", result={"jpeg": picture})
        take(device, command_id, "snapshot", result=answer.model_dump_json(), delivered=number > 0)
        if number % 20 == 0:
            device.database.commit()
    device.database.commit()
    stored = [device.inbox.look_up(f"id{number}").result_json for number in range(count)]
    assert sum(map(len, stored)) <= MOST_BYTES
    results = [Result.model_validate_json(each) for each in stored]
    assert {(each.op, each.state) for each in results} == {("snapshot", "done")}
    cut = [number for number, each in enumerate(results) if each.result is None]
    assert 50 <= len(cut) < 110
    assert cut == list(range(1, len(cut) + 1)), "the oldest, but the one that nobody has"
    device.restart()
    assert device.path.stat().st_size < 1.2 * MOST_BYTES


@pytest.mark.slow
def test_small_commands_never_cost_a_picture(device):
    """However many there were, and however much they carried."""
    answer = Result(id="picture", op="snapshot", state="done", result={"jpeg": "x" * 90_000})
    take(device, "picture", "snapshot", result=answer.model_dump_json())
    args = "x" * 100_000
    for number in range(2 * MOST_BYTES // len(args)):
        device.inbox.add(f"id{number}", "pause", "d", args)
        device.inbox.finish(f"id{number}", DONE % (f"id{number}", "pause"))
        device.inbox.delivered(f"id{number}")
    device.database.commit()
    assert device.inbox.look_up("picture").result_json == answer.model_dump_json()


def test_ops_that_change_nothing_are_known():
    assert inbox_module._LOOKS == ("ping", "refresh", "snapshot")
