"""The cheapest pairs, compared with SciPy's and with all matchings that there are."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from agent.track.assignment import cheapest_pairs

FAR = 1e6


def scipys(costs, possible):
    rows, columns = linear_sum_assignment(np.where(possible, costs, FAR))
    return [(r, c) for r, c in zip(rows.tolist(), columns.tolist(), strict=True) if possible[r, c]]


def worth(pairs, costs):
    """How many pairs, then how cheap: what is to be compared."""
    return len(pairs), -round(float(sum(costs[pair] for pair in pairs)), 9)


@pytest.mark.parametrize("share", [0.03, 0.2, 0.6, 1.0])
@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (5, 1), (2, 2), (7, 4), (4, 7), (30, 30)])
def test_pairs_are_scipys(shape, share):
    random = np.random.default_rng([*shape, int(100 * share)])
    for _ in range(30):
        costs, possible = random.uniform(0, 2, shape), random.random(shape) < share
        assert cheapest_pairs(costs, possible) == scipys(costs, possible)


@given(st.data())
def test_equal_costs_are_worth_what_the_best_of_all_matchings_is(data):
    shape = data.draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    size = shape[0] * shape[1]
    numbers = data.draw(st.lists(st.integers(0, 3), min_size=size, max_size=size))
    flags = data.draw(st.lists(st.booleans(), min_size=size, max_size=size))
    costs = np.array(numbers, np.float64).reshape(shape)
    possible = np.array(flags).reshape(shape)
    found = cheapest_pairs(costs, possible)
    assert all(possible[pair] for pair in found)
    assert len({r for r, _ in found}) == len({c for _, c in found}) == len(found)
    assert worth(found, costs) == max(worth(each, costs) for each in matchings(possible))


def matchings(possible):
    """Every way to choose a column or none for each row."""
    rows, columns = possible.shape
    choices = [*range(columns), *[None] * rows]
    for chosen in set(permutations(choices, rows)):
        yield [(r, c) for r, c in enumerate(chosen) if c is not None and possible[r, c]]


def test_more_pairs_win_over_cheaper_ones():
    costs = np.array([[0.0, 5.0], [0.1, 9.0]])
    possible = np.array([[True, True], [True, False]])
    assert cheapest_pairs(costs, possible) == [(0, 1), (1, 0)]


def test_nothing_possible_is_no_pair():
    assert cheapest_pairs(np.zeros((2, 3)), np.zeros((2, 3), np.bool_)) == []
