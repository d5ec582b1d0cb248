"""The folder of recordings: names, left-overs, limits, and whose it is."""

import shutil
import subprocess
import sys
import threading
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import pytest
from machine_clock import MachineClock
from recording import INFO, leftovers, numbered

from agent.errors import OutputError
from agent.video.encoder import VideoEncoder
from agent.video.encoding_sink import EncodingSink
from agent.video.recording_name import RecordingName
from agent.video.recordings import Recordings
from agent.video.retention import Keep

NOW_S = 1_796_028_638
"""2026-11-30 08:50:38 UTC."""
PATHS = [str(Path(__file__).parents[2] / name) for name in ("world", "agent", "..")]
"""Where a process of its own finds the tests' modules, and the agent."""
CAMERA = replace(INFO, time_base=Fraction(1, 90_000), duration_s=None)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "video"


@pytest.fixture
def open_folder(folder):
    """Opens it as an agent would; the one before must have ended."""
    opened = []

    def open_it(machine, keep=None):
        for before in opened:
            before.close()
        opened.append(Recordings(folder, keep or Keep(), machine.clock()))
        return opened[-1]

    yield open_it
    for before in opened:
        before.close()


def record(recordings, stream="door", *, machine=None, seconds=1, segment_s=60, ends=True):
    """Record pictures of half of a camera's rate; time passes as they come."""
    output = recordings.output(stream, segment_s, lambda: None)
    encoder = VideoEncoder(CAMERA, clock=output.clock(CAMERA), gop_s=2)
    sink = EncodingSink(encoder, output)
    for n in range(round(seconds * 12.5)):
        if machine is not None:
            machine.turn(1 / 12.5)
        sink.write(numbered(n, n * 7200, CAMERA))
    if ends:
        sink.finish()
    return sink


def go_on(sink):
    for n in range(13, 100):
        sink.write(numbered(n, n * 7200, CAMERA))


def names(folder, stream="door"):
    return sorted(leftovers(folder / stream), key=lambda name: name.removesuffix(".part")[-10:])


def frames_in(path):
    with av.open(f"file:{path}") as container:
        return sum(1 for _ in container.decode(video=0))


def test_recordings_are_numbered_over_all_streams_and_runs(folder, open_folder):
    machine = MachineClock(NOW_S)
    recordings = open_folder(machine)
    record(recordings)
    record(recordings, "yard")
    machine.turn(3600)
    machine.wall_s -= 7200
    record(open_folder(machine))
    assert names(folder) == ["2026-11-30T08-50-38Z_000001.mp4", "2026-11-30T07-50-38Z_000003.mp4"]
    assert names(folder, "yard") == ["2026-11-30T08-50-38Z_000002.mp4"]


def test_segments_of_a_stream_follow_each_other(folder, open_folder):
    machine = MachineClock(NOW_S)
    record(open_folder(machine), machine=machine, seconds=7, segment_s=2)
    assert [name[-12:] for name in names(folder)] == [f"Z_{n:06}.mp4" for n in (1, 2, 3, 4)]
    times = [int(name[17:19]) for name in names(folder)]
    assert [at - times[0] for at in times] in ([0, 2, 4, 5], [0, 2, 4, 6])


UNKNOWN = "1970-01-01T00-00-00Z~aaaaaaaa.0_000001.mp4"


def test_before_the_time_is_known_a_name_says_since_when_the_machine_runs(folder, open_folder):
    machine = MachineClock(0, synced=False, boot_id="a" * 32)
    record(open_folder(machine))
    assert names(folder) == [UNKNOWN]


def test_once_the_time_is_known_names_of_this_boot_are_true(folder, open_folder):
    """The clock is right 100 s after the boot; the second recording was 40 s after it."""
    machine = MachineClock(0, synced=False, boot_id="a" * 32)
    recordings = open_folder(machine)
    record(recordings)
    machine.turn(40)
    record(open_folder(machine))
    machine.turn(60)
    machine.wall_s, machine.synced = NOW_S + 100, True
    record(recordings := open_folder(machine))
    assert names(folder) == [
        "2026-11-30T08-50-38Z_000001.mp4",
        "2026-11-30T08-51-18Z_000002.mp4",
        "2026-11-30T08-52-18Z_000003.mp4",
    ]
    assert recordings.size_bytes == sum(p.stat().st_size for p in (folder / "door").iterdir())


