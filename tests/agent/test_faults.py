"""Whatever breaks, nothing shows: judged on every decoded pixel of every output frame."""

import errno
import os
import resource
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import worlds
from worlds import (
    SOLID,
    BlindAt,
    BrokenAt,
    Clumsy,
    Eyes,
    FailingAt,
    FlippingAt,
    HandClock,
    HangingAt,
    InvalidAt,
    NanAt,
    NanScoresAt,
    OutsideAt,
    Thing,
    WeakAt,
    World,
    covered_whole,
    leaks,
    linear,
    lumas,
)

from agent.blur import Watcher, blur
from agent.detect.hang_limit import HANG_WINDOW_S, MAX_HANGS
from agent.detect.pool import DetectorPool
from agent.errors import OutputError, PipelineError
from agent.pipeline.analyst import Analyst
from agent.pipeline.pipeline import Pipeline
from agent.pipeline.rhythm import Rhythm
from agent.pipeline.run_journal import RunJournal
from agent.redact.effect import Effect
from agent.redact.redactor import Redactor
from agent.track.tracker import Tracker

EVERY = 5
LAST = 39
BETWEEN = 4  # frames on each side of a keyframe that need it
GIVEN_UP_S = 2
"""So long a detection may take: far longer than a sound one, also where others have the cores."""


@pytest.fixture(scope="module")
def world():
    """Somebody walks through, and somebody stands."""
    return World(Thing(linear(10, 8, 2)), Thing(linear(60, 60), (24, 30), luma=180))


@pytest.fixture(scope="module")
def clip(world, tmp_path_factory):
    return world.write(tmp_path_factory.mktemp("clip") / "in.mp4")


@pytest.fixture
def bundle(tmp_path):
    return worlds.world_bundle(tmp_path)


@pytest.fixture
def run(clip, bundle, tmp_path):
    """Redact the clip with some detector: the report and the output's pictures."""

    def through(detector, **changes):
        target = tmp_path / "out.mp4"
        settings = SOLID.model_copy(update={"every": EVERY, **changes})
        report = blur(clip, target, bundle, settings, detector=detector)
        assert [path.name for path in tmp_path.glob("*.mp4")] == ["out.mp4"]
        pictures = lumas(target)
        assert len(pictures) == report.frames.read == LAST + 1
        return report, pictures

    return through


def around(keyframe):
    """The frames that can't do without this keyframe."""
    first, last = max(0, keyframe - BETWEEN), min(LAST, keyframe + BETWEEN)
    return list(range(first, last + 1))


def stray_files(folder):
    """What a run left that it should not have: anything but the bundle."""
    return sorted(path.name for path in folder.iterdir() if path.name != "world.sfm")


def test_a_sound_run_hides_things_and_nothing_else(run, world):
    """The measure itself: without it a test below would pass on an all-black output."""
    report, pictures = run(Eyes(world))
    assert leaks(pictures) == {}
    assert covered_whole(pictures) == []
    assert report.whole_frame_covers == {}
    assert max(worlds.over_redaction(world, p, i) for i, p in enumerate(pictures)) < 0.04


def test_without_a_detection_things_would_leak(run, world):
    """The measure itself: a detector that is blind throughout shows every thing."""
    _, pictures = run(BlindAt(world, range(40)))
    assert set(leaks(pictures)) == set(range(40))


@pytest.mark.slow
@pytest.mark.parametrize("keyframe", [0, 20, LAST])
@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (FailingAt, "detector failed"),
        (InvalidAt, "no valid result"),
        (NanAt, "no valid result"),
        (NanScoresAt, "no valid result"),
    ],
)
def test_a_keyframe_without_a_result_covers_its_neighbours_whole(
    run, world, kind, reason, keyframe
):
    report, pictures = run(kind(world, {keyframe}))
    assert leaks(pictures) == {}
    expected = around(keyframe) if keyframe != LAST else list(range(36, 40))
    assert covered_whole(pictures) == expected
    assert report.whole_frame_covers == {reason: len(expected)}


