import gc
import os
import platform
import subprocess
import sys

import pytest
from networks import network
from worlds import Thing, World, linear, write_world_bundle

from agent.cli.start_up import ARRAYS_ON_THEIR_THREAD, importing
from agent.video.driver import has_driver
from models.cores import usable_cores

_IMPORTS = """
import gc
from agent.cli.start_up import importing, keep_modules
{first}
before = gc.get_freeze_count()
with importing():
    import agent.redact.class_words
    assert not gc.isenabled()
assert gc.isenabled()
words = agent.redact.class_words.__dict__
looked_at = any(each is words for each in gc.get_objects())
print(looked_at, gc.get_freeze_count() > before)
"""


@pytest.mark.parametrize(
    ("first", "told"), [("keep_modules()", "False True"), ("", "True False")], ids=["own", "other"]
)
def test_garbage_is_looked_for_in_modules_of_another_process_only(first: str, told: str) -> None:
    program = [sys.executable, "-c", _IMPORTS.format(first=first)]
    done = subprocess.run(program, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == told


def test_garbage_is_looked_for_again_after_an_import_that_fails() -> None:
    with pytest.raises(ImportError), importing():
        raise ImportError
    assert gc.isenabled()


def test_who_does_not_look_for_garbage_does_not_afterwards() -> None:
    gc.disable()
    try:
        with importing():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


_THREADS = {*ARRAYS_ON_THEIR_THREAD, "OMP_NUM_THREADS"}
"""What a test runner may have said of threads."""

_ARRAYS = """
import os
{first}
import cv2
print(cv2.getNumThreads(), len(os.listdir("/proc/self/task")))
"""
_KEEP = "from agent.cli.start_up import keep_arrays_on_their_thread as keep; keep()"


@pytest.mark.skipif(sys.platform != "linux", reason="threads are counted as Linux shows them")
@pytest.mark.skipif(usable_cores() == 1, reason="one core has one thread anyway")
def test_opencv_and_numpy_compute_on_the_thread_that_asks() -> None:
    def threads(first: str) -> list[int]:
        program = [sys.executable, "-c", _ARRAYS.format(first=first)]
        free = {name: said for name, said in os.environ.items() if name not in _THREADS}
        done = subprocess.run(program, capture_output=True, text=True, check=True, env=free)
        return [int(word) for word in done.stdout.split()]

    assert threads(_KEEP) == [1, 1]
    assert all(count > 1 for count in threads(""))


_COMMAND = """
import os, sys
def tell(event, args):
    if event == "import" and args[0] in ("cv2", "numpy"):
        kept = all(os.environ.get(name) == "1" for name in {names!r})
        os.write(2, f"{{args[0]}}: {{kept}}\\n".encode())
        os.write(2, f"{{args[0]}} policy: {{os.sched_getscheduler(0)}}\\n".encode())
sys.addaudithook(tell)
from agent.cli import main
main({argv})
"""


def told_by_a_command(tmp_path, argv=""):
    words = "blur", tmp_path / "none.mp4", tmp_path / "out.mp4", "--model", tmp_path / "none.sfm"
    code = _COMMAND.format(names=tuple(ARRAYS_ON_THEIR_THREAD), argv=argv)
    program = [sys.executable, "-c", code, *words]
    free = {name: said for name, said in os.environ.items() if name not in _THREADS}
    done = subprocess.run(program, capture_output=True, text=True, check=False, env=free)
    return dict(line.split(": ") for line in done.stderr.splitlines() if line.count(": ") == 1)


def test_a_command_says_so_before_they_are_imported(tmp_path):
    told = told_by_a_command(tmp_path)
    assert (told["cv2"], told["numpy"]) == ("True", "True"), told


_PICTURES = """
import resource
import numpy as np
from agent.cli.start_up import keep_memory
{first}
def faults(rounds):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(rounds):
        pictures = [np.ones(3_000_000, np.uint8) for _ in range(6)]
        del pictures
    return (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / rounds
faults(2)
print(faults(20))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told")
def test_memory_of_pictures_that_are_gone_is_used_again() -> None:
    def faults(first: str) -> float:
        program = [sys.executable, "-c", _PICTURES.format(first=first)]
        return float(subprocess.run(program, capture_output=True, text=True, check=True).stdout)

    pages = 6 * 3_000_000 / os.sysconf("SC_PAGE_SIZE")
    assert faults("keep_memory()") < 0.01 * pages
    assert faults("") > 0.5 * pages


_OURS = os.sched_getscheduler(0) if sys.platform == "linux" else None
_LONG = os.SCHED_BATCH if sys.platform == "linux" and _OURS == os.SCHED_OTHER else _OURS
_POLICIES = """
import os, threading
from agent.cli.start_up import take_long_turns
{first}
take_long_turns()
found = []
thread = threading.Thread(target=lambda: found.append(os.sched_getscheduler(0)))
thread.start()
thread.join()
print(*found)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Linux' own policies")
def test_threads_take_long_turns_unless_somebody_gave_another_policy() -> None:
    def policy_after(first: str) -> int:
        program = [sys.executable, "-c", _POLICIES.format(first=first)]
        return int(subprocess.run(program, capture_output=True, text=True, check=True).stdout)

    assert policy_after("") == _LONG
    idle = "os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))"
    assert policy_after(idle) == os.SCHED_IDLE


@pytest.mark.skipif(sys.platform != "linux", reason="Linux' own policies")
def test_a_commands_do_and_a_callers_do_not(tmp_path):
    assert told_by_a_command(tmp_path)["numpy policy"] == str(_LONG)
    callers = told_by_a_command(tmp_path, argv="sys.argv[1:]")
    assert callers["numpy policy"] == str(_OURS)


_OF_OTHER_MACHINES = {
    "agent.cuda.detector",
    "agent.cuda.painter",
    "agent.video.cuda_context",
    "agent.video.gstreamer",
    "agent.video.decoders",
    "agent.video.encoders",
    "matplotlib",
    "models.decode.rtmdet_ins",
    "models.runtime.cuda.machine",
    "models.runtime.engine_key",
    "models.runtime.machine_engines",
    "models.runtime.tensorrt",
    "numpy.ma",
    "PIL",
    "scipy",
    "subprocess",
    "tqdm",
}
_BLUR = """
import sys
from agent.cli import main
code = main(sys.argv[1:])
print(code, *sys.modules)
"""


@pytest.mark.slow
@pytest.mark.skipif(has_driver(), reason="this machine has a GPU, whose encoders may be tried")
def test_blur_imports_nothing_of_what_another_machine_has(tmp_path):
    clip = World(Thing(linear(40, 24), (32, 32)), frames=1).write(tmp_path / "one.mp4")
    bundle = write_world_bundle(tmp_path / "world.sfm", network())
    words = "blur", clip, tmp_path / "out.mp4", "--model", bundle, "--allow-unsigned"
    program = [sys.executable, "-c", _BLUR, *words]
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path)}
    done = subprocess.run(program, capture_output=True, text=True, check=True, env=environment)
    code, *modules = done.stdout.split()
    assert code == "0", done.stderr
    assert "agent.video.decoder" in modules
    assert _OF_OTHER_MACHINES.isdisjoint(modules)
