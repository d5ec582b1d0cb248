"""What an operator may do to a running agent, on real streams."""

import base64
import json
import logging
import threading
from dataclasses import replace

import cv2
import numpy as np
import pytest
from networks import PLACE, network
from updates import Office
from worlds import (
    BLACK,
    CLASSES,
    LEAK,
    HandClock,
    Thing,
    World,
    leaks,
    lumas,
    until,
    write_world_bundle,
)

from agent.config.difference import Difference
from agent.config.secrets import Secrets
from agent.config.tree import (
    AgentConfig,
    KeepConfig,
    ModelConfig,
    RecordConfig,
    SourceConfig,
    StreamConfig,
)
from agent.control.clock import EventClock
from agent.control.ops import (
    LogsArgs,
    Nothing,
    PauseArgs,
    RestartArgs,
    ResumeArgs,
    RollbackArgs,
    SnapshotArgs,
)
from agent.control.refusal import Refusal
from agent.errors import UsageError
from agent.service.courteous import Courteous
from agent.service.errands import Errands
from agent.service.first_model import FirstModel
from agent.service.model import Model
from agent.service.model_host import ModelHost
from agent.service.operations import Operations
from agent.service.override_file import OverrideFile
from agent.service.pauses import Pauses
from agent.service.recent_logs import RecentLogs
from agent.service.recorder import Recorder
from agent.service.stream_operations import StreamOperations
from agent.service.stream_session import Surroundings
from agent.service.streams import Streams
from agent.service.updating import Updating
from agent.settings import Hiding
from agent.update.store import Store
from agent.video.verdicts import Verdicts
from agent.wall_clock import WallClock
from models.bundle import Bundle, write_bundle
from models.errors import ModelError
from models.golden import encode_expected, encode_image
from models.manifest import FileSpec, GoldenSpec
from models.runtime.choose import choose_network
from models.self_test import Tolerances, look

pytestmark = pytest.mark.slow

NOW = 1_800_000_000.0
INSIDE = slice(PLACE[1] + 8, PLACE[3] - 8), slice(PLACE[0] + 8, PLACE[2] - 8)


class Device:
    """An agent without its process: two streams, their operations, and a main thread."""

    def __init__(self, folder, model):
        self.folder, self.model = folder, model
        thing = Thing(lambda _: (PLACE[0] + 2, PLACE[1] + 2), size=(28, 28))
        clip = World(thing, frames=100).write(folder / "clip.mp4")
        source = SourceConfig(url=str(clip), realtime=True, loop=True)
        self.config = StreamConfig(source=source, hide=Hiding(effect="solid"))
        self.unix_s = NOW
        record = RecordConfig(dir=folder / "video", segment_s=60, keep=KeepConfig(free=None))
        self.recorder = Recorder(record)
        self.around = Surroundings(model, self.recorder, Secrets({}, None), 1, Verdicts(None))
        self.streams, self.errands = Streams(self.around), Errands()
        self.pauses = Pauses(OverrideFile(folder), lambda: self.unix_s)
        self.recent = RecentLogs(str)
        clock = WallClock(wall=lambda: self.unix_s, synced=lambda: True)
        operations = StreamOperations(self.streams, self.pauses, self.errands, lambda: self.unix_s)
        self.operations = Operations(
            operations,
            self.errands,
            lambda: self.model,
            self._updating(clock),
            self.recent,
            clock,
            self._check_restart,
            lambda text: text.replace("sesame", "***"),
        )
        self.requests, self.fault = [], None
        self._main = threading.Thread(target=self._attend)

    def _updating(self, clock):
        """What changes models, which nobody has begun."""
        model = ModelConfig(bundle="/world.sfm", allow_unsigned=True)
        config = AgentConfig(model=model, streams={"door": self.config})
        host = ModelHost(
            self.around,
            None,
            self.streams,
            self.errands,
            lambda _: self.model,
            lambda: config,
            dict,
        )
        first = FirstModel(self.model, None, None)
        return Updating(config, Store(self.folder), Office(), host, first, EventClock(clock))

    def _check_restart(self):
        assert threading.current_thread() is self._main
        if self.fault is not None:
            raise self.fault

    def _attend(self):
        """What the main loop of `agent.service.agent` does."""
        while (request := self.errands.next(0.05)) != "stop":
            if request is not None:
                self.requests.append(request)
            self.pauses.tick(self.streams.statuses())
            self.streams.hold(self.pauses.streams)
            for supervisor in self.streams:
                supervisor.tick()

    def __enter__(self):
        self.streams.hold(self.pauses.streams)
        for name in ("door", "yard"):
            self.streams.add(name, self.config)
        self._main.start()
        return self

    def __exit__(self, *_):
        self.errands.put("stop")
        self._main.join(30)
        self.errands.close()
        self.streams.end()
        self.recorder.close()

    def do(self, op, args):
        return self.operations.do(op, args)

    def refused(self, op, args):
        with pytest.raises(Refusal) as refusal:
            self.do(op, args)
        return refusal.value.code

    def status(self, name):
        return self.streams.statuses()[name]

    def runs(self, *names):
        for name in names or ("door", "yard"):
            until(lambda name=name: self.status(name).state == "running")
        return self

    def recordings(self, name):
        return sorted((self.folder / "video" / name).glob("[!.]*.mp4"))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    bundle = write_world_bundle(folder / "world.sfm", network())
    model = Model.load(ModelConfig(bundle=bundle, allow_unsigned=True), None)
    yield model
    model.pool.close()


