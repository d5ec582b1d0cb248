"""What happened to an agent, told by looking at it once a second."""

from dataclasses import replace

import pytest

from agent.service.changes import BURST, REFILL_S
from agent.service.machine_notices import EARLY_S
from agent.service.notice import boot_notice, config_notice
from agent.service.notices import Notices
from agent.service.stream_notices import COVERED_S, TRACKS_S
from agent.telemetry.sensors import Readings
from agent.telemetry.status import RecordingsStatus, StreamStatus
from tests.agent.telemetry.statuses import MODEL, STATUS

MOST_A_MINUTE = BURST + 60 / REFILL_S
GIB = 1 << 30


class Watched:
    """An agent that is looked at once a second, and what was told of it."""

    def __init__(self):
        self.notices = Notices(lambda text: text.replace("sesame", "***"))
        self.now_s = 5000.0
        self.door = StreamStatus("starting")
        self.others = {}
        self.model, self.recordings, self.readings = MODEL, None, Readings()
        self.keep_free = GIB

    def second(self, **door):
        """Another second; door is now so. What was told, by kind."""
        self.now_s += 1
        self.door = replace(self.door, **door)
        status = replace(
            STATUS,
            streams={"door": self.door, **self.others},
            model=self.model,
            recordings=self.recordings,
        )
        found = list(self.notices.look(status, self.readings, self.keep_free, self.now_s))
        return [(notice.kind, dict(notice.data)) for notice in found]

    def seconds(self, count):
        """Nothing changes for so long."""
        return [each for _ in range(count) for each in self.second()]


@pytest.fixture
def agent():
    agent = Watched()
    assert agent.second() == []
    return agent


def test_a_change_of_state_is_told_without_secrets(agent):
    since_s = 1_800_000_000.0
    ((kind, data),) = agent.second(state="reconnecting", reason="sesame refused", since_s=since_s)
    assert kind == "stream"
    assert data == {
        "stream": "door",
        "state": "reconnecting",
        "reason": "*** refused",
        "since": since_s,
        "changes": 1,
    }
    assert agent.seconds(100) == []


def test_a_state_that_began_before_the_clock_was_set_has_no_time(agent):
    ((_, data),) = agent.second(state="running", since_s=86_400.0)
    assert data["since"] is None


def test_a_stream_that_flaps_all_day_makes_few_events_that_count_its_changes(agent):
    told = []
    for i in range(600):
        told += agent.second(state=("running", "stalled")[i % 2])
    assert len(told) <= MOST_A_MINUTE * 10
    assert sum(data["changes"] for _, data in told) > 580
    told = agent.second(state="paused") + agent.seconds(60)
    assert told[-1][1]["state"] == "paused"


def test_streams_that_come_and_go_are_told(agent):
    agent.others["yard"] = StreamStatus("running", since_s=1_800_000_000.0)
    assert [(kind, data["stream"]) for kind, data in agent.second()] == [("stream", "yard")]
    del agent.others["yard"]
    ((kind, data),) = agent.second()
    assert (kind, data["stream"], data["state"]) == ("stream", "yard", "removed")


def test_covered_whole_is_one_event_at_its_begin_and_one_at_its_end(agent):
    whole, told = 0, []
    for growth in [0, 20, 25, 0, 0, 3, 25, *[0] * 20]:
        whole += growth
        told += agent.second(whole={"detector failed": whole})
    assert told == [
        (
            "cover",
            {"stream": "door", "covering": covering, "reason": "detector failed", "frames": frames}
            | {"changes": 1},
        )
        for covering, frames in ((True, 20), (False, 73))
    ]


def test_what_is_covered_again_and_again_loses_no_frame(agent):
    whole, told = 0, []
    for _ in range(100):
        whole += 5
        told += agent.second(whole={"no keyframe": whole})
        told += agent.seconds(int(COVERED_S) + 1)
    told += agent.seconds(100)
    ended = [data["frames"] for _, data in told if not data["covering"]]
    assert sum(ended) == whole
    assert len(told) <= MOST_A_MINUTE * 8
    assert not told[-1][1]["covering"]


