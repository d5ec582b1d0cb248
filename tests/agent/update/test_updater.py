"""The updater, in a world that is as the test says."""

import hashlib

import pytest
from updates import OWN, PROBATION_S, Killed, bundle_of, digest_of, wanted

from agent.update.ports import RefusedError
from agent.update.store import Own
from agent.update.updater import Terms

V1, V2, V3 = (digest_of(version) for version in (OWN, 2, 3))


def states(device):
    return [said["state"] for said in device.cameras.told]


def test_what_is_wanted_comes_is_tried_runs_and_proves_itself(device):
    device.office.offer(2)
    device.want(2, rev=1)
    position = device.until("active")
    assert (position.rev, position.held.digest, position.active.version) == (1, V2, 2)
    device.turns()
    assert device.cameras.runs == V2
    device.machine.turn(PROBATION_S - 1)
    device.turns()
    assert device.position.state == "active"
    device.machine.turn(1)
    device.turns()
    assert (device.position.state, device.position.progress) == ("committed", 1)
    assert states(device) == ["fetching", "staged", "testing", "active", "committed"]
    assert device.store.read().floor == {"person": 2}
    assert device.cameras.ran == [V1, V2]
    assert device.office.done == [("check", V2), ("fetch", V2), ("test", V2)]


def test_what_is_bad_once_it_runs_goes_back_and_never_comes_again(device):
    device.office.offer(2)
    device.cameras.sick.add(V2)
    device.want(2, rev=1)
    device.to_its_end()
    position = device.position
    assert (position.state, position.reason) == ("rolled_back", "every frame is covered whole")
    assert (position.active, position.refused) == (None, (V2,))
    device.want(2, rev=2)
    device.to_its_end()
    assert (device.position.state, device.position.rev) == ("failed", 2)
    assert "never run again: every frame" in device.position.reason
    assert device.cameras.ran == [V1, V2, V1]
    assert device.store.read().floor == {}


def test_what_does_not_pass_its_test_never_runs(device):
    device.office.offer(2)
    device.office.bad.add(V2)
    device.want(2, rev=1)
    device.to_its_end()
    assert device.position.reason == "it sees nothing"
    assert device.position.refused == (V2,)
    assert device.cameras.ran == [V1]
    assert device.store.held() == ()


def test_what_can_not_be_loaded_leaves_what_runs(device):
    device.office.offer(2)
    device.cameras.broken.add(V2)
    device.want(2, rev=1)
    device.to_its_end()
    assert (device.position.state, device.position.reason) == ("rolled_back", "it can't be loaded")
    assert device.position.refused == (V2,)
    assert device.cameras.ran == [V1]


def test_what_is_not_offered_is_no_fault_of_it(device):
    device.want(2, rev=1)
    device.to_its_end()
    assert (device.position.state, device.position.reason) == ("failed", "it is not offered")
    device.office.offer(2)
    device.want(2, rev=1)
    device.turns()
    assert device.position.state == "failed", "a rev that ended has ended"
    device.want(2, rev=2)
    device.to_its_end()
    assert device.position.state == "committed"


def test_what_is_offered_as_something_else_is_refused(device):
    device.office.offered[V2] = "person", 7, b"x"
    device.want(2, rev=1)
    device.to_its_end()
    assert device.position.reason == "the repository offers it as person version 7"


def test_waiting_for_the_network_is_no_failure_and_no_transition(device):
    device.office.offer(2)
    device.office.away = True
    device.want(2, rev=1)
    for _ in range(30):
        position = device.turns(seconds=60)
    assert (position.state, position.reason) == ("fetching", "the office is away")
    assert states(device) == ["fetching"]
    device.office.away = False
    device.until("active")


def test_a_very_first_model_that_fails_leaves_none(bare):
    assert bare.cameras.runs is None
    bare.office.offer(2, 3)
    bare.cameras.sick.add(V2)
    bare.want(2, rev=1)
    bare.to_its_end()
    assert bare.position.state == "rolled_back"
    assert bare.cameras.ran == [V2, None]
    bare.start()
    assert bare.cameras.runs is None
    bare.want(3, rev=2)
    bare.to_its_end()
    assert (bare.position.state, bare.cameras.runs) == ("committed", V3)
    bare.start()
    assert bare.cameras.runs == V3


