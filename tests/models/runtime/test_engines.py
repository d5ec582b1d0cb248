"""The folder of a device's engines: what is built anew, what is found, and what may go wrong."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from small_disk import SmallDisk

from models.errors import EngineError
from models.runtime.engine_file import EngineFile
from models.runtime.engine_key import EngineKey
from models.runtime.engines import MOST_ENGINES, TRIED_AGAIN_AFTER_S, Engines

BUILDER = Path(__file__).with_name("simulated_builder.py")
KEY = EngineKey(
    onnx_sha256="ab" * 32,
    tensorrt="10.3.0",
    compute_capability="8.7",
    device="Orin",
    driver_or_l4t="L4T 36.4.3",
    precision="fp16",
    sizes=((640, 640),),
    batch=1,
    options=1,
)
CHANGES = {
    "onnx_sha256": "cd" * 32,
    "tensorrt": "10.3.1",
    "compute_capability": "8.6",
    "device": "Orin Nano",
    "driver_or_l4t": "L4T 36.4.4",
    "precision": "int8",
    "sizes": ((640, 384),),
    "batch": 4,
    "options": 2,
}


class Watch:
    def __init__(self, cancels=False):
        self.lines, self.cancels = [], cancels

    def said(self, line):
        self.lines.append(line)

    def progress(self, *_):
        raise AssertionError("nothing is built in a process here")

    def cancelled(self):
        return self.cancels


class Builder:
    """Counts; each plan is another one."""

    def __init__(self):
        self.built = 0

    def __call__(self):
        self.built += 1
        return b"plan %d" % self.built


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "deep" / "engines"


def files(folder):
    return sorted(path.name for path in folder.iterdir() if path.name != "building.lock")


def test_what_was_built_is_found_by_whoever_comes_next(folder):
    build = Builder()
    assert Engines(folder).find(KEY) is None
    plans = [Engines(folder).get(KEY, build, Watch()) for _ in range(3)]
    assert plans == [b"plan 1"] * 3
    assert Engines(folder).find(KEY) == b"plan 1"
    assert files(folder) == [f"{KEY.digest}.engine"]
    assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("part", EngineKey.model_fields)
def test_another_part_of_the_key_is_another_engine(folder, part):
    build = Builder()
    Engines(folder).get(KEY, build, Watch())
    other = KEY.model_copy(update={part: CHANGES[part]})
    assert Engines(folder).get(other, build, Watch()) == b"plan 2"
    assert Engines(folder).get(other, build, Watch()) == b"plan 2"


def test_what_was_built_for_another_machine_is_pruned_and_nothing_else(folder):
    build = Builder()
    for part in ("onnx_sha256", "precision", "sizes", "batch"):
        Engines(folder).get(KEY.model_copy(update={part: CHANGES[part]}), build, Watch())
    foreign = KEY.model_copy(update={"tensorrt": "10.16.1"})
    (folder / "old.engine").write_bytes(EngineFile(foreign, b"plan").to_bytes())
    (folder / "cut.engine").write_bytes(b"SFENGINE")
    (folder / "notes.txt").write_text("somebody's")
    Engines(folder).get(KEY, build, Watch())
    assert len(files(folder)) == 6
    assert not {"old.engine", "cut.engine"} & {*files(folder)}


def test_what_was_used_longest_ago_gives_way(folder):
    engines, build = Engines(folder), Builder()
    keys = [KEY.model_copy(update={"batch": number}) for number in range(1, MOST_ENGINES + 1)]
    for age, key in enumerate(reversed(keys)):
        engines.get(key, build, Watch())
        os.utime(folder / f"{key.digest}.engine", (age, age))
    engines.find(keys[-1])  # the oldest, which is used now
    engines.get(KEY.model_copy(update={"batch": 99}), build, Watch())
    assert len(files(folder)) == MOST_ENGINES
    assert engines.find(keys[-1]) is not None
    assert engines.find(keys[-2]) is None


@pytest.mark.parametrize("place", [0, 9, 40, 300, -1])
def test_a_flipped_byte_is_found_and_built_anew(folder, place):
    build = Builder()
    Engines(folder).get(KEY, build, Watch())
    (path,) = folder.glob("*.engine")
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)
    assert Engines(folder).find(KEY) is None
    assert Engines(folder).get(KEY, build, Watch()) == b"plan 2"
    assert Engines(folder).find(KEY) == b"plan 2"


def test_an_engine_under_another_ones_name_is_not_found(folder):
    Engines(folder).get(KEY, Builder(), Watch())
    other = KEY.model_copy(update={"precision": "int8"})
    (folder / f"{KEY.digest}.engine").rename(folder / f"{other.digest}.engine")
    assert Engines(folder).find(other) is None


def test_what_others_could_have_put_there_is_not_run(folder):
    build = Builder()
    Engines(folder).get(KEY, build, Watch())
    folder.chmod(0o777)
    assert Engines(folder).find(KEY) is None
    assert folder.stat().st_mode & 0o777 == 0o700
    assert Engines(folder).get(KEY, build, Watch()) == b"plan 2"


def test_a_link_to_another_folder_is_not_followed(folder, tmp_path):
    build = Builder()
    Engines(tmp_path / "real").get(KEY, build, Watch())
    folder.parent.mkdir()
    folder.symlink_to(tmp_path / "real")
    assert Engines(folder).find(KEY) is None


def test_where_nothing_can_be_written_it_runs_all_the_same_and_says_so(tmp_path):
    (tmp_path / "file").write_text("in the way")
    watch, build = Watch(), Builder()
    engines = Engines(tmp_path / "file" / "engines")
    assert [engines.get(KEY, build, watch) for _ in range(2)] == [b"plan 1", b"plan 2"]
    assert "can't keep the engine (Not a directory)" in watch.lines[0]


def test_an_engine_that_is_of_no_use_is_forgotten(folder):
    engines = Engines(folder)
    engines.get(KEY, Builder(), Watch())
    engines.drop(KEY)
    engines.drop(KEY)
    assert engines.find(KEY) is None


class Failing(Builder):
    def __call__(self):
        super().__call__()
        raise EngineError("no kernel")


def test_a_build_that_fails_leaves_no_engine_and_is_not_tried_at_every_start(folder):
    """It may take minutes to fail."""
    failing, build = Failing(), Builder()
    with pytest.raises(EngineError, match=r"^no kernel$"):
        Engines(folder).get(KEY, failing, Watch())
    with pytest.raises(EngineError, match=r"^no kernel; `sfumato engine build` tries again$"):
        Engines(folder).get(KEY, failing, Watch())
    assert failing.built == 1
    assert files(folder) == [f"{KEY.digest}.failed"]
    other = KEY.model_copy(update={"tensorrt": "10.3.1"})
    assert Engines(folder).get(other, build, Watch()) == b"plan 1"
    assert Engines(folder).get(KEY, build, Watch(), again=True) == b"plan 2"
    assert files(folder) == [f"{KEY.digest}.engine"]


def test_after_a_day_it_is_tried_again(folder):
    for _ in range(2):
        with pytest.raises(EngineError, match=r"^no kernel$"):
            Engines(folder).get(KEY, Failing(), Watch())
        long_ago = time.time() - TRIED_AGAIN_AFTER_S - 60
        os.utime(folder / f"{KEY.digest}.failed", (long_ago, long_ago))
    Engines(folder).get(KEY.model_copy(update={"batch": 2}), Builder(), Watch())
    assert len(files(folder)) == 1


def test_a_build_that_was_cancelled_is_tried_at_the_next_start(folder):
    with pytest.raises(EngineError, match="no kernel"):
        Engines(folder).get(KEY, Failing(), Watch(cancels=True))
    assert Engines(folder).get(KEY, Builder(), Watch()) == b"plan 1"


_PROGRAM = textwrap.dedent(
    """
    import pathlib, sys
    from models.runtime.engine_build import build_in_child
    from models.runtime.engine_key import EngineKey
    from models.runtime.engines import Engines

    class Watch:
        def said(self, line): print(line, flush=True)
        def progress(self, step, share): pass
        def cancelled(self): return False

    folder, key, builder, way, log = sys.argv[1:]
    watch = Watch()

    def build():
        program = [sys.executable, builder, way, log]
        order = {"sizes": [], "batch": 1, "timing_cache": pathlib.Path("timing")}
        return build_in_child(b"network" * 9999, **order, watch=watch, program=program)

    key = EngineKey.model_validate_json(key)
    print(len(Engines(pathlib.Path(folder)).get(key, build, watch)))
    """
)


@pytest.fixture
def process(folder, tmp_path):
    """A process that wants an engine; gone when the test is over."""
    begun = []

    def begin(way="good"):
        words = [folder, KEY.model_dump_json(), BUILDER, way, tmp_path / "log"]
        begun.append(
            subprocess.Popen(
                [sys.executable, "-c", _PROGRAM, *map(str, words)],
                stdout=subprocess.PIPE,
                text=True,
            )
        )
        return begun[-1]

    yield begin
    for each in begun:
        with each:
            each.kill()


def begun_builders(tmp_path):
    log = tmp_path / "log"
    lines = log.read_text().splitlines() if log.exists() else []
    return [int(line.split()[1]) for line in lines if line.startswith("begun")]


def wait_for(condition):
    for _ in range(3000):
        if found := condition():
            return found
        time.sleep(0.02)
    raise AssertionError("it never came")


@pytest.mark.slow
def test_several_processes_build_once(process, tmp_path):
    said = {each.communicate()[0].splitlines()[-1] for each in [process() for _ in range(4)]}
    assert len(said) == 1
    assert len(begun_builders(tmp_path)) == 1


@pytest.mark.slow
def test_a_builder_that_is_killed_leaves_nothing_broken(process, folder, tmp_path):
    waiting = process("slow")
    (builder,) = wait_for(lambda: begun_builders(tmp_path))
    os.kill(builder, signal.SIGKILL)
    waiting.communicate()
    assert waiting.returncode == 1
    assert files(folder) == [f"{KEY.digest}.failed"]
    (folder / f"{KEY.digest}.failed").unlink()
    again = process()
    again.communicate()
    assert again.returncode == 0
    assert files(folder) == [f"{KEY.digest}.engine"]


@pytest.mark.slow
def test_who_ordered_it_is_killed_and_another_who_waited_builds(process, folder, tmp_path):
    first = process("slow")
    wait_for(lambda: begun_builders(tmp_path))
    second = process()
    assert second.stdout.readline() == "another process builds an engine; waiting for it\n"
    first.kill()
    second.communicate()
    assert second.returncode == 0
    assert len(begun_builders(tmp_path)) == 2
    assert files(folder) == [f"{KEY.digest}.engine"]


def test_who_waits_for_another_can_be_cancelled(folder, process, tmp_path):
    process("slow")
    wait_for(lambda: begun_builders(tmp_path))
    watch = Watch(cancels=True)
    with pytest.raises(EngineError, match="cancelled"):
        Engines(folder).get(KEY, Builder(), watch)


def test_a_full_disk_keeps_nothing_and_stops_nothing(tmp_path):
    """Of 64 KB, for an engine of 200."""
    disk = SmallDisk(tmp_path / "disk", 64 << 10)
    words = [disk.at / "engines", KEY.model_dump_json(), BUILDER, "good", tmp_path / "log"]
    show = "\nprint(sorted(p.name for p in pathlib.Path(folder).iterdir()))"
    ran = disk.run(_PROGRAM + show, *map(str, words))
    assert ran.returncode == 0, ran.stderr
    full, size, left = ran.stdout.splitlines()
    assert "can't keep the engine (No space left on device)" in full
    assert int(size) > 64 << 10
    assert left == "['building.lock']"