def test_a_time_that_becomes_known_while_it_is_recorded_is_in_the_name(folder, open_folder):
    machine = MachineClock(0, synced=False, boot_id="a" * 32)
    recordings = open_folder(machine)
    sink = record(recordings, seconds=3, ends=False)
    machine.turn(3)
    machine.wall_s, machine.synced = NOW_S + 3, True
    sink.finish()
    assert names(folder) == ["2026-11-30T08-50-38Z_000001.mp4"]


def test_the_time_of_another_boot_stays_unknown(folder, open_folder):
    record(open_folder(MachineClock(0, synced=False, boot_id="a" * 32)))
    record(open_folder(MachineClock(NOW_S, boot_id="b" * 32)))
    assert names(folder) == [UNKNOWN, "2026-11-30T08-50-38Z_000002.mp4"]


def killed(folder, open_folder, machine, seconds=4):
    """A folder as a killed agent leaves it."""
    record(open_folder(machine), seconds=seconds, ends=False)
    [part] = [name for name in names(folder) if name.endswith(".part")]
    left = (folder / "door" / part).read_bytes()

    def leave(data=left):
        shutil.rmtree(folder / "door")
        (folder / "door").mkdir()
        (folder / "door" / part).write_bytes(data)

    leave()
    return leave


def test_what_a_killed_agent_left_has_its_name_after_the_next_start(folder, open_folder):
    machine = MachineClock(NOW_S)
    killed(folder, open_folder, machine)
    open_folder(machine)
    [name] = names(folder)
    assert name == "2026-11-30T08-50-38Z_000001.mp4"
    assert frames_in(folder / "door" / name) >= 37
    record(open_folder(machine))
    assert [name[-10:] for name in names(folder)] == ["000001.mp4", "000002.mp4"]


def test_a_left_over_of_this_boot_gets_its_true_time(folder, open_folder):
    machine = MachineClock(0, synced=False, boot_id="a" * 32)
    killed(folder, open_folder, machine)
    machine.turn(100)
    machine.wall_s, machine.synced = NOW_S + 100, True
    open_folder(machine)
    assert names(folder) == ["2026-11-30T08-50-38Z_000001.mp4"]


def test_a_left_over_without_a_fragment_is_deleted_and_its_number_may_come_again(
    folder, open_folder
):
    machine = MachineClock(NOW_S)
    leave = killed(folder, open_folder, machine)
    leave(b"")
    open_folder(machine)
    assert names(folder) == []


STRANGERS = (
    *("holiday.mp4", "2026-11-30T08-50-38Z_1.mp4", "2026-11-30T08-50-38Z_000001.mp4.bak"),
    *(".2026-11-30T08-50-38Z_000001.mp4.partial", ".hidden", "2026-13-30T08-50-38Z_000001.mp4"),
)


def test_what_is_no_recording_is_never_counted_renamed_or_deleted(folder, open_folder):
    machine = MachineClock(NOW_S)
    (folder / "door").mkdir(parents=True)
    for name in STRANGERS:
        (folder / "door" / name).write_bytes(b"x" * 1000)
    (folder / "2026-11-30T08-50-38Z_000077.mp4").write_bytes(b"in no stream's folder")
    (folder / "door" / "2026-11-30T08-50-38Z_000078.mp4").mkdir()
    (folder / "door" / "2026-11-30T08-50-38Z_000079.mp4").symlink_to(__file__)
    (folder / "door" / ".2026-11-30T08-50-38Z_000080.mp4.part").symlink_to(__file__)
    before = leftovers(folder), leftovers(folder / "door")
    recordings = open_folder(machine, Keep(bytes=0, days=0, free=2**62))
    assert recordings.size_bytes == 0
    record(recordings)
    record(recordings, "yard")
    assert leftovers(folder / "door") == before[1], "and the recording had to go"
    assert leftovers(folder) == sorted([*before[0], "yard"])
    assert recordings.deleted == 1


