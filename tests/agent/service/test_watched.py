"""A session that somebody watches: what they see, and what they may do with its file."""

import json
import threading
from itertools import pairwise

import av
import numpy as np
import pytest
from networks import PLACE, network
from picture_number import read_number, stamped
from watching import Watching
from worlds import BLACK, Thing, World, lumas, until, write_world_bundle

from agent.config.secrets import Secrets
from agent.config.tree import (
    KeepConfig,
    ModelConfig,
    RecordConfig,
    SinkConfig,
    SourceConfig,
    StreamConfig,
)
from agent.live.controls import CameraControls, FileControls, NoControls
from agent.live.show import Pause, Resume, Seek, Step
from agent.live.views import Views
from agent.service.model import Model
from agent.service.recorder import Recorder
from agent.service.stream_session import StreamSession, Surroundings
from agent.settings import Hiding, Looking
from agent.video.playback import Playback
from agent.video.verdicts import Verdicts

pytestmark = pytest.mark.slow

INSIDE = slice(2 * PLACE[1] + 12, 2 * PLACE[3] - 12), slice(2 * PLACE[0] + 12, 2 * PLACE[2] - 12)
FRAMES, RATE = 200, 25


class Numbered(World):
    """Each picture says which one it is."""

    def luma(self, i):
        return stamped(super().luma(i), i)


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """Eight seconds in which something bright stands where the network sees a person."""
    thing = Thing(lambda _: (2 * PLACE[0] + 2, 2 * PLACE[1] + 2), size=(60, 60))
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    return Numbered(thing, frames=FRAMES, size=(320, 192)).write(path)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    bundle = write_world_bundle(tmp_path_factory.mktemp("model") / "world.sfm", network())
    model = Model.load(ModelConfig(bundle=bundle, allow_unsigned=True), None)
    yield model
    model.pool.close()


class Playing:
    """A session on a thread, and somebody who watches it."""

    def __init__(self, clip, model, folder, *, record=False, rests=False):
        self.playback = Playback()
        self.views = Views(playbacks={"door": self.playback})
        self.view = self.views.view("door")
        self.view.rests = rests
        keep = KeepConfig(free=None)
        self.recorder = Recorder(RecordConfig(dir=folder / "video", segment_s=3, keep=keep))
        config = StreamConfig(
            source=SourceConfig(url=str(clip), realtime=True),
            sink=SinkConfig(record=record),
            hide=Hiding(effect="solid"),
            look=Looking(every=3),
        )
        secrets, verdicts = Secrets({}, None), Verdicts(None)
        around = Surroundings(model, self.recorder, secrets, 1, verdicts, self.views)
        self.watching = Watching(self.view.fanout)
        self.session = StreamSession("door", config, around)
        self.controls = FileControls(self.playback, self.view, lambda: FRAMES / RATE)
        self._thread = threading.Thread(target=self.session.run)

    def __enter__(self):
        self._thread.start()
        until(lambda: len(self.watching.packets) > 5)
        return self

    def __exit__(self, *_):
        self.playback.resume()
        self.session.cancel()
        self._thread.join(60)
        self.recorder.close()
        assert not self._thread.is_alive()

    def numbers(self):
        """Of all pictures that came; None for what was covered whole. Nothing shows the thing."""
        pictures = self.watching.lumas()
        assert all(picture[INSIDE].mean() < 40 for picture in pictures)
        return [None if picture.max() < BLACK else read_number(picture) for picture in pictures]

    def shown(self, beyond):
        """Wait for a picture to come out with such a number or a later one."""
        until(lambda: any(number and number >= beyond for number in self.numbers()))


@pytest.fixture
def playing(clip, model, tmp_path):
    with Playing(clip, model, tmp_path) as playing:
        yield playing


def test_after_a_seek_was_answered_nothing_of_before_is_shown(playing):
    assert playing.controls.do(Seek(6.0)) is None
    answered = len(playing.numbers())
    playing.shown(160)
    assert playing.controls.do(Seek(2.0)) is None
    again = len(playing.numbers())
    until(lambda: len(playing.watching.packets) > again + 10)
    numbers = playing.numbers()
    sought = [number for number in numbers[answered - 1 :] if number is not None]
    is_second = [number < 150 for number in sought]
    assert is_second == sorted(is_second)
    assert min(sought) == 50
    assert all(number < 150 for number in numbers[again - 1 :] if number is not None)
    assert 150 in numbers
    assert 50 in numbers
    assert all(a < b for a, b in pairwise(playing.watching.times))
    assert playing.controls.position_s(playing.view.at_s) == pytest.approx(
        max(filter(None, playing.numbers()[again:])) / RATE, abs=1
    )


