"""When a change is told."""

import pytest

from agent.service.changes import BURST, REFILL_S, Changes


def told(values, every_s=1.0, **limits):
    """What is told of values that are looked at every so often: when, how many changes, which."""
    changes, found = Changes(values[0], **limits), []
    for i, value in enumerate(values):
        if count := changes.look(value, 1000 + i * every_s):
            found.append((i * every_s, count, value))
    return found


def test_what_stays_the_same_is_no_news():
    assert told("aaaaaa") == []


def test_each_change_is_told_at_once():
    assert told("aabba") == [(2, 1, "b"), (4, 1, "a")]


@pytest.mark.parametrize("every_s", [0.1, 1.0, 7.0])
def test_a_flood_is_told_in_few_words_that_count_all_of_it(every_s):
    values = ["ab"[i % 2] for i in range(601)] + ["a"] * 200
    found = told(values, every_s)
    assert sum(count for _, count, _ in found) == 600
    for begin_s in range(0, int(600 * every_s), 10):
        within = [at_s for at_s, *_ in found if begin_s <= at_s < begin_s + 60]
        assert len(within) <= BURST + 60 / REFILL_S


def test_in_the_end_what_is_so_was_told():
    found = told("abababababab" + "c" * 30)
    assert found[-1][2] == "c"
    assert sum(count for _, count, _ in found) == 12


def test_what_is_quiet_for_long_may_burst_again_and_no_more_than_that():
    quiet = ["a"] * 1000 + ["ab"[i % 2] for i in range(1, 9)]
    assert [count for _, count, _ in told(quiet)][:BURST] == [1] * BURST
    assert len(told(quiet)) == BURST