def test_the_window_of_the_day_is_waited_for(device):
    device.office.offer(2)
    device.machine.unix_s = 86400 * 20000 + 3600 * 12.0
    device.want(2, rev=1, window="22:00-04:00")
    for _ in range(5):
        position = device.turns()
    assert (position.state, position.progress) == ("testing", 1)
    assert position.reason == "it waits for 22:00-04:00 UTC"
    assert [what for what, _ in device.office.done] == ["check", "fetch", "test"], "tried once"
    device.machine.turn(3600 * 9.99)
    assert device.turns().state == "testing"
    device.machine.synced = False
    device.machine.turn(3600)
    assert "the clock is not set" in device.turns().reason
    device.machine.synced = True
    assert device.turns().state == "active"


def test_a_kill_in_probation_changes_nothing_about_its_end(device):
    device.office.offer(2)
    device.want(2, rev=1)
    device.until("active")
    device.turns()
    device.machine.turn(400)
    device.start()
    assert device.cameras.runs == V2
    device.machine.turn(199)
    assert device.turns().state == "active"
    device.machine.turn(1)
    assert device.turns().state == "committed"


def test_a_night_without_power_proves_nothing(device):
    device.office.offer(2)
    device.want(2, rev=1)
    device.until("active")
    device.machine.reboot(off_s=8 * 3600)
    device.start()
    assert device.turns().state == "active"
    device.machine.turn(29)
    assert device.turns().state == "active"
    device.machine.turn(1)
    assert device.turns().state == "committed"


def test_a_model_with_which_the_agent_ends_gets_two_more_starts(device):
    device.office.offer(2)
    device.want(2, rev=1)
    device.until("active")
    for _ in range(2):
        device.start()
        assert device.cameras.runs == V2
    device.start()
    assert device.cameras.runs == V1
    device.turns(2)
    position = device.position
    assert (position.state, position.reason) == (
        "rolled_back",
        "the agent ended 3 times while it ran",
    )
    assert position.refused == (V2,)
    assert states(device)[-1] == "rolled_back", "what a start did is told"


def test_a_model_that_ends_the_agent_as_it_is_loaded_gets_no_more(device):
    """Though its test in another process was passed."""
    device.office.offer(2)
    device.cameras.deadly.add(V2)
    device.want(2, rev=1)
    with pytest.raises(Killed):
        device.turns(6)
    for _ in range(2):
        with pytest.raises(Killed):
            device.start()
    device.start()
    device.turns(2)
    assert device.cameras.runs == V1
    assert (device.position.state, device.position.refused) == ("rolled_back", (V2,))


def test_a_model_that_can_not_be_loaded_at_a_start_goes_back(device):
    device.office.offer(2)
    device.want(2, rev=1)
    device.until("active")
    device.cameras.broken.add(V2)
    device.start()
    assert device.cameras.runs == V1
    device.turns()
    assert device.position.refused == (V2,)


def test_a_proven_model_that_can_not_be_loaded_once_is_tried_at_the_next_start(device):
    device.office.offer(2)
    device.want(2, rev=1)
    device.to_its_end()
    device.cameras.broken.add(V2)
    device.start()
    device.turns(3)
    assert device.cameras.ran == [V1, V2, V1]
    device.cameras.broken.clear()
    device.start()
    assert device.cameras.runs == V2
    assert device.position.refused == ()


def test_a_proven_model_whose_file_was_damaged_comes_anew_once_it_is_wanted(device):
    device.office.offer(2, 3)
    for version in (2, 3):
        device.want(version, rev=version)
        device.to_its_end()
    device.store.bundle(V3).write_bytes(b"damaged")
    device.cameras.broken.add(hashlib.sha256(b"damaged").hexdigest())
    device.start()
    assert device.cameras.runs == V2
    device.want(3, rev=4)
    position = device.to_its_end()
    assert (position.state, position.rev, device.cameras.runs) == ("committed", 4, V3)
    assert position.previous.digest == V2
    assert [what for what, _ in device.office.done[-3:]] == ["check", "fetch", "test"]


