"""The folder that an agent records into, from its start to its end."""

import pytest
from worlds import until

from agent.config.tree import KeepConfig, RecordConfig
from agent.errors import OutputError
from agent.service.recorder import Recorder
from agent.video.recordings import Recordings
from agent.video.retention import Keep
from agent.wall_clock import WallClock


@pytest.fixture
def config(tmp_path):
    return RecordConfig(dir=tmp_path / "video", keep=KeepConfig(free=None))


def left_over(config):
    """What a killed run began, of which nothing can be played."""
    recordings = Recordings(config.dir, Keep(), WallClock())
    part = recordings.begin("door")
    recordings.close()
    return part


def test_what_a_killed_run_left_is_looked_after_before_any_camera_is_there(config):
    part = left_over(config)
    recorder = Recorder(config)
    recorder.start(opens=True)
    until(lambda: not part.exists())
    recorder.close()


def test_once_it_is_closed_no_stream_records_and_another_agent_may(config):
    recorder = Recorder(config)
    recorder.output("door", lambda: None)
    recorder.close()
    with pytest.raises(OutputError, match="the agent ends"):
        recorder.output("door", lambda: None)
    other = Recorder(config)
    other.output("door", lambda: None)
    other.close()


def test_what_is_kept_changes_at_once_and_the_folder_does_not(config, tmp_path):
    recorder = Recorder(config)
    recorder.adjust(config.model_copy(update={"dir": tmp_path / "other"}))
    recorder.output("door", lambda: None)
    recorder.close()
    assert (tmp_path / "video").exists()
    assert not (tmp_path / "other").exists()