@pytest.mark.slow
@pytest.mark.parametrize("every", [1, 5, "auto"])
def test_a_first_keyframe_without_a_result_covers_what_depends_on_it(run, world, every):
    report, pictures = run(FailingAt(world, {0}), every=every)
    assert leaks(pictures) == {}
    assert covered_whole(pictures)[0] == 0
    assert len(covered_whole(pictures)) < 10
    assert report.frames.written == 40


@pytest.mark.slow
@pytest.mark.parametrize("latency", ["normal", "short", "low"])
@pytest.mark.parametrize("every", [1, 3, "auto"])
@pytest.mark.parametrize("kind", [FailingAt, InvalidAt, NanAt, NanScoresAt])
def test_faults_leak_nothing_in_any_rhythm(run, world, kind, every, latency):
    """Keyframes that happen to fail, whichever they are, leave no frame bare."""
    report, pictures = run(kind(world, range(7, 29)), every=every, latency=latency)
    assert report.whole_frame_covers
    assert set(range(9, 25)) <= set(covered_whole(pictures))
    beginning = range(1, 8) if latency == "low" else ()  # low: speed is not known yet
    assert set(leaks(pictures)) <= set(beginning)


def test_faults_at_every_keyframe_cover_everything(run, world):
    report, pictures = run(FailingAt(world, range(40)))
    assert covered_whole(pictures) == list(range(40))
    assert report.whole_frame_covers == {"detector failed": 40}
    assert report.tracks == ()


@pytest.mark.parametrize("keyframe", [5, 20, 35])
def test_a_track_survives_a_keyframe_that_misses_it(run, world, keyframe):
    report, pictures = run(BlindAt(world, {keyframe}))
    assert leaks(pictures) == {}
    assert len(report.tracks) == 2
    assert report.whole_frame_covers == {}


def test_a_track_survives_two_misses(run, world):
    report, pictures = run(BlindAt(world, {15, 20}))
    assert leaks(pictures) == {}
    assert len(report.tracks) == 2


def test_a_track_survives_three_misses_but_for_a_rim(run, world):
    """Frames wait for two keyframes; what the third would show comes too late."""
    report, pictures = run(BlindAt(world, {15, 20, 25}))
    assert max(leaks(pictures).values()) < 0.1 * 1744
    assert len(report.tracks) == 2


def test_what_is_missed_at_first_or_last_is_still_hidden_up_to_the_next_keyframe(run, world):
    """A birth reaches back to the keyframe before, a death to the keyframe after."""
    _, pictures = run(BlindAt(world, {0, LAST}))
    assert set(leaks(pictures)) <= {0}


@pytest.mark.parametrize("kind", [WeakAt, FlippingAt])
def test_a_detector_that_wavers_does_not_lose_a_track(run, world, kind):
    """A weak score, or another class that nobody asked to hide."""
    report, pictures = run(kind(world, {10, 20, 25, LAST}), classes=("person",))
    assert leaks(pictures) == {}
    assert {track.label for track in report.tracks} == {"person"}
    assert len(report.tracks) == 2


def test_a_weak_score_at_first_is_made_up_for_later(run, world):
    """A new track reaches back over a keyframe that saw it too weakly, and to the one before."""
    _, pictures = run(WeakAt(world, {0, 5}))
    assert leaks(pictures) in ({}, {0: 32})  # a column of pixels, ten pixels from where it was seen


def test_what_nobody_asked_to_hide_stays(run, world):
    report, pictures = run(Eyes(world), classes=("car",))
    assert set(leaks(pictures)) == set(range(40))
    assert report.tracks == ()


@pytest.mark.slow
@pytest.mark.parametrize("every", [1, EVERY, "auto"])
def test_boxes_outside_the_frame_hide_what_is_inside_of_them(run, world, every):
    """They are clipped; they neither crash the run nor uncover anything."""
    _, pictures = run(OutsideAt(world, {10, 15}), every=every)
    assert leaks(pictures) == {}
    assert len(covered_whole(pictures)) <= 15