def test_a_rollback_by_request(device):
    device.office.offer(2)
    with pytest.raises(RefusedError, match="precondition_failed: there is no previous model"):
        device.updater.rollback()
    device.want(2, rev=1, group="site")
    device.to_its_end()
    device.updater.rollback()
    device.turns(2)
    assert (device.position.state, device.cameras.runs) == ("rolled_back", V1)
    device.want(2, rev=2, group="site")
    device.turns(2)
    assert (device.position.state, device.cameras.runs) == ("failed", V1)
    with pytest.raises(RefusedError):
        device.updater.rollback()


def test_a_request_before_the_switch_aborts(device):
    device.office.offer(2)
    device.office.away = True
    device.want(2, rev=1)
    device.turns(2)
    device.updater.rollback()
    device.turns(2)
    assert device.position.reason == "it was aborted by request"
    device.office.away = False
    assert device.to_its_end().state == "failed"
    assert device.cameras.ran == [V1]


def test_a_person_who_names_another_bundle_in_the_configuration_is_obeyed(device):
    device.office.offer(2)
    device.want(2, rev=1)
    device.to_its_end()
    device.start()
    assert device.cameras.runs == V2
    replaced(device, 3)
    device.start()
    assert device.cameras.runs == V3
    device.turns(2)
    assert device.store.held() == ()
    device.start()
    assert device.cameras.runs == V3


def test_a_bundle_of_the_configuration_that_is_gone_is_not_missed(device):
    device.office.offer(2)
    device.want(2, rev=1)
    device.to_its_end()
    device.own = None
    device.start()
    assert device.cameras.runs == V2


def replaced(device, version):
    """The configuration names another bundle."""
    digest, data = bundle_of(version)
    device.own.path.write_bytes(data)
    device.own = Own(digest, device.own.path)
    device.terms = Terms(device.own, PROBATION_S)


def test_a_fault_of_ours_ends_one_change_and_no_more(device):
    device.office.offer(2, 3)
    device.office.offered[V2] = "person", "two", b""  # what no offer can be made of
    device.want(2, rev=1)
    device.turns(3)
    assert device.position.state == "failed"
    assert "a fault of ours" in device.position.reason
    device.want(3, rev=2)
    device.to_its_end()
    assert (device.position.state, device.position.refused) == ("committed", ())


def test_something_newer_ends_what_is_under_way(threaded, wait):
    threaded.office.offer(2, 3)
    threaded.office.gate.clear()
    threaded.want(2, rev=1)
    wait(lambda: threaded.office.done == [("check", V2)])
    threaded.want(3, rev=2)
    wait(lambda: threaded.position.state == "active")
    assert threaded.position.held.digest == V3
    first, second, *_ = threaded.cameras.told
    assert (first["rev"], first["state"]) == (1, "fetching")
    assert (second["rev"], second["state"]) == (1, "superseded")


def test_an_end_ends_what_is_under_way_and_the_next_start_goes_on(threaded, wait):
    threaded.office.offer(2)
    threaded.office.gate.clear()
    threaded.want(2, rev=1)
    wait(lambda: threaded.office.done)
    threaded.updater.end()
    threaded.start()
    wait(lambda: threaded.position.state == "active")
    assert states(threaded) == ["fetching", "staged", "testing", "active"]


def test_what_was_heard_before_disturbs_nobody(threaded, wait):
    threaded.office.offer(2)
    threaded.office.gate.clear()
    threaded.want(2, rev=1)
    wait(lambda: threaded.office.done)
    for _ in range(100):
        threaded.updater.want(wanted(2, rev=1))
        threaded.updater.belong(["site"])
        threaded.updater.forget("site")
    threaded.office.gate.set()
    wait(lambda: threaded.position.state == "active")
    assert [what for what, _ in threaded.office.done] == ["check", "fetch", "test"]