@pytest.mark.slow
def test_limits_hold_while_streams_record(folder, open_folder):
    """Within one segment; and without it where segments are no larger than those before."""
    machine = MachineClock(NOW_S)
    recordings = open_folder(machine, Keep(bytes=100_000))
    largest, sizes = 0, []
    for turn in range(45):
        record(recordings, ("door", "yard", "gate")[turn % 3], seconds=5 if turn < 30 else 9)
        kept = [path.stat().st_size for path in folder.glob("*/*.mp4")]
        largest = max(largest, *kept)
        assert sum(kept) == recordings.size_bytes <= 100_000 + largest
        sizes.append(sum(kept))
    assert 80_000 < max(sizes[3:30]) <= 100_000
    assert recordings.deleted > 15
    left = sorted(int(path.stem[-6:]) for path in folder.glob("*/*.mp4"))
    assert left == list(range(left[0], 46)), "the oldest went"


def test_limits_that_are_changed_hold_from_the_next_segment_on(folder, open_folder):
    machine = MachineClock(NOW_S)
    recordings = open_folder(machine)
    for _ in range(3):
        record(recordings)
    recordings.keep = Keep(bytes=0)
    assert len(names(folder)) == 3
    record(recordings)
    assert [name[-10:] for name in names(folder)] == ["000004.mp4"]


def test_days_go_by_the_clock(folder, open_folder):
    machine = MachineClock(NOW_S)
    recordings = open_folder(machine, Keep(days=7))
    for _ in range(10):
        recordings.retain().result()
        record(recordings)
        machine.turn(86_400)
    assert len(names(folder)) == 8


def test_what_had_to_go_before_its_time_is_counted(open_folder):
    machine = MachineClock(NOW_S)
    recordings = open_folder(machine, Keep(days=7))
    for _ in range(10):
        recordings.retain().result()
        record(recordings)
        machine.turn(86_400)
    assert (recordings.deleted, recordings.deleted_early) == (2, 0)
    recordings.keep = Keep(days=7, bytes=0)
    record(recordings)
    assert (recordings.deleted, recordings.deleted_early) == (10, 8)
    recordings.keep = Keep(bytes=0)  # nobody asked to keep them for so long
    record(recordings)
    assert (recordings.deleted, recordings.deleted_early) == (11, 8)


def test_a_clock_that_jumps_ahead_deletes_nothing_until_it_is_synced(folder, open_folder):
    machine = MachineClock(NOW_S)
    recordings = open_folder(machine, Keep(days=7))
    record(recordings)
    machine.synced = False
    machine.turn(7200)
    machine.wall_s += 365 * 86_400
    record(recordings)
    recordings.retain().result()
    assert len(names(folder)) == 2
    machine.synced = True
    recordings.retain().result()
    record(recordings)
    assert [name[-10:] for name in names(folder)] == ["000002.mp4", "000003.mp4"]


def test_an_unsynchronised_clock_deletes_nothing_in_its_first_hour(folder, open_folder):
    """A battery is empty, and the machine boots years ahead."""
    record(open_folder(MachineClock(NOW_S)))
    machine = MachineClock(NOW_S + 365 * 86_400, synced=False, boot_id="b" * 32)
    recordings = open_folder(machine, Keep(days=7))
    machine.turn(3500)
    recordings.retain().result()
    assert len(names(folder)) == 1
    machine.turn(200)
    recordings.retain().result()
    assert names(folder) == []


def test_days_hold_where_nothing_is_recorded(folder, open_folder):
    machine = MachineClock(NOW_S)
    recordings = open_folder(machine, Keep(days=7))
    record(recordings)
    machine.turn(8 * 86_400)
    assert len(names(folder)) == 1
    recordings.retain().result()
    assert names(folder) == []
    record(recordings)
    machine.turn(8 * 86_400)
    open_folder(machine, Keep(days=7))
    assert names(folder) == []


