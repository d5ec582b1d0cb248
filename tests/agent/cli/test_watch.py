"""What a person sees of a run: the pictures, and what becomes of them when things go wrong."""

import shutil
from dataclasses import replace
from fractions import Fraction

import cv2
import pytest
import worlds
from worlds import SOLID, Eyes, Thing, World, leaks, linear, lumas

from agent.blur import blur
from agent.cli.watch import TerminalWatcher
from agent.errors import OutputError, UsageError
from agent.run_report import RepairsPart


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    return folder


@pytest.fixture
def run(tmp_path):
    """Redact a clip under a watcher's eyes: the watcher and the report."""

    def watched(watcher, frames=40):
        world = World(Thing(linear(10, 30, 2)), frames=frames)
        bundle = worlds.world_bundle(tmp_path)
        source, target = world.write(tmp_path / "in.mp4"), tmp_path / "out.mp4"
        return blur(source, target, bundle, SOLID, watcher=watcher, detector=Eyes(world))

    return watched


def watcher_of(folder, kind=TerminalWatcher, **paths):
    paths = {"timeline": folder / "t.png", "contact_sheet": folder / "s.png"} | paths
    return kind(SOLID, **paths)


@pytest.mark.slow
def test_both_pictures_are_drawn_once_the_video_is_whole(run, pictures, capsys):
    watcher = watcher_of(pictures)
    report = run(watcher)
    assert list(pictures.iterdir()) == []
    watcher.sum_up(report)
    assert cv2.imread(str(pictures / "t.png")).shape[1] == 1600
    assert cv2.imread(str(pictures / "s.png")).shape[1] > 1600
    assert {p.name for p in pictures.iterdir()} == {"t.png", "s.png"}
    assert "40 frames" in capsys.readouterr().err


def test_nothing_is_drawn_that_nobody_asked_for(run, pictures):
    watcher = watcher_of(pictures, timeline=None, contact_sheet=None)
    watcher.sum_up(run(watcher))
    assert list(pictures.iterdir()) == []


def test_what_was_done_to_pictures_is_said_and_counted(run, pictures, capsys):
    watcher = watcher_of(pictures, timeline=None, contact_sheet=None)
    report = run(watcher)
    capsys.readouterr()
    watcher.sum_up(report)
    said = capsys.readouterr().err
    assert "deinterlaced" not in said
    assert "another size" not in said
    frames = report.frames.model_copy(update={"deinterlaced": 38, "resized": 1})
    watcher.sum_up(report.model_copy(update={"frames": frames}))
    said = capsys.readouterr().err
    assert "note: 38 interlaced pictures deinterlaced\n" in said
    assert "note: 1 picture of another size or shape scaled to 160x96\n" in said


def test_what_was_amiss_is_said_line_by_line(run, pictures, capsys):
    watcher = watcher_of(pictures, timeline=None, contact_sheet=None)
    report = run(watcher, frames=2)
    watcher.sum_up(report)
    assert "left out" not in capsys.readouterr().err
    repairs = RepairsPart(pictures=1, sound=2, sound_lost=3, jumps=1)
    names = ("video stream 2 (320x240 h264)", "1 chapter")
    watcher.sum_up(report.model_copy(update={"left_out": names, "repairs": repairs}))
    said = capsys.readouterr().err.splitlines()
    times = "got new times, because their own were missing or fell back"
    assert said[1:7] == [
        "sfumato: left out: video stream 2 (320x240 h264)",
        "sfumato: left out: 1 chapter",
        "sfumato: warning: what was joined goes on without a gap: its clock had 1 jump",
        f"sfumato: warning: 1 frame {times}",
        f"sfumato: warning: 2 sound packets {times}",
        "sfumato: warning: left out, being damaged: 3 sound packets",
    ]


class Impatient(TerminalWatcher):
    """Cancels when some frames were written."""

    frames = 0

    def wrote(self, frame, cover):
        super().wrote(frame, cover)
        self.frames += 1
        if self.frames == 6:
            self.cancel()


@pytest.mark.slow
def test_a_run_that_was_cancelled_is_drawn_too(run, pictures, capsys):
    watcher = watcher_of(pictures, Impatient)
    report = run(watcher, frames=200)
    assert not report.complete
    watcher.sum_up(report)
    assert {p.name for p in pictures.iterdir()} == {"t.png", "s.png"}
    assert "stopped early" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["timeline", "contact_sheet"])
@pytest.mark.parametrize(
    ("place", "error", "message"),
    [
        ("no/x.png", OutputError, "no: no such folder to write to"),
        ("x.mp4", UsageError, r"x\.mp4: the picture is a PNG"),
        ("folder.png", OutputError, r"folder\.png is a folder"),
    ],
)
def test_a_path_that_cannot_go_well_is_refused_before_the_run(
    pictures, option, place, error, message
):
    (pictures / "folder.png").mkdir()
    with pytest.raises(error, match=message):
        watcher_of(pictures, **{option: pictures / place})


def test_two_pictures_of_one_name_are_refused(pictures):
    with pytest.raises(UsageError, match="one picture would overwrite the other"):
        watcher_of(pictures, contact_sheet=pictures / "t.png")


@pytest.mark.slow
def test_a_picture_that_cannot_be_written_leaves_the_video_and_the_other(
    run, pictures, tmp_path, capsys
):
    gone = tmp_path / "gone"
    gone.mkdir()
    watcher = watcher_of(pictures, timeline=gone / "t.png")
    report = run(watcher)
    shutil.rmtree(gone)
    with pytest.raises(OutputError, match=r"t\.png: can't be written \(No such file"):
        watcher.sum_up(report)
    assert "40 frames" in capsys.readouterr().err
    assert (pictures / "s.png").exists()
    assert len(lumas(tmp_path / "out.mp4")) == 40


class Flat(TerminalWatcher):
    """Is told that pixels have no width, so that no thumbnail can be made."""

    def started(self, info, pipeline, journal):
        super().started(replace(info, sample_aspect_ratio=Fraction(0)), pipeline, journal)


@pytest.mark.slow
def test_a_sheet_that_fails_while_frames_pass_costs_no_frame(run, pictures, tmp_path):
    watcher = watcher_of(pictures, Flat)
    report = run(watcher)
    with pytest.raises(OutputError, match=r"s\.png: could not be drawn \(.*division by zero\)"):
        watcher.sum_up(report)
    assert (pictures / "t.png").exists()
    written = lumas(tmp_path / "out.mp4")
    assert len(written) == 40
    assert leaks(written) == {}
