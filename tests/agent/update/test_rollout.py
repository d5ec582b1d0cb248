"""The rules by which a device changes its model."""

import pytest
from updates import Machine, digest_of, wanted

from agent.update.deadline import Deadline
from agent.update.ports import Health
from agent.update.record import Desire, Held, Record
from agent.update.rollout import (
    MOST_REFUSED,
    activated,
    advanced,
    aim,
    belongs,
    by_hand,
    committed,
    failed,
    forgotten,
    has_previous,
    heard,
    rolled_back,
    started,
    undone,
)

HEALTH = Health(0.0, 0, 0, 0, 0, 0.0, 0)
OWN = digest_of(1)


def held(version):
    return Held(digest=digest_of(version), name="person", version=version)


def at(state, version=2, rev=1, group=None, record=None):
    """A record in which a change has come to a state."""
    record = heard(record or Record(configured=OWN), wanted(version, rev, group))
    for now in ("staged", "testing"):
        if record.change.state == state:
            return record
        record = advanced(record, record.change, now)
    if state == "testing":
        return record
    record = activated(record, record.change, Deadline.after(600, Machine()), HEALTH)
    return record if state == "active" else committed(record)


def test_a_newer_rev_takes_the_place_of_what_does_not_run_yet():
    for state in ("fetching", "staged", "testing"):
        record = heard(at(state), wanted(3, rev=2))
        assert (record.change.held, record.change.state) == (held(3), "fetching")


def test_a_newer_rev_waits_for_the_end_of_what_is_on_probation():
    waiting = heard(at("active"), wanted(3, rev=2))
    assert waiting.change == at("active").change
    for record in (committed(waiting), rolled_back(waiting, "bad")):
        assert (record.change.held, record.change.state) == (held(3), "fetching")


@pytest.mark.parametrize("rev", [1, 2])
def test_a_rev_that_is_not_newer_changes_nothing(rev):
    record = heard(at("testing", rev=2), wanted(3, rev=rev))
    assert record == at("testing", rev=2)


def test_revs_of_the_device_and_of_each_group_count_apart():
    record = heard(Record(), wanted(2, rev=9, group="site"))
    record = heard(record, wanted(3, rev=1, group="canary"))
    assert record.change.held == held(3)
    record = heard(record, wanted(4, rev=1))
    assert record.change.held == held(4)


def test_what_the_device_itself_is_told_wins_over_its_groups():
    record = at("committed", version=2, rev=1)
    assert heard(record, wanted(3, rev=7, group="site")).change == record.change
    record = forgotten(heard(record, wanted(3, rev=7, group="site")), None)
    assert (record.change.held, record.change.group) == (held(3), "site")


def test_of_groups_the_highest_version_counts_in_whatever_order_they_are_heard():
    one, other = wanted(2, rev=1, group="a"), wanted(3, rev=1, group="b")
    for first, second in ((one, other), (other, one)):
        desires = {each.group: Desire(wanted=each) for each in (first, second)}
        assert aim(Record(desires=desires)).wanted == other
    assert aim(Record()) is None


def test_what_nobody_wants_any_more_does_not_come_to_run():
    record = forgotten(at("testing", group="site"), "site")
    assert (record.change.state, record.desires) == ("superseded", {})
    assert belongs(at("testing", group="site"), ["canary"]) == record
    assert belongs(at("testing", group="site"), ["site"]) == at("testing", group="site")
    for state in ("active", "committed"):
        record = forgotten(at(state, group="site"), "site")
        assert record.change.state == state, "what runs, runs on"


def test_what_runs_already_is_committed_at_once():
    assert heard(Record(configured=OWN), wanted(1, rev=1)).change.state == "committed"
    record = heard(at("committed"), wanted(2, rev=1, group="site"))
    record = heard(record, wanted(2, rev=2))
    assert (record.change.state, record.change.rev) == ("committed", 2)


def test_a_refusal_is_an_end_for_that_rev():
    record = failed(at("testing"), at("testing").change, "bad", refuse=True)
    assert record.change.state == "failed"
    assert heard(record, wanted(2, rev=1)) == record
    again = heard(record, wanted(2, rev=2))
    assert (again.change.state, again.change.reason) == ("failed", "it is never run again: bad")