def test_what_somebody_else_deletes_or_brings_is_seen(folder, open_folder):
    machine = MachineClock(NOW_S)
    recordings = open_folder(machine)
    for stream in ("door", "yard", "door"):
        record(recordings, stream)
    first, last = (folder / "door" / name for name in names(folder))
    brought = folder / "gate" / first.name  # of the same number as the one it was copied from
    brought.parent.mkdir()
    shutil.copy(first, brought)
    last.unlink()
    recordings.retain().result()
    left = [*folder.glob("*/*.mp4")]
    assert len(left) == 3
    assert recordings.size_bytes == sum(path.stat().st_size for path in left)
    recordings.keep = Keep(bytes=0)
    recordings.retain().result()
    assert (recordings.size_bytes, recordings.deleted) == (0, 3)
    assert not [*folder.glob("*/*.mp4")]


def test_a_folder_that_can_not_be_looked_through_is_nobody_elses_fault(folder, open_folder, caplog):
    """Whoever asks for it looks after all streams."""
    recordings = open_folder(MachineClock(NOW_S))
    folder.rmdir()
    folder.symlink_to(folder)
    recordings.retain().result()
    (folder.parent / "elsewhere").mkdir()
    folder.unlink()
    folder.mkdir()
    (folder / "loop").symlink_to("loop")
    recordings.retain().result()
    assert caplog.messages == [
        f"{folder}: can't be looked through (Too many levels of symbolic links)"
    ]


def test_to_begin_a_recording_looks_through_no_others(folder, open_folder):
    """Frames wait for it; a week of eight streams is 80,000 files, a third of a second of work."""
    machine = MachineClock(NOW_S)
    recordings = open_folder(machine, Keep(bytes=0, days=7, free=0))
    stray = folder / "door" / str(RecordingName(NOW_S, 7))
    stray.parent.mkdir()
    stray.write_bytes(b"a person's")
    record(recordings)
    assert stray.exists()
    recordings.retain().result()
    assert not stray.exists()


def test_what_is_being_written_is_never_deleted(folder, open_folder):
    machine = MachineClock(NOW_S)
    recordings = open_folder(machine, Keep(bytes=0))
    sink = record(recordings, seconds=4, ends=False)
    record(recordings, "yard")
    assert recordings.size_bytes > (folder / "door" / names(folder)[0]).stat().st_size > 0
    sink.finish()
    assert frames_in(folder / "door" / names(folder)[0]) == 50


def test_a_recording_that_someone_deleted_or_has_open_is_no_error(folder, open_folder):
    machine = MachineClock(NOW_S)
    recordings = open_folder(machine)
    for _ in range(3):
        record(recordings)
    first, second, _ = (folder / "door" / name for name in names(folder))
    first.unlink()
    recordings.keep = Keep(bytes=0)
    with second.open("rb") as file:
        record(recordings)
        assert file.read(8)[4:] == b"ftyp"
    assert [name[-10:] for name in names(folder)] == ["000004.mp4"]


def test_one_that_was_closed_deletes_nothing_and_begins_nothing(folder, open_folder):
    """A stream that hung at the end goes on when the folder is no longer the agent's."""
    machine = MachineClock(NOW_S)
    recordings = open_folder(machine, Keep(free=1))
    for _ in range(3):
        record(recordings)
    late = record(recordings, ends=False, segment_s=2)
    kept = names(folder)[:3]
    recordings.close()
    with late, pytest.raises(OutputError, match="the agent ends"):
        go_on(late)
    assert names(folder)[:3] == kept
    open_folder(machine)
    assert len(names(folder)) == 4  # what it wrote is recovered


def test_a_second_agent_is_refused(folder, open_folder):
    recordings = open_folder(MachineClock(NOW_S))
    with pytest.raises(OutputError, match="video: another agent records into it"):
        Recordings(folder, Keep(), MachineClock(NOW_S).clock())
    recordings.close()
    Recordings(folder, Keep(), MachineClock(NOW_S).clock()).close()


def test_a_folder_that_is_missing_is_made_for_its_group(folder, open_folder):
    open_folder(MachineClock(NOW_S))
    assert folder.stat().st_mode & 0o777 == 0o750


def test_a_folder_that_can_not_be_made_says_what_to_do(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError) as refusal:
        Recordings(tmp_path / "file" / "video", Keep(), MachineClock(0).clock())
    assert "file/video: can't record into it (Not a directory)" in str(refusal.value)
    assert "ReadWritePaths=" in str(refusal.value)
    assert "\n" not in str(refusal.value)