def test_a_hanging_detection_is_given_up_after_its_time(run, world):
    eyes = HangingAt(world, {20})
    began = time.monotonic()
    report, pictures = run(eyes, detect_timeout_s=10)
    eyes.release()
    assert leaks(pictures) == {}
    assert covered_whole(pictures) == around(20)
    assert report.whole_frame_covers == {"detector timed out": 9}
    assert time.monotonic() - began < 60


@pytest.mark.slow
@pytest.mark.parametrize("every", [1, EVERY, "auto"])
@pytest.mark.parametrize("workers", [1, 2])
def test_a_detector_that_always_hangs_covers_the_rest(run, world, every, workers):
    eyes = HangingAt(world, range(11, 40))
    report, pictures = run(eyes, detect_timeout_s=GIVEN_UP_S, every=every, workers=workers)
    eyes.release()
    assert leaks(pictures) == {}
    assert covered_whole(pictures)[-25:] == list(range(15, 40))
    assert set(report.whole_frame_covers) == {"detector timed out"}


def test_a_hanging_detector_does_not_pile_up_frames(world):
    """Once it is given up, frames that come are not queued for it any more."""
    eyes = HangingAt(world, range(1000))
    pool = DetectorPool(eyes, workers=1, timeout_s=0.05)
    lane = pool.lane("stream")
    for i in range(MAX_HANGS):
        assert lane.wait(lane.submit(world.frame(i))).fault == "detector timed out"
    tickets = [lane.submit(world.frame(i)) for i in range(50)]
    assert {lane.wait(ticket).fault for ticket in tickets} == {"detector timed out"}
    assert all(ticket.frame is None for ticket in tickets[10:])
    eyes.release()
    pool.close()


