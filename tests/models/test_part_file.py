"""Files under way: locked while their process lives, swept when it is gone."""

import itertools
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from models import part_file
from models.part_file import PartFile, discard_all, is_part, sweep
from models.whole_file import whole_file

ROOT = Path(__file__).resolve().parents[2]

WRITER = """
import sys, time
from pathlib import Path
from models.part_file import PartFile

print(PartFile(Path(sys.argv[1])).path, flush=True)
time.sleep(60)
"""


@pytest.fixture
def writer(tmp_path):
    """A process of its own that is writing `out.mp4`, and the path of what it has so far."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, tmp_path / "out.mp4"],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process, Path(process.stdout.readline().strip())
        process.kill()


def foreign(path, age_s):
    """As another host would have named and left it."""
    host = path.name.split(".")[-4]
    other = path.rename(path.with_name(path.name.replace(f".{host}.", ".far-away.")))
    os.utime(other, (other.stat().st_atime, other.stat().st_mtime - age_s))
    return other


def test_a_name_is_hidden_says_whose_it_is_and_keeps_the_ending(tmp_path):
    parts = [PartFile(tmp_path / "out.mp4") for _ in range(2)]
    host = os.uname().nodename.split(".")[0][:32]
    for part in parts:
        assert part.path.name.startswith(f".out.{host}")
        assert part.path.name.endswith(".partial.mp4")
        assert is_part(part.path)
        part.discard()
    assert parts[0].path != parts[1].path
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_what_a_killed_process_left_is_swept_and_what_a_live_one_writes_is_not(writer, tmp_path):
    process, path = writer
    sweep(tmp_path)
    assert path.exists()
    process.send_signal(signal.SIGSTOP)  # it need not do anything to hold it
    sweep(tmp_path)
    assert path.exists()
    process.kill()
    process.wait()
    sweep(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_of_another_host_only_what_is_a_day_old_is_swept(writer, tmp_path):
    process, path = writer
    process.kill()
    process.wait()
    young = foreign(path, age_s=3600)
    sweep(tmp_path)
    assert young.exists()
    foreign(young, age_s=24 * 3600)
    sweep(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_this_process_writes_is_not_swept(tmp_path):
    part = PartFile(tmp_path / "out.mp4")
    sweep(tmp_path)
    assert part.path.exists()
    part.put(replace=False)
    sweep(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]


@pytest.mark.parametrize(
    "name", ["out.mp4", ".out.mp4", ".hidden.partial.mp4", ".out.host.0123.partial.mp4", ".partial"]
)
def test_what_is_not_ours_is_never_swept(tmp_path, name):
    (tmp_path / name).touch()
    sweep(tmp_path)
    assert (tmp_path / name).exists()


def test_a_folder_or_a_link_of_such_a_name_stays(tmp_path):
    part = PartFile(tmp_path / "x")
    part.discard()
    (tmp_path / "precious").touch()
    part.path.symlink_to(tmp_path / "precious")
    other = part.path.with_name(part.path.name.replace(".x.", ".y."))
    other.mkdir()
    sweep(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([tmp_path / "precious", part.path, other])


def test_a_folder_that_is_not_there_is_nobodys_fault(tmp_path):
    sweep(tmp_path / "none")


def test_a_name_as_long_as_names_can_be(tmp_path):
    target = tmp_path / ("é" * 125 + "x.mp4")
    assert len(os.fsencode(target.name)) == 255
    with whole_file(target) as file:
        file.write(b"whole")
    assert target.read_bytes() == b"whole"
    with pytest.raises(OSError, match="too long"), whole_file(tmp_path / ("x" * 256)):
        pass


@pytest.mark.parametrize("links", [True, False])
def test_a_file_that_appeared_meanwhile_is_not_replaced(tmp_path, links, monkeypatch):
    if not links:  # a memory card's file system

        def none(*_paths):
            raise PermissionError(1, "Operation not permitted")

        monkeypatch.setattr(part_file.os, "link", none)
    target = tmp_path / "out.mp4"

    def make():
        with whole_file(target, replace=False) as file:
            file.write(b"new")
            target.write_bytes(b"appeared")

    with pytest.raises(FileExistsError):
        make()
    assert target.read_bytes() == b"appeared"
    assert list(tmp_path.iterdir()) == [target]
    with whole_file(target, replace=True) as file:
        file.write(b"new")
    assert target.read_bytes() == b"new"
    with whole_file(tmp_path / "other", replace=False) as file:
        file.write(b"other")
    assert (tmp_path / "other").read_bytes() == b"other"
    assert len(list(tmp_path.iterdir())) == 2


def test_a_process_that_must_end_at_once_deletes_all_that_it_writes(tmp_path):
    parts = [PartFile(tmp_path / name) for name in "ab"]
    discard_all()
    assert list(tmp_path.iterdir()) == []
    for part in parts:
        part.discard()  # what its owner does afterwards is harmless


def test_a_folder_that_is_gone_at_the_end_is_an_error_and_no_more(tmp_path):
    folder = tmp_path / "gone"
    folder.mkdir()

    def make():
        with whole_file(folder / "x") as file:
            file.write(b"x")
            folder.rename(tmp_path / "elsewhere")

    with pytest.raises(FileNotFoundError):
        make()


def made(target):
    PartFile(target).discard()


def put(target):
    PartFile(target).put(replace=True)


def is_interrupted(at, do, *args):
    """Do it with Ctrl-C before its line number `at`, as counted while it runs; whether it was."""
    lines = itertools.count()

    def trace(frame, event, _arg):
        if frame.f_code.co_filename != part_file.__file__:
            return None
        if event == "line" and next(lines) == at:
            raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        do(*args)
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return False


@pytest.mark.parametrize("do", [made, put])
def test_ctrl_c_at_any_step_leaves_nothing_once_the_process_has_ended(tmp_path, do):
    target = tmp_path / "out.mp4"
    at = 0
    while is_interrupted(at, do, target):
        discard_all()
        assert set(tmp_path.iterdir()) <= {target}
        at += 1
    assert at > 15
