"""Which devices come first: by their hashes, with a salt by which every stage has its number."""

from itertools import pairwise

import pytest
from rollouts import plan

from agent.control.selection import is_selected
from agent.errors import UsageError
from agent.fleet.rollout_salt import choose_salt

STAGES = (1, 5, 25, 100)


def names(count):
    return [f"gate-{number}" for number in range(count)]


def numbers(devices, salt, stages=STAGES):
    return tuple(sum(is_selected(each, percent, salt) for each in devices) for percent in stages)


@pytest.mark.parametrize("count", [1, 3, 20, 40, 100])
def test_every_stage_has_its_number(count):
    salt = choose_salt(plan(), names(count), (), "a")
    assert numbers(names(count), salt) == plan().wanted(count)


@pytest.mark.slow
def test_every_stage_of_five_hundred_has_its_number():
    salt = choose_salt(plan(), names(500), (), "a")
    assert numbers(names(500), salt) == (5, 25, 125, 500)


@pytest.mark.slow
def test_in_a_large_fleet_every_stage_nearly_has_its_number():
    devices = names(20_000)
    found = numbers(devices, choose_salt(plan(), devices, (), "a", 200_000))
    assert all(
        abs(count - n) <= 0.05 * n for count, n in zip(found, plan().wanted(20_000), strict=True)
    )


def test_nobody_who_is_away_holds_up_a_stage():
    devices = names(20)
    away = set(devices[5:])
    salt = choose_salt(plan(stages=(5, 10, 100)), devices, away, "a")
    first = [each for each in devices if is_selected(each, 10, salt)]
    assert len(first) == 2
    assert not away.intersection(first)


def test_where_all_are_away_the_numbers_still_count():
    devices = names(20)
    assert numbers(devices, choose_salt(plan(), devices, set(devices), "a")) == (1, 1, 5, 20)


def test_a_first_stage_of_nobody_is_refused():
    with pytest.raises(UsageError, match=r"--to: the first stage, 1e-07 %, would be for none of 2"):
        choose_salt(plan(stages=(1e-7, 100)), names(2), (), "a", 1000)


def test_who_is_selected_early_is_selected_later():
    devices = names(2000)
    chosen = [{each for each in devices if is_selected(each, p, "a-1")} for p in (0, *STAGES)]
    assert all(few <= more for few, more in pairwise(chosen))
    assert (chosen[0], chosen[-1]) == (set(), set(devices))


@pytest.mark.parametrize("percent", [5, 25, 50])
def test_two_roll_outs_have_nothing_to_do_with_each_other(percent):
    """Chi-square of the table selected by one and selected by the other, 1 degree of freedom.

    The salts and names are fixed, so it comes out the same each time; 10.83 is passed by one of
    1,000 pairs of independent selections, and by all pairs of one salt.
    """
    devices = names(5000)

    def chi_square(salt, other):
        first = [is_selected(each, percent, salt) for each in devices]
        second = [is_selected(each, percent, other) for each in devices]
        cells = [[0, 0], [0, 0]]
        for a, b in zip(first, second, strict=True):
            cells[a][b] += 1
        rows, columns = (
            [sum(row) for row in cells],
            [sum(column) for column in zip(*cells, strict=True)],
        )
        expected = [[r * c / len(devices) for c in columns] for r in rows]
        return sum(
            (cells[a][b] - expected[a][b]) ** 2 / expected[a][b] for a in (0, 1) for b in (0, 1)
        )

    pairs = [(f"a-{n}", f"b-{n}") for n in range(5)]
    assert all(chi_square(*pair) < 10.83 for pair in pairs)
    assert chi_square("a-1", "a-1") > 1000