RECORD = """
import sys
from pathlib import Path
folder, *sys.path[:0] = sys.argv[1:]
from machine_clock import MachineClock
import recording as t
from agent.video.encoder import VideoEncoder
from agent.video.encoding_sink import EncodingSink
from agent.video.recording_name import RecordingName
from agent.video.recordings import Recordings
from agent.video.retention import Keep
recordings = Recordings(Path(folder), Keep(), MachineClock(0).clock())
with EncodingSink(VideoEncoder(t.INFO), recordings.output("door", 60, lambda: None)) as sink:
    sink.write(t.numbered(0, 0))
    sink.finish()
"""


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
def test_the_disk_has_a_recording_before_it_has_its_name(folder, tmp_path):
    log = tmp_path / "calls"
    calls = ["strace", "-f", "-y", "-o", log, "-e", "trace=fdatasync,fsync,/^rename"]
    subprocess.run(
        [*calls, sys.executable, "-c", RECORD, folder, *PATHS], check=True, capture_output=True
    )
    seen = [line for line in log.read_text().splitlines() if str(folder) in line]
    synced, renamed, folder_synced = (" ".join(line.split()[1:]) for line in seen)
    assert synced.startswith("fdatasync(")
    assert ".mp4.part>" in synced
    assert renamed.startswith("rename")
    assert folder_synced.startswith("fsync(")
    assert f"{folder}/door>" in folder_synced


OTHERS_FOLDER = """
import _strptime, os, sys  # the first comes late, when this user may not look for it
from pathlib import Path
folder, *sys.path[:0] = sys.argv[1:]
from machine_clock import MachineClock
from agent.video.recording_name import RecordingName
from agent.video.recordings import Recordings
from agent.video.retention import Keep
folder = Path(folder)
(folder / "door").mkdir()
(folder / "lost+found").mkdir(0o700)
(folder / "door" / "2026-11-30T08-50-38Z_000041.mp4").write_bytes(bytes(100))
if os.geteuid() == 0:
    os.chown(folder, 65534, 65534)
    os.seteuid(65534)
    (folder / "lost+found").stat()
else:
    (folder / "lost+found").chmod(0)
assert not os.access(folder / "lost+found", os.R_OK, effective_ids=True)
recordings = Recordings(folder, Keep(), MachineClock(0).clock())
print(recordings.size_bytes)
"""


def test_a_folder_that_is_not_ours_to_read_is_left_alone():
    """The root of a disk has such a one. The folder lies where another user may come to."""
    with TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        (Path(place) / "video").mkdir()
        child = subprocess.run(
            [sys.executable, "-c", OTHERS_FOLDER, f"{place}/video", *PATHS],
            capture_output=True,
            text=True,
            check=False,
        )
        (Path(place) / "video" / "lost+found").chmod(0o700)
    assert (child.stdout, child.stderr) == ("100\n", "")


def test_a_disk_that_is_taken_away_is_not_replaced_by_what_lies_under_it(folder, open_folder):
    recordings = open_folder(MachineClock(NOW_S))
    folder.rename(folder.with_name("unmounted"))
    for _ in range(2):
        with pytest.raises(OutputError, match="is not the folder it was; restart the agent"):
            record(recordings)
        folder.mkdir(exist_ok=True)
    assert leftovers(folder) == []


@pytest.mark.slow
def test_many_streams_record_and_rotate_at_once(folder, open_folder):
    machine = MachineClock(NOW_S)
    recordings = open_folder(machine, Keep(bytes=40_000))
    faults = []

    def run(stream):
        try:
            for _ in range(3):
                record(recordings, stream, seconds=5, segment_s=2)
        except Exception as error:  # noqa: BLE001 is told below
            faults.append(error)

    threads = [threading.Thread(target=run, args=(f"camera-{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert faults == []
    numbers = sorted(int(path.stem[-6:]) for path in folder.glob("*/*.mp4"))
    assert len(set(numbers)) == len(numbers)
    assert recordings.deleted + len(numbers) == 8 * 3 * 3
    assert list(folder.glob("*/.*")) == []
