"""What sensors say while something else goes on."""

import threading

from agent.bench.bench_report import SensorPart
from agent.bench.sensor_watch import SensorWatch
from agent.telemetry.sensors import Readings


class Board:
    """Draws more and more; says when it was read often enough."""

    def __init__(self, *readings):
        self._readings = list(readings)
        self.read_out = threading.Event()

    def read(self):
        if len(self._readings) == 1:
            self.read_out.set()
            return self._readings[0]
        return self._readings.pop(0)


def watched(*readings):
    board = Board(*readings, Readings())
    with SensorWatch(board.read, every_s=0.001) as watch:
        assert board.read_out.wait(60)
    return watch


def test_mean_and_most_are_told():
    watch = watched(
        Readings(watts={"VDD_IN": 5.0}, celsius={"cpu": 40}),
        Readings(watts={"VDD_IN": 8.0, "SOC": 1.0}, celsius={"cpu": 44}),
    )
    assert watch.watts == {
        "VDD_IN": SensorPart(mean=6.5, most=8),
        "SOC": SensorPart(mean=1, most=1),
    }
    assert watch.celsius == {"cpu": SensorPart(mean=42, most=44)}
    assert watch.throttled == ()


def test_a_chip_that_was_slowed_down_once_is_told():
    watch = watched(
        Readings(throttled={"gpu": False, "cpu": False}),
        Readings(throttled={"gpu": True}),
        Readings(throttled={"gpu": False}),
    )
    assert watch.throttled == ("gpu",)


def test_a_machine_that_tells_nothing_has_none():
    watch = watched()
    assert (watch.watts, watch.celsius, watch.throttled) == ({}, {}, ())
    assert not [each for each in threading.enumerate() if each.name == "sensor watch"]