@pytest.fixture
def device(tmp_path, model):
    with Device(tmp_path, model) as device:
        yield device.runs()


def test_a_snapshot_is_what_is_left_after_redaction(device):
    until(lambda: device.status("door").frames_out > 20)
    said = device.do("snapshot", SnapshotArgs(stream="door", width=640))
    json.dumps(said)
    data = np.frombuffer(base64.b64decode(said["jpeg"]), np.uint8)
    picture = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)
    assert picture.shape == (said["height"], said["width"]) == (96, 160)
    assert picture.max() < LEAK
    assert picture[INSIDE].max() < BLACK
    assert abs(picture[70:, 100:].mean() - 60) < 20
    assert 0 <= said["age_s"] < 5
    assert said["covered"] is None


def test_a_stream_that_shows_nothing_new_has_no_snapshot(device):
    assert device.refused("snapshot", SnapshotArgs(stream="attic")) == "not_found"
    device.do("pause", PauseArgs(stream="door"))
    assert device.refused("snapshot", SnapshotArgs(stream="door")) == "stale"


def test_a_stalled_one_has_no_snapshot_either(device):
    source = device.config.source.model_copy(update={"stall_s": 1e-6})
    stalling = device.config.model_copy(update={"source": source})
    changed = {"door": stalling, "yard": device.config}
    device.errands.do(lambda: device.streams.change(changed, Difference(restarted=("door",))), 30)
    frames = device.status("door").frames_out
    until(lambda: device.status("door").frames_out > frames + 20)
    until(lambda: device.status("door").state == "stalled")
    assert device.refused("snapshot", SnapshotArgs(stream="door")) == "stale"
    until(lambda: device.status("yard").frames_out > 0)
    assert device.do("snapshot", SnapshotArgs(stream="yard"))["jpeg"]


def test_a_pause_closes_the_source_and_ends_the_recording_whole(device):
    until(lambda: device.status("door").frames_out > 20)
    said = device.do("pause", PauseArgs(stream="door"))
    assert said == {"streams": {"door": "paused"}, "until_s": None, "outlives_restart": True}
    written = device.status("door").frames_out
    (recording,) = device.recordings("door")
    pictures = lumas(recording)
    assert len(pictures) == written
    assert not leaks(pictures)
    before = device.status("yard").frames_out
    until(lambda: device.status("yard").frames_out > before + 25)
    assert device.status("door").frames_out == written
    assert device.recordings("yard") == []  # its first one goes on: nobody touched it
    assert device.do("resume", ResumeArgs(stream="door"))["streams"]["door"] != "paused"
    device.runs()
    until(lambda: device.status("door").frames_out > written)


