"""A stream's session that is changed while it runs."""

import threading
from pathlib import Path

import pytest
from networks import PLACE, network
from worlds import Thing, World, lumas, until, write_world_bundle

from agent.config.secrets import Secrets
from agent.config.tree import KeepConfig, ModelConfig, RecordConfig, SourceConfig, StreamConfig
from agent.errors import UsageError
from agent.service.latest_frame import Shown
from agent.service.model import Model
from agent.service.recorder import Recorder
from agent.service.stream_session import StreamSession, Surroundings
from agent.service.streams import Streams
from agent.settings import Hiding, Looking
from agent.video.verdicts import Verdicts

pytestmark = pytest.mark.slow

INSIDE = slice(PLACE[1] + 8, PLACE[3] - 8), slice(PLACE[0] + 8, PLACE[2] - 8)


def recorded(tmp_path, segment_s):
    keep = KeepConfig(free=None)
    return RecordConfig(dir=tmp_path / "video", segment_s=segment_s, keep=keep)


@pytest.fixture
def around(tmp_path):
    bundle = write_world_bundle(tmp_path / "world.sfm", network())
    model = Model.load(ModelConfig(bundle=bundle, allow_unsigned=True), None)
    yield Surroundings(model, Recorder(recorded(tmp_path, 2)), Secrets({}, None), 1, Verdicts(None))
    model.pool.close()


@pytest.fixture
def config(tmp_path):
    clip = World(Thing(lambda _: (42, 26), size=(28, 28)), frames=150).write(tmp_path / "clip.mp4")
    source = SourceConfig(url=str(clip), realtime=True)
    return StreamConfig(source=source, hide=Hiding(effect="solid"))


@pytest.fixture
def running(around):
    """Begins a session on a thread, which is over with its test, however that went."""
    begun = []

    def begin(config):
        session = StreamSession("door", config, around)
        thread = threading.Thread(target=session.run)
        begun.append((session, thread))
        thread.start()
        return session, thread

    yield begin
    for session, thread in begun:
        session.cancel()
        thread.join(60)
        assert not thread.is_alive()


def recordings(around, tmp_path):
    around.recorder.close()
    return [lumas(path) for path in sorted((tmp_path / "video" / "door").glob("*.mp4"))]


def hidden_by(config, **hiding):
    return config.model_copy(update={"hide": Hiding(**hiding)})


@pytest.mark.parametrize(
    ("url", "latency", "warned"),
    [
        ("/dev/video97", "normal", True),
        ("/dev/video97", "auto", False),
        ("/dev/video97", "low", False),
        ("clip.mp4", "normal", False),
    ],
)
def test_a_camera_that_is_told_to_wait_for_all_workers_is_warned_of(
    around, tmp_path, caplog, url, latency, warned
):
    config = StreamConfig(
        source=SourceConfig(url=str(tmp_path / url)), look=Looking(latency=latency), paused=True
    )
    streams = Streams(around)
    streams.add("door", config)
    streams.end()
    around.recorder.close()
    assert ("holds a camera's pictures back" in caplog.text) is warned


def test_a_weaker_effect_waits_for_the_next_recording(running, around, config, tmp_path):
    session, thread = running(config)
    until(lambda: session.counts().frames_out > 10)
    session.adjust(hidden_by(config, effect="blur"))
    thread.join(60)
    first, *_, last = recordings(around, tmp_path)
    assert {picture[INSIDE].mean() < 30 for picture in first} == {True}
    assert last[-1][INSIDE].mean() > 60


def test_a_stronger_one_does_not(running, around, config, tmp_path):
    around.recorder.adjust(recorded(tmp_path, 60))  # so that no recording ends meanwhile
    config = hidden_by(config, effect="blur")
    session, thread = running(config)
    until(lambda: session.counts().frames_out > 10)
    session.adjust(hidden_by(config, effect="solid"))
    thread.join(60)
    (only,) = recordings(around, tmp_path)
    assert only[0][INSIDE].mean() > 60
    assert only[-1][INSIDE].mean() < 30


def test_a_class_that_is_no_longer_hidden_is_shown_and_nothing_is_covered_whole(
    running, around, config, tmp_path
):
    session, thread = running(config)
    until(lambda: session.counts().frames_out > 10)
    session.adjust(hidden_by(config, effect="solid", classes=("car",)))
    thread.join(60)
    assert session.counts().whole == {}
    pictures = [picture for file in recordings(around, tmp_path) for picture in file]
    assert len(pictures) == 150
    assert pictures[0][INSIDE].mean() < 30
    assert pictures[-1][INSIDE].mean() > 180


def test_a_class_that_the_bundle_does_not_know_changes_nothing(running, around, config):
    session, thread = running(config)
    with pytest.raises(UsageError, match="dragon"):
        session.adjust(hidden_by(config, classes=("dragon",)))
    session.cancel()
    thread.join(60)
    assert not thread.is_alive()
    around.recorder.close()


def test_what_is_cancelled_keeps_what_it_recorded(running, around, config, tmp_path):
    session, thread = running(config)
    until(lambda: session.counts().frames_out > 30)
    session.cancel()
    thread.join(60)
    assert not thread.is_alive()
    (only,) = recordings(around, tmp_path)
    assert len(only) == session.counts().frames_out


def test_what_waits_for_the_next_recording_is_not_overtaken_by_as_weak_an_effect(
    running, around, config, tmp_path
):
    session, thread = running(config)
    until(lambda: session.counts().frames_out > 10)
    session.adjust(hidden_by(config, effect="blur"))
    session.adjust(hidden_by(config, effect="pixelate"))
    thread.join(60)
    first, *_, last = recordings(around, tmp_path)
    assert {picture[INSIDE].mean() < 30 for picture in first} == {True}
    assert last[-1][INSIDE].mean() > 60


def test_what_waits_for_the_next_recording_begins_with_pictures_of_another_size(
    running, around, config, tmp_path
):
    """A looped file that is replaced; an effect waited, made for the size that was."""
    path = Path(config.source.url)
    thing = Thing(lambda _: (42, 26), size=(28, 28))
    World(thing, frames=50).write(path)
    source = SourceConfig(url=str(path), realtime=True, loop=True)
    config = config.model_copy(update={"source": source})
    session, thread = running(config)
    until(lambda: session.counts().frames_out > 10)
    assert session.latest.shown == Shown((160, 96), 25.0, covered=False)
    session.adjust(hidden_by(config, effect="blur"))
    World(thing, frames=50, size=(176, 96)).write(tmp_path / "wide.mp4").replace(path)
    until(lambda: session.counts().frames_out > 200)
    session.cancel()
    thread.join(60)
    assert "resolution change" not in session.counts().whole
    assert session.latest.shown.size == (176, 96)
    files = recordings(around, tmp_path)
    wide = [pictures for pictures in files if pictures[0].shape == (96, 176)]
    assert len(wide) > 1
    assert sum(map(len, files)) == session.counts().frames_out
