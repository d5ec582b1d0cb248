"""How the model that runs does, of counts that go on from model to model."""

from worlds import HandClock

from agent.service.health_ledger import HealthLedger
from agent.telemetry.status import StreamStatus


class Streams:
    """Streams that do what they are told, with a clock."""

    def __init__(self):
        self.clock, self.counts = HandClock(), {}
        self.ledger = HealthLedger(self.statuses, self.clock)

    def statuses(self):
        return {
            name: StreamStatus(
                "running",
                frames_out=frames,
                detections=frames // 5,
                covers=objects,
                whole={"no valid result": whole, "damaged stream": 7},
                stage_s={("detect", "busy"): frames / 100},
            )
            for name, (frames, objects, whole) in self.counts.items()
        }

    def go_on(self, seconds, frames=25, objects=0, whole=0, name="door", window_s=1e9):
        for _ in range(seconds):
            before = self.counts.get(name, (0, 0, 0))
            grown = frames, objects, whole
            self.counts[name] = tuple(a + b for a, b in zip(before, grown, strict=True))
            self.clock.turn(1.0)
            self.ledger.look(window_s)


def test_a_model_is_counted_from_when_it_began():
    streams = Streams()
    streams.go_on(10, objects=3, whole=1)
    streams.ledger.begin()
    streams.go_on(4, objects=2, whole=5)
    health = streams.ledger.health(hung=1)
    assert (health.ran_s, health.frames, health.detections) == (4, 100, 20)
    assert (health.objects, health.whole, health.hung) == (8, 20, 1)
    assert abs(health.detect_s - 1.0) < 1e-9


def test_what_is_long_ago_says_nothing():
    streams = Streams()
    streams.go_on(100, objects=9, window_s=10)
    streams.go_on(10, objects=0, window_s=10)
    health = streams.ledger.health(0)
    assert (health.ran_s, health.objects, health.frames) == (10, 0, 250)


def test_a_stream_that_goes_and_comes_again_counts_anew():
    streams = Streams()
    streams.go_on(10)
    del streams.counts["door"]
    streams.ledger.look(1e9)
    streams.go_on(4)
    streams.go_on(2, name="yard")
    assert streams.ledger.health(0).frames == 16 * 25


def test_the_longest_time_without_an_object_is_known():
    streams = Streams()
    for seconds, objects in ((5, 2), (7, 0), (3, 1), (4, 0)):
        streams.go_on(seconds, objects=objects)
    assert streams.ledger.health(0).unseen_s == 7
    streams.go_on(5, objects=0)
    assert streams.ledger.health(0).unseen_s == 9


def test_objects_of_the_model_before_are_left_out_and_no_more():
    streams = Streams()
    streams.ledger.begin()
    streams.go_on(2, objects=5)
    streams.ledger.begin_objects()
    streams.go_on(3, objects=1)
    health = streams.ledger.health(0)
    assert (health.objects, health.frames, health.ran_s) == (3, 125, 5)