@pytest.mark.slow
def test_a_process_with_a_hung_detector_ends(clip, tmp_path):
    """Hung workers keep neither the run nor the interpreter alive."""
    script = f"""
import sys
from pathlib import Path
sys.path.insert(0, {str(Path(worlds.__file__).parent)!r})
import worlds
from agent.blur import blur
world = worlds.World()
settings = worlds.SOLID.model_copy(update={{"every": 5, "detect_timeout_s": 0.2}})
folder = Path({str(tmp_path)!r})
blur(Path({str(clip)!r}), folder / "out.mp4", worlds.world_bundle(folder), settings,
     detector=worlds.HangingAt(world, range(40)))
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120, env=child_env())
    assert covered_whole(lumas(tmp_path / "out.mp4")) == list(range(40))


def child_env():
    return os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}


# Redactor and sink, on a pipeline without files.


def pipeline_of(world, redactor, sink, watch=worlds.noop, source=None, journal=None, pool=None):
    pool = pool or DetectorPool(Eyes(world), workers=2, timeout_s=10)
    tracker = Tracker((0,), {0: 0.25})
    journal = RunJournal() if journal is None else journal
    analyst = Analyst(
        pool.lane("stream"),
        tracker,
        Rhythm(EVERY),
        world.size,
        {0: "person"},
        0.005,
        journal.note_keyframe,
    )
    frames = source or world.source()
    return Pipeline(frames, analyst, redactor.redact, sink, journal, watch), pool


def threads_of(pipeline_run):
    """Run, and the stages that are still alive afterwards."""
    before = set(threading.enumerate())
    with pytest.raises(Exception) as caught:  # noqa: PT011 - tests look at it
        pipeline_run()
    stages = {"decode", "analyse", "redact", "encode"}
    left = [t.name for t in set(threading.enumerate()) - before if t.name in stages]
    return caught.value, left


class HangingInItsOwnTime(HangingAt):
    """Time passes by its hanging and by nothing else, so that no other detection is too slow."""

    TIMEOUT_S = 0.1

    def __init__(self, world, at):
        super().__init__(world, at)
        self.clock = HandClock()

    def oddly(self, seen):
        self.clock.turn(self.TIMEOUT_S)
        return super().oddly(seen)


def hung_run(world, at, source=None):
    """A run whose detector hangs at some frames: what was shown, and why frames were covered."""
    eyes, sink, journal = HangingInItsOwnTime(world, at), worlds.Gallery(), RunJournal()
    pool = DetectorPool(eyes, 1, eyes.TIMEOUT_S, eyes.clock)
    redactor = Redactor(world.size, Effect("solid"))
    frames = None if source is None else source(eyes.clock)
    pipeline, _ = pipeline_of(world, redactor, sink, source=frames, pool=pool, journal=journal)
    pipeline.run()
    eyes.release()
    pool.close()
    return [frame.planes[0] for frame in sink.shown], journal.whole_reasons()


def test_fewer_hangs_than_the_limit_cover_their_own_surroundings_alone(world):
    hung = 10, 25
    assert len(hung) < MAX_HANGS
    shown, reasons = hung_run(world, hung)
    assert leaks(shown) == {}
    assert covered_whole(shown) == around(10) + around(25)
    assert reasons == {"detector timed out": 18}


def test_a_run_whose_detector_hung_too_often_detects_again_after_the_window():
    world = World(Thing(linear(60, 60), (24, 30)), frames=90)

    def source(clock):
        for i in range(90):
            if i == 60:  # the hangs are long past, and nothing is being detected
                clock.turn(HANG_WINDOW_S)
            yield world.frame(i)

    shown, reasons = hung_run(world, (10, 15, 20), source)
    covered = covered_whole(shown)
    assert leaks(shown) == {}
    assert len(shown) == 90
    assert set(range(6, 55)) <= set(covered) <= set(range(6, 60))
    assert reasons == {"detector timed out": len(covered)}


def test_a_redactor_that_stumbles_covers_the_frame_whole(world):
    sink, journal = worlds.Gallery(), RunJournal()
    pipeline, pool = pipeline_of(world, Clumsy(world.size, {7, 20}), sink, journal=journal)
    pipeline.run()
    pool.close()
    shown = [frame.planes[0] for frame in sink.shown]
    assert len(shown) == 40
    assert leaks(shown) == {}
    assert covered_whole(shown) == [7, 20]
    assert journal.whole_reasons() == {"redaction failed": 2}


def test_a_redactor_that_can_not_even_cover_ends_the_run(world):
    sink = worlds.Gallery()
    pipeline, pool = pipeline_of(world, Clumsy(world.size, {7}, always=True), sink)
    error, left = threads_of(pipeline.run)
    pool.close()
    assert isinstance(error, PipelineError)
    assert "frame 7" in str(error)
    assert left == []
    assert [frame.index for frame in sink.shown] == list(range(len(sink.shown)))
    assert len(sink.shown) <= 7


@pytest.mark.parametrize("index", [0, 1, 17, LAST])
def test_a_sink_that_fails_stops_all_the_others(world, index):
    error = OutputError("out.mp4: can't be written (No space left on device)")
    sink = BrokenAt(index, error)
    pipeline, pool = pipeline_of(world, Redactor(world.size, Effect("solid")), sink)
    caught, left = threads_of(pipeline.run)
    pool.close()
    assert caught is error
    assert left == []
    assert len(sink.shown) == index


class JammedWhilePaused(worlds.Gallery):
    """A sink that fails when nothing moves any more."""

    pipeline = None

    def write(self, frame):
        self.pipeline.pause()
        time.sleep(0.2)  # the decoder comes to wait for `resume`, which nobody will call
        raise OutputError(f"jammed at frame {frame.index}")


def test_a_sink_that_fails_while_paused_ends_the_run(world):
    def slowly():
        for i in range(40):
            time.sleep(0.005)
            yield world.frame(i)

    sink = JammedWhilePaused()
    redactor = Redactor(world.size, Effect("solid"))
    pipeline, pool = pipeline_of(world, redactor, sink, source=slowly())
    sink.pipeline = pipeline
    runner = threading.Thread(target=threads_of, args=(pipeline.run,), daemon=True)
    runner.start()
    runner.join(60)
    assert not runner.is_alive()
    pool.close()


def test_a_watcher_that_fails_ends_the_run_and_leaves_nothing(world, clip, bundle, tmp_path):
    class Careless(Watcher):
        def wrote(self, frame, _cover):
            if frame.index == 10:
                raise ValueError("dropped the pen")

    with pytest.raises(ValueError, match="pen"):
        blur(clip, tmp_path / "o.mp4", bundle, SOLID, detector=Eyes(world), watcher=Careless())
    assert stray_files(tmp_path) == []


def test_a_source_that_fails_ends_the_run(world):
    def source():
        yield from (world.frame(i) for i in range(12))
        raise OSError(errno.EIO, "the card was pulled")

    sink = worlds.Gallery()
    redactor = Redactor(world.size, Effect("solid"))
    pipeline, pool = pipeline_of(world, redactor, sink, source=source())
    error, left = threads_of(pipeline.run)
    pool.close()
    assert isinstance(error, OSError)
    assert left == []


# Files.


@pytest.mark.slow
@pytest.mark.parametrize("eighth", range(1, 7))
def test_garbage_in_mid_file_loses_frames_and_shows_no_thing(world, clip, bundle, tmp_path, eighth):
    """Until the next whole picture the decoder predicts from what is lost: nobody knows what."""
    damaged = tmp_path / "damaged.mp4"
    data = bytearray(clip.read_bytes())
    start = data.index(b"mdat")
    middle = start + (len(data) - start) * eighth // 8
    data[middle : middle + 700] = bytes(i * 37 % 256 for i in range(700))
    damaged.write_bytes(data)
    target = tmp_path / "out.mp4"
    report = blur(damaged, target, bundle, SOLID, detector=Eyes(world))
    pictures = lumas(target)
    assert len(pictures) == report.frames.written == report.frames.read
    assert report.frames.damaged > 0
    assert report.whole_frame_covers["damaged stream"] > 0
    assert 10 < len(pictures) < 40
    assert leaks(pictures) == {}


@pytest.fixture(scope="module")
def whole_bytes(clip, tmp_path_factory):
    """How large the output is where there is room for it."""
    folder = tmp_path_factory.mktemp("whole")
    world = World(Thing(linear(10, 8, 2)))
    blur(clip, folder / "out.mp4", worlds.world_bundle(folder), SOLID, detector=Eyes(world))
    return (folder / "out.mp4").stat().st_size


@pytest.mark.slow
@pytest.mark.parametrize("room", [0, 0.02, 0.5, 0.95])
def test_a_full_disk_leaves_nothing(clip, tmp_path, whole_bytes, room):
    """A limit on the size of files is a full disk that needs no root."""
    limit_bytes = int(whole_bytes * room)
    script = f"""
