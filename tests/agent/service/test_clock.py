"""An agent whose clock is wrong when it starts, and is set while it runs: libfaketime."""

import time
from datetime import datetime, timezone

import av
import false_clock
import pytest
from false_clock import FalseClock, faked
from networks import network
from running_agent import RunningAgent
from worlds import Thing, World, write_world_bundle

pytestmark = [pytest.mark.slow, false_clock.NEEDED]

YEAR_S, HOUR_S = 365 * 86400, 3600

SECONDS = 12
LATER_S, TRIES = 5, 3
"""Of a few pairs of starts one has to be so alike: other tests may have the cores meanwhile."""


@pytest.fixture
def config(tmp_path):
    bundle = write_world_bundle(tmp_path / "world.sfm", network())
    clip = World(Thing(lambda _: (42, 26), size=(28, 28)), frames=25 * SECONDS)
    clip.write(tmp_path / "clip.mp4")
    source = {"url": str(tmp_path / "clip.mp4"), "realtime": True}
    return {
        "model": {"bundle": str(bundle), "allow_unsigned": True},
        "streams": {"door": {"source": source}},
    }


def first_frame_s(folder, config, environment):
    folder.mkdir()
    began_s = time.monotonic()
    with RunningAgent(folder, config, environment=environment) as agent:
        agent.ready()
        agent.until(lambda: agent.stream("door", "output_frames_total"))
        after_s = time.monotonic() - began_s
        assert agent.stop() == 0
    return after_s


def test_an_agent_that_starts_in_1970_records_as_soon_as_any(tmp_path, config):
    for attempt in map(str, range(TRIES)):
        normal_s = first_frame_s(tmp_path / f"now{attempt}", config, {})
        then = tmp_path / f"then{attempt}"
        early_s = first_frame_s(then, config, faked(FAKETIME="@1970-01-02 00:00:00"))
        if early_s - normal_s < LATER_S:
            break
    assert early_s - normal_s < LATER_S
    (recorded,) = (then / "video" / "door").glob("*.mp4")
    assert recorded.name.startswith("1970-01-0")
    assert "~" in recorded.name  # nobody vouches for that time


def test_a_clock_that_is_set_begins_a_segment_and_loses_no_frame(tmp_path, config):
    clock = FalseClock(tmp_path / "offset")
    with RunningAgent(tmp_path, config, environment=clock.environment) as agent:
        agent.ready()
        agent.until(lambda: agent.stream("door", "output_frames_total") > 50)
        clock.be_wrong_by(YEAR_S)
        agent.until(lambda: agent.stream("door", "output_frames_total") > 150)
        clock.be_wrong_by(-HOUR_S)
        agent.until(lambda: agent.state("door") == "ended")
        assert agent.stop() == 0
    recorded = sorted(
        (tmp_path / "video" / "door").glob("*.mp4"), key=lambda path: path.stem.rpartition("_")[2]
    )
    assert sum(frames_of(path) for path in recorded) == 25 * SECONDS
    began = [
        datetime.fromisoformat(path.name[:10]).replace(tzinfo=timezone.utc) for path in recorded
    ]
    assert [each.year - began[0].year for each in began] == [0, 1, 0]


def frames_of(path):
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))