def test_what_is_paused_stands_still_and_steps_picture_by_picture(playing):
    assert playing.controls.do(Step()) == "pause first: a step is one frame further"
    assert playing.controls.do(Pause()) is None
    assert playing.controls.do(Seek(3.0)) is None
    for number in (76, 77, 78):
        assert playing.controls.do(Step()) is None
        playing.shown(number)
    assert playing.controls.paused
    assert [number for number in playing.numbers() if number][-4:] == [75, 76, 77, 78]
    assert playing.controls.do(Resume()) is None
    playing.shown(85)
    assert playing.controls.do(Seek(9.0)) == "the file ends after 8.0 s"


def test_two_seeks_at_once_are_answered_each_and_the_last_one_counts(playing):
    playing.controls.do(Pause())
    answers = []
    seeks = [
        threading.Thread(target=lambda to_s=to_s: answers.append(playing.controls.do(Seek(to_s))))
        for to_s in (4.0, 5.0)
    ]
    for each in seeks:
        each.start()
    for each in seeks:
        each.join(60)
    assert answers == [None, None]
    until(lambda: playing.numbers()[-1] in (100, 125))


def test_what_is_watched_is_recorded_as_well(clip, model, tmp_path):
    with Playing(clip, model, tmp_path, record=True) as playing:
        late = Watching(playing.view.fanout)
        until(lambda: len(late.packets) > 10)
        until(lambda: [*(tmp_path / "video" / "door").glob("[!.]*.mp4")])  # one is whole
    assert late.packets[0][0].is_key
    files = sorted((tmp_path / "video" / "door").glob("*.mp4"))
    pictures = [picture for file in files for picture in lumas(file)]
    assert len(files) >= 2
    # Where this machine stands still, it is covered meanwhile, and that counts as no frame.
    shown = sum(said["whole"] is None for said in playing.watching.said)
    assert sum(picture.max() >= BLACK for picture in pictures) == shown > 0
    assert all(picture[INSIDE].mean() < 40 for picture in pictures)
    with av.open(str(files[0])) as container:
        times = [frame.time for frame in container.decode(video=0)]
        assert container.duration / av.time_base == pytest.approx(times[-1] + 1 / RATE, abs=0.02)


def test_what_a_paused_camera_sees_is_passed_over(playing):
    """The file stands for one: it goes on meanwhile."""
    controls = CameraControls(playing.session.pause)
    assert controls.do(Step()) == "a camera is not seekable: it can be paused and resumed"
    assert controls.do(Pause()) is None
    passed = set()
    until(lambda: passed.add(playing.session.last_in_s) or len(passed) > 20)
    assert controls.paused
    assert controls.do(Resume()) is None
    numbers = playing.numbers()
    shown = len(numbers)
    until(lambda: len(playing.watching.packets) > shown + 10)
    seen = [number for number in playing.numbers() if number is not None]
    assert max(b - a for a, b in pairwise(seen)) > 15
    assert seen == sorted(seen)


def test_a_session_that_begins_while_it_is_paused_shows_none_of_what_comes_then(
    clip, model, tmp_path
):
    playing = Playing(clip, model, tmp_path, rests=True)
    session = playing.session
    thread = threading.Thread(target=session.run)
    thread.start()
    until(lambda: session.last_in_s is not None)
    began_s = session.last_in_s
    until(lambda: session.last_in_s > began_s + 0.7)
    session.cancel()
    thread.join(60)
    assert len(playing.watching.packets) <= 2  # and the one that it was ended with


def test_who_watches_the_device_s_own_stream_can_not_stop_it():
    controls = NoControls()
    said = {controls.do(each) for each in (Pause(), Resume(), Step(), Seek(1.0))}
    assert said == {"this stream is the device's: who watches it can't stop it"}
    assert not controls.paused
    assert not controls.seekable


def test_what_is_said_of_a_picture_holds_no_path_and_names_what_was_seen(playing):
    until(lambda: any(said["objects"] for said in playing.watching.said))
    text = json.dumps(playing.watching.said)
    assert "/" not in text
    (seen, *_) = next(said["objects"] for said in playing.watching.said if said["objects"])
    assert seen["label"] == "person"
    assert np.all(np.array(seen["box"]) <= 1)