def test_a_pause_survives_a_restart_until_its_time(tmp_path, model):
    with Device(tmp_path, model) as device:
        device.runs().do("pause", PauseArgs(stream="door", until_s=NOW + 60))
    with Device(tmp_path, model) as device:
        device.runs("yard")
        assert device.status("door").state == "paused"
        assert device.status("door").frames_in == 0
        assert [each.stream for each in device.pauses.overrides.to_messages()] == ["door"]
        device.unix_s = NOW + 60
        device.runs("door")
    with Device(tmp_path, model) as device:
        device.runs()


def test_all_streams_can_be_paused_and_resumed_at_once(device):
    assert device.do("pause", PauseArgs())["streams"] == {"door": "paused", "yard": "paused"}
    device.do("resume", ResumeArgs(stream="yard"))
    device.runs("yard")
    assert device.status("door").state == "paused"
    device.do("resume", ResumeArgs())
    device.runs()
    assert device.pauses.streams == set()


def test_what_can_not_be_paused_or_resumed_is_refused(device):
    assert device.refused("pause", PauseArgs(stream="attic")) == "not_found"
    assert device.refused("resume", ResumeArgs(stream="attic")) == "not_found"
    assert device.refused("pause", PauseArgs(until_s=NOW)) == "precondition_failed"
    assert device.pauses.streams == set()


def test_what_the_configuration_pauses_no_command_resumes(device):
    paused = device.config.model_copy(update={"paused": True})
    changed = {"door": paused, "yard": device.config}
    device.errands.do(lambda: device.streams.change(changed, Difference(restarted=("door",))), 30)
    until(lambda: device.status("door").state == "paused")
    assert device.refused("resume", ResumeArgs(stream="door")) == "precondition_failed"
    device.do("pause", PauseArgs())
    assert device.do("resume", ResumeArgs())["streams"]["door"] == "paused"
    device.runs("yard")


def test_a_reload_leaves_a_paused_stream_paused(device):
    device.do("pause", PauseArgs(stream="door"))
    look = device.config.look.model_copy(update={"every": 3, "max_every": 7})
    changed = dict.fromkeys(("door", "yard"), device.config.model_copy(update={"look": look}))
    device.errands.do(
        lambda: device.streams.change(changed, Difference(restarted=("door", "yard"))), 30
    )
    device.runs("yard")
    assert device.status("door").state == "paused"


def test_a_stream_begins_anew_and_no_other(device):
    door, yard = (device.streams.supervisor(name).session for name in ("door", "yard"))
    device.do("restart", RestartArgs(stream="door"))
    assert device.streams.supervisor("door").session is not door
    device.runs()
    assert device.streams.supervisor("yard").session is yard
    assert device.refused("restart", RestartArgs(stream="attic")) == "not_found"
    device.do("pause", PauseArgs(stream="door"))
    assert device.refused("restart", RestartArgs(stream="door")) == "precondition_failed"


def test_the_whole_agent_is_asked_to_begin_anew(device):
    assert device.do("restart", RestartArgs()) is None
    until(lambda: device.requests == ["restart"])


@pytest.mark.parametrize("fault", [UsageError("a.yaml:1: sesame\na.yaml:2: b"), ModelError("no")])
def test_an_agent_that_would_not_start_again_goes_on(device, fault):
    device.fault = fault
    with pytest.raises(Refusal) as refusal:
        device.do("restart", RestartArgs())
    assert refusal.value.code == "precondition_failed"
    assert "sesame" not in refusal.value.message
    assert "\n" not in refusal.value.message
    assert device.errands.do(lambda: device.requests, 30) == []