def test_counts_that_begin_anew_have_grown_by_what_they_are(agent):
    agent.second(whole={"no keyframe": 500}, labels={"person": 7})
    agent.seconds(30)
    assert agent.second(whole={}, labels={}) == []
    agent.second(whole={"no keyframe": 500}, labels={"person": 7})
    agent.seconds(30)
    (_, cover), (_, track) = agent.second(whole={"no keyframe": 3}, labels={"person": 2})
    assert (cover["frames"], track["objects"]) == (3, 2)


def test_objects_are_counted_together_and_by_label(agent):
    told = []
    for second in range(1, int(TRACKS_S) * 3):
        told += agent.second(labels={"person": 2 * second, "car": second // 5})
    assert [kind for kind, _ in told] == ["track"] * 3
    assert told[0][1] == {"stream": "door", "objects": 2, "objects.person": 2}
    assert told[1][1] == {"stream": "door", "objects": 22, "objects.person": 20, "objects.car": 2}


def test_a_disk_that_fills_up_is_told_once_until_there_is_room_again(agent):
    def free(share):
        agent.recordings = RecordingsStatus(5 * GIB, round(share * GIB), 0)
        return [data["what"] for _, data in agent.second()]

    assert free(1.5) == []
    assert free(0.99) == ["low"]
    assert [free(share) for share in (0.5, 0.99, 1.01, 1.05, 0.999)] == [[]] * 5
    assert free(1.2) == ["enough"]


def test_recordings_that_had_to_go_early_are_told_once_an_hour(agent):
    agent.recordings = RecordingsStatus(5 * GIB, 2 * GIB, 3, 1)
    told = agent.second()
    for _ in range(int(EARLY_S) + 10):
        early = agent.recordings.deleted_early + 1
        agent.recordings = replace(agent.recordings, deleted=early + 2, deleted_early=early)
        told += agent.second()
    assert [data["recordings"] for _, data in told] == [1, EARLY_S]
    assert {data["what"] for _, data in told} == {"deleted_early"}


def test_what_can_not_be_written_is_told(agent):
    ((kind, data),) = agent.second(unwritten=1)
    assert (kind, data["what"], data["stream"]) == ("disk", "unwritten", "door")
    told = [each for i in range(600) for each in agent.second(unwritten=2 + i)]
    assert len(told) <= MOST_A_MINUTE * 10


def test_a_chip_that_slows_down_and_another_power_mode_are_told(agent):
    agent.readings = Readings(throttled={"gpu-throttle-alert": True, "cpufreq-cpu0": False})
    ((kind, data),) = agent.second()
    assert kind == "throttle"
    assert (data["throttled"], data["by"]) == (True, "gpu-throttle-alert")
    agent.readings = Readings(power_mode="15W")
    ((_, data),) = agent.second()
    assert (data["throttled"], data["by"], data["power_mode"]) == (False, "", "15W")


def test_alarms_since_boot_are_no_news_and_a_new_one_is():
    agent = Watched()
    agent.readings = Readings(throttle_events={"oc3": 37}, power_mode="MAXN")
    assert agent.second() == []
    agent.readings = Readings(throttle_events={"oc3": 38}, power_mode="MAXN")
    ((kind, data),) = agent.second()
    assert (kind, data["alarms"]) == ("throttle", 38)


def test_another_model_is_told(agent):
    agent.model = replace(MODEL, version=4)
    ((kind, data),) = agent.second()
    assert (kind, data["name"], data["version"]) == ("model", "person", 4)
    assert agent.second() == []


def test_a_boot_says_what_began_and_why_the_one_before_ended():
    notice = boot_notice(STATUS, "killed")
    assert notice.kind == "boot"
    assert dict(notice.data) == {
        "version": "1.2.3",
        "before": "killed",
        "model": "person",
        "model_version": 3,
    }


def test_all_of_it_fits_an_event(agent):
    """Whatever a camera says, and however many settings changed."""
    from agent.control.messages import Event

    told = agent.second(state="reconnecting", reason="x" * 5000, labels={"person": 1})
    told.append(("config", dict(config_notice(3, "remote", ["streams.door.hide"] * 99).data)))
    for _, data in told:
        Event(
            id="a", epoch="e", seq=1, boot_id="b", mono_ms=1, ts=None, clock_synced=False, data=data
        )
