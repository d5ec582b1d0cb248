"""The store: what lies in it, and what it says when something is wrong with it."""

import hashlib
import io
import json
import shutil
import threading

import pytest
from updates import OWN, digest_of, wanted

from agent.update.ports import RefusedError
from agent.update.record import Held, Record
from agent.update.record_file import DamagedRecordError
from agent.update.rollout import heard
from agent.update.store import RESERVE_BYTES, Store
from agent.update.switch_window import is_open
from models.offer import Offer, OfferCustom

V1, V2, V3 = (digest_of(version) for version in (OWN, 2, 3))


def updated(device, *versions):
    device.office.offer(*versions)
    for version in versions:
        device.want(version, rev=version)
        assert device.to_its_end().state == "committed"
    return device


def files(folder):
    return {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_symlink() or not path.is_dir()
    }


def test_only_what_runs_and_what_ran_before_stays(device):
    updated(device, 2, 3, 4)
    assert files(device.folder / "models") == {
        *("record.json", "record.copy.json", "lock", "active", "previous"),
        *(f"slots/{digest_of(version)}/bundle.sfm" for version in (3, 4)),
    }
    for name, version in (("active", 4), ("previous", 3)):
        assert (device.folder / "models" / name).resolve().name == digest_of(version)


def test_a_record_that_is_damaged_has_a_copy(device):
    updated(device, 2)
    (device.folder / "models" / "record.json").write_bytes(b"{")
    device.start()
    assert device.cameras.runs == V2
    assert device.store.read().floor == {"person": 2}


@pytest.mark.parametrize("damage", [b"", b"{}", b"\0" * 1000, "bit"])
def test_without_a_record_links_say_what_runs_and_nothing_is_installed(device, damage):
    updated(device, 2)
    for name in ("record.json", "record.copy.json"):
        path = device.folder / "models" / name
        data = path.read_bytes()
        path.write_bytes(
            data.replace(b'"version": 2', b'"version": 1') if damage == "bit" else damage
        )
    device.start()
    assert device.cameras.runs == V2
    device.office.offer(3)
    device.want(3, rev=3)
    device.turns(5)
    reason = device.position.reason
    assert "record.json is damaged" in reason
    assert "its copy is of no use" in reason
    assert device.cameras.ran == [V1, V2, V2]
    for name in ("record.json", "record.copy.json"):
        (device.folder / "models" / name).unlink()
    assert device.to_its_end().state == "committed"


def test_too_little_room_is_said_with_both_numbers(device):
    device.office.offer(2)
    custom = OfferCustom(name="person", version=2, digest=V2)
    needed = shutil.disk_usage(device.folder).free + 2**20
    offer = Offer(custom=custom, length=2**30, sha256=V2)
    offer = offer.model_copy(update={"length": needed})
    with pytest.raises(RefusedError, match="precondition_failed: disk") as caught:
        device.store.make_room(offer)
    asked, free = (int(word) for word in str(caught.value).split() if word.isdigit())
    assert asked == needed + RESERVE_BYTES
    assert 0 < free < asked
    device.store.make_room(offer.model_copy(update={"length": 1000}))


def test_what_came_of_a_bundle_counts_as_room_and_other_parts_go(device):
    part = device.store.part(V2)
    part.write_bytes(bytes(500))
    part.with_name(f"{V2}.etag").write_text("x")
    device.store.part(V3).write_bytes(bytes(500))
    custom = OfferCustom(name="person", version=2, digest=V2)
    device.store.make_room(Offer(custom=custom, length=1000, sha256=V2))
    assert {path.name for path in part.parent.iterdir()} == {V2, f"{V2}.etag"}


def test_a_slot_counts_only_as_it_is_offered_to_the_last_byte(device):
    device.store.part(V2).write_bytes(b"abc")
    device.store.put(V2)
    custom = OfferCustom(name="person", version=2, digest=V2)
    right = Offer(custom=custom, length=3, sha256=hashlib.sha256(b"abc").hexdigest())
    assert device.store.holds(right)
    assert not device.store.holds(right.model_copy(update={"length": 4}))
    assert not device.store.holds(right.model_copy(update={"sha256": V3}))
    assert not device.store.holds(
        right.model_copy(update={"custom": custom.model_copy(update={"digest": V3})})
    )


def test_a_slot_that_was_damaged_is_fetched_anew(device):
    updated(device, 2)
    device.updater.rollback()
    device.turns(2)
    device.store.stage(io.BytesIO(b"damaged"), Held(digest=V3, name="person", version=3))
    device.office.offer(3)
    device.want(3, rev=3)
    assert device.to_its_end().state == "committed"


def test_several_processes_change_it_in_turn(tmp_path):
    """Each has a store of its own; none of what one says is lost to another."""
    groups, revs = ["a", "b", "c"], range(1, 9)

    def hear(group):
        store = Store(tmp_path)
        for rev in revs:
            store.change(lambda record, rev=rev: heard(record, wanted(2, rev, group)))

    threads = [threading.Thread(target=hear, args=(group,)) for group in groups]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    desires = Store(tmp_path).read().desires
    assert {group: desire.wanted.rev for group, desire in desires.items()} == dict.fromkeys(
        groups, 8
    )


def test_a_record_says_all_in_json(device):
    updated(device, 2)
    said = json.loads((device.folder / "models" / "record.json").read_text())
    assert Record.model_validate_json(json.dumps(said["state"])) == device.store.read()


def test_a_folder_that_can_not_be_made_keeps_nothing_from_running(tmp_path):
    (tmp_path / "models").write_text("not a folder")
    (start,) = Store(tmp_path).at_start(V1)
    assert (start.digest, start.path) == (V1, None)
    with pytest.raises(DamagedRecordError, match=r"can't be read \(Not a directory\)"):
        Store(tmp_path).change(lambda record: record)


def test_nobody_knows_what_a_damaged_record_would_become(tmp_path):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "record.json").write_text("")
    with pytest.raises(DamagedRecordError, match="until a person mends or deletes both"):
        Store(tmp_path).change(lambda record: record)


@pytest.mark.parametrize(
    ("window", "hour", "opens"),
    [
        *(("02:00-04:00", 1.99, False), ("02:00-04:00", 2, True), ("02:00-04:00", 3.99, True)),
        *(("02:00-04:00", 4, False), ("22:30-01:00", 22.4, False), ("22:30-01:00", 22.5, True)),
        *(("22:30-01:00", 0.5, True), ("22:30-01:00", 1, False), ("05:00-05:00", 17, True)),
    ],
)
def test_a_window_of_the_day(window, hour, opens):
    assert is_open(window, 86400 * 20000 + 3600 * hour) == opens