def test_what_was_done_before_a_kill_is_known_by_its_traces(device):
    until_s = NOW + 60
    device.do("pause", PauseArgs(stream="door", until_s=until_s))
    was_done = device.operations.was_done
    done = was_done("pause", PauseArgs(stream="door", until_s=until_s))
    assert done == {"streams": {"door": "paused"}, "until_s": until_s, "outlives_restart": True}
    for other in (PauseArgs(stream="door"), PauseArgs(stream="yard"), PauseArgs(until_s=until_s)):
        assert was_done("pause", other) is None
    assert was_done("resume", ResumeArgs(stream="door")) is None
    assert was_done("resume", ResumeArgs()) is None
    assert was_done("resume", ResumeArgs(stream="yard"))["streams"] == {"yard": "running"}
    assert was_done("resume", ResumeArgs(stream="attic")) is None
    assert was_done("restart", RestartArgs())["version"]
    assert was_done("restart", RestartArgs(stream="yard"))["streams"] == {"yard": "running"}
    assert was_done("restart", RestartArgs(stream="attic")) is None
    for op, args in (("snapshot", SnapshotArgs(stream="door")), ("self_test", Nothing())):
        assert was_done(op, args) is None


def test_a_ping_says_what_runs_and_what_time_it_is(device):
    said = device.do("ping", Nothing())
    assert said["model"] == "world v1"
    assert (said["ts"], said["clock_synced"]) == (NOW, True)
    assert said["uptime_s"] >= 0


def test_logs_are_the_last_lines(device):
    for i in range(5):
        device.recent.handle(logging.LogRecord("a", logging.INFO, "f", 1, "line %d", (i,), None))
    said = device.do("logs", LogsArgs(lines=2))
    assert [line["text"] for line in said["lines"]] == ["line 3", "line 4"]
    assert not said["shortened"]
    json.dumps(said)


def test_there_is_no_model_to_go_back_to(device):
    assert device.refused("rollback", RollbackArgs()) == "precondition_failed"


def test_a_bundle_without_golden_frames_can_not_be_tested(device):
    assert device.refused("self_test", Nothing()) == "precondition_failed"


def golden_bundle(folder, place=PLACE):
    """A bundle that expects a person at a place, which its network is asked for."""
    plain = Bundle.open(write_world_bundle(folder / "plain.sfm", network()), allow_unsigned=True)
    image = np.repeat(World().luma(0)[..., None], 3, axis=2)
    seen = look(image, plain.manifest, choose_network(plain).network)
    expected = replace(seen, boxes=seen.boxes + np.float32(place[0] - PLACE[0]))
    files = {
        "golden/0.png": encode_image(image),
        "golden/0.json": encode_expected(expected, {i: c.name for i, c in enumerate(CLASSES)}),
    }
    specs = {path.rpartition(".")[2]: FileSpec.of(path, data) for path, data in files.items()}
    golden = GoldenSpec(image=specs["png"], expected=specs["json"])
    tolerances = Tolerances(box_px=2.0, score=0.05, mask_iou=0.5).to_manifest()
    manifest = plain.manifest.model_copy(update={"golden": tolerances, "golden_files": (golden,)})
    path = folder / "golden.sfm"
    write_bundle(path, manifest, {"fp32": network()}, None, files)
    return Bundle.open(path, allow_unsigned=True)


def test_the_network_is_tested_while_it_runs(device, tmp_path):
    device.model = replace(device.model, bundle=golden_bundle(tmp_path))
    said = device.do("self_test", Nothing())
    assert said["ok"]
    assert 0 <= said["share"] <= 1
    device.runs()


@pytest.mark.parametrize(("shift", "share"), [(3, 1.5), (40, None)])
def test_a_network_that_sees_other_things_is_found_out(device, tmp_path, shift, share):
    place = (PLACE[0] + shift, *PLACE[1:])
    device.model = replace(device.model, bundle=golden_bundle(tmp_path, place))
    said = device.do("self_test", Nothing())
    assert (said["ok"], said["share"]) == (False, share and pytest.approx(share, 0.01))
    assert "golden frame 1" in said["line"]
    json.dumps(said, allow_nan=False)


def test_a_self_test_leaves_streams_half_of_a_workers_time():
    clock, rests = HandClock(), []

    class Slow:
        def run(self, batch):
            clock.turn(0.25 * batch)
            return batch

    network = Courteous(Slow(), clock, rests.append)
    assert [network.run(batch) for batch in (1, 2)] == [1, 2]
    assert rests == [0.25, 0.5]


def test_what_the_control_plane_does_itself_is_not_done_here(device):
    assert device.refused("refresh", Nothing()) == "unknown_op"