def test_the_floor_rises_by_what_proves_itself_and_by_nothing_else():
    assert at("active", version=5).floor == {}
    record = at("committed", version=5)
    assert record.floor == {"person": 5}
    older = heard(record, wanted(4, rev=2))
    assert older.change.reason == "version 4 is below 5, which has run here"
    assert older.refused == {}, "another one may be told to run it"
    assert heard(record, wanted(4, rev=2, name="car")).change.state == "fetching"
    assert rolled_back(record, "bad").floor == {"person": 5}


def test_what_ran_before_runs_again_though_it_is_below_the_floor():
    record = at("committed", version=3, rev=2, record=at("committed", version=2))
    assert (record.active, record.previous) == (held(3), held(2))
    record = undone(record)
    assert (record.active, record.previous, record.floor) == (held(2), None, {"person": 3})
    assert undone(record) == record, "nothing ran before that is known"
    assert not has_previous(record)


def test_a_rollback_of_the_first_model_goes_to_the_configurations_own_or_to_none():
    record = rolled_back(at("active"), "bad")
    assert (record.active, record.runs) == (None, OWN)
    nothing = at("committed", record=Record())
    assert not has_previous(nothing)
    assert undone(nothing) == nothing, "a request is no reason to run none"
    assert rolled_back(nothing, "bad").runs is None


def test_a_change_of_which_another_process_has_made_another_is_left_alone():
    old = at("testing").change
    record = committed(at("active"))
    for rule in (
        lambda: advanced(record, old, "staged"),
        lambda: activated(record, old, Deadline.after(600, Machine()), HEALTH),
        lambda: failed(record, old, "bad", refuse=True),
        lambda: committed(record),
    ):
        assert rule() == record


def test_a_person_may_run_what_was_refused_and_ends_what_is_under_way():
    refused = failed(at("testing"), at("testing").change, "bad", refuse=True)
    record = by_hand(heard(refused, wanted(3, rev=2)), held(2))
    assert (record.change.state, record.change.rev, record.refused) == ("staged", 0, {})
    assert heard(record, wanted(3, rev=2)) == record, "that rev is over"
    assert heard(record, wanted(4, rev=3)).change.held == held(4)


def test_a_person_who_names_what_runs_changes_nothing():
    record = by_hand(at("committed"), held(2))
    assert (record.change.state, record.previous) == ("committed", "configured")


def test_starts_are_counted_on_probation_only():
    record = at("active")
    for starts in (1, 2):
        record = started(record, OWN)
        assert (record.change.starts, record.active) == (starts, held(2))
    record = started(record, OWN)
    assert (record.active, record.change.state) == (None, "rolled_back")
    assert record.refused == {held(2).digest: "the agent ended 3 times while it ran"}
    for state in ("testing", "committed"):
        assert started(at(state), OWN) == at(state)


def test_another_bundle_in_the_configuration_wins_at_a_start():
    other = digest_of(7)
    for state in ("active", "committed"):
        record = started(at(state), other)
        assert (record.active, record.previous, record.configured) == (None, None, other)
        assert record.on_probation is None
        assert heard(record, wanted(2, rev=1)) == record, "that rev is over"
    assert started(at("committed"), None) == at("committed"), "a file that is gone is none"


def test_only_so_many_refusals_are_remembered():
    record = Record(refused={f"{number:064x}": "bad" for number in range(MOST_REFUSED)})
    record = failed(
        heard(record, wanted(2, 1)), heard(record, wanted(2, 1)).change, "x", refuse=True
    )
    assert len(record.refused) == MOST_REFUSED
    assert digest_of(2) in record.refused
    assert f"{0:064x}" not in record.refused


def test_a_deadline_outlives_the_process_and_the_boot():
    machine = Machine()
    deadline = Deadline.after(600, machine)
    machine.turn(100)
    assert deadline.left_s(machine) == 500
    machine.unix_s += 86400  # somebody sets the clock
    assert deadline.left_s(machine) == 500
    machine.unix_s -= 86400
    machine.reboot(off_s=50)
    assert deadline.left_s(machine) == 450
    machine.synced = False
    assert deadline.left_s(machine) == 600, "nobody knows"
    machine.synced = True
    machine.unix_s -= 10**9
    assert deadline.left_s(machine) == 600, "never more than from the first"
    machine.unix_s += 2 * 10**9
    assert deadline.left_s(machine) == 0
