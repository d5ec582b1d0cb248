"""What is made of the figures of many sessions."""

from tests.bench.sessions import Spent, delays, stages


def test_cores_are_what_was_computed_in_a_second():
    before, after = Spent(10, 1, 20, 3), Spent(14, 3, 26, 3)
    table = stages([("asked", after.since(before), 16)], note="")
    assert table.rows == [("asked", 4, 0.5, 1.5, 0, 2, 2)]


def test_delays_are_told_in_milliseconds():
    table = delays({"hundred": [number / 1000 for number in range(101)]})
    assert table.rows == [("hundred", 101, 50, 99, 100)]