import sys
from pathlib import Path
sys.path.insert(0, {str(Path(worlds.__file__).parent)!r})
import worlds
from agent.blur import blur
from agent.errors import OutputError
from models.bundle import Bundle
folder = Path({str(tmp_path)!r})
try:
    blur(Path({str(clip)!r}), folder / "out.mp4",
         Bundle.open(folder / "world.sfm", allow_unsigned=True), worlds.SOLID,
         detector=worlds.Eyes(worlds.World(worlds.Thing(worlds.linear(10, 8, 2)))))
except OutputError as error:
    print(error)
else:
    print("no error")
"""
    worlds.write_world_bundle(tmp_path / "world.sfm")
    done = subprocess.run(
        [sys.executable, "-c", script],
        check=True,
        timeout=120,
        env=child_env() | {"PYTHONDONTWRITEBYTECODE": "1"},  # Python would keep what was cut off
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes)),
    )
    assert done.stdout.count("\n") == 1
    assert "can't be written" in done.stdout
    assert stray_files(tmp_path) == []


def test_an_output_that_was_there_survives_a_run_that_fails(clip, bundle, tmp_path):
    target = tmp_path / "out.mp4"
    target.write_bytes(b"yesterday's")
    with pytest.raises(OutputError):
        blur(
            clip,
            target,
            bundle,
            SOLID.model_copy(update={"preset": "nonsense"}),
            detector=Eyes(World()),
        )
    assert target.read_bytes() == b"yesterday's"
    assert stray_files(tmp_path) == ["out.mp4"]
