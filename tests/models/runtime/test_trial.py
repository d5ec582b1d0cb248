"""How long networks take beside each other, on machines that are simulated."""

import pytest

from models.runtime.trial import LEAST_TURNS, MOST_S, MOST_TURNS, least_times


class Machine:
    """Its own time, of which our thread gets a share."""

    def __init__(self, share=1.0):
        self.share, self.cost_s, self.now_s, self.order = share, 0.0, 0.0, []

    def network(self, name, *seconds):
        """A run takes so long, each time another one; the last again and again."""
        times = list(seconds)

        def run():
            self.order.append(name)
            took = times.pop(0) if len(times) > 1 else times[0]
            self.cost_s += took
            self.now_s += took / self.share

        return run

    def times(self, *runs):
        return least_times(runs, cost=lambda: self.cost_s, now=lambda: self.now_s)


def test_the_least_of_each_counts():
    machine = Machine()
    a, b = machine.network("a", 0.3, 0.1, 0.2), machine.network("b", 0.05, 0.4)
    assert machine.times(a, b) == pytest.approx([0.1, 0.05])


def test_turns_alternate_so_that_what_comes_and_goes_strikes_all():
    machine = Machine()
    machine.times(*(machine.network(name, 0.001) for name in "abc"))
    assert "".join(machine.order) == "abc" * MOST_TURNS


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_a_trial_ends_in_time(share):
    machine = Machine(share)
    machine.times(machine.network("a", 0.1), machine.network("b", 0.1))
    assert machine.now_s <= MOST_S
    assert len(machine.order) == 2 * min(MOST_TURNS, int(MOST_S / (0.2 / share)))


def test_a_slow_machine_has_its_turns_all_the_same():
    machine = Machine()
    machine.times(machine.network("a", 5), machine.network("b", 3))
    assert machine.order.count("a") == LEAST_TURNS


def test_what_else_a_machine_does_changes_nothing():
    """Half of the time is another's: wall time would be twice as long, and no more than noise."""
    quiet, busy = (
        machine.times(machine.network("a", 0.1), machine.network("b", 0.06))
        for machine in (Machine(), Machine(0.5))
    )
    assert quiet == pytest.approx(busy)


def test_a_threads_own_time_is_what_counts():
    """For real: a run that only waits takes none."""
    import threading
    import time

    waits = threading.Event()
    idle, busy = least_times(
        [lambda: waits.wait(0.02), lambda: sum(range(300_000))],
    )
    assert 0 <= idle < busy
    assert time.thread_time() > 0
