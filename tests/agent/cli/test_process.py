"""How the process of a command ends: with its exit code, at once, and without a core dump."""

import contextlib
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from networks import hanging_network, network
from worlds import Thing, World, leaks, linear, lumas, write_world_bundle

from agent.cli import main
from models.bundle import write_bundle
from models.importing import import_onnx

ROOT = Path(__file__).resolve().parents[3]
ENVIRONMENT = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests' / 'agent'}"}
SFUMATO = [sys.executable, "-m", "agent"]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def world():
    return World(Thing(linear(40, 24), (32, 32)), frames=200)


@pytest.fixture(scope="module")
def clip(world, tmp_path_factory):
    return world.write(tmp_path_factory.mktemp("clip") / "street.mp4")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return write_world_bundle(tmp_path_factory.mktemp("bundle") / "world.sfm", network())


@pytest.fixture(scope="module")
def heavy(data, tmp_path_factory):
    """A network that works long enough to be caught at it."""
    onnx = (data / "weights" / "coco-yolov8n-seg-320.onnx").read_bytes()
    path = tmp_path_factory.mktemp("bundle") / "heavy.sfm"
    write_bundle(path, *import_onnx(onnx, "heavy"))
    return path


@pytest.fixture(scope="module")
def endless(tmp_path_factory):
    """Runs that no machine comes to an end with, by the frame from which on a detection takes years.

    From frame 0 on: not even one that is told to stop before it begins. From 1 on: it has begun to
    write, for with frame 1 another scene begins, and it does come to that.
    """
    folder = tmp_path_factory.mktemp("endless")
    bundle = write_world_bundle(folder / "world.sfm", hanging_network())
    words = "--model", bundle, "--allow-unsigned", "--detect-timeout", "600", "--workers", "1"

    def run(first):
        glare = Thing(linear(0, 0, born=first), size=(160, 96), luma=138)
        return "blur", World(glare, frames=20).write(folder / f"{first}.mp4"), *words

    return {first: run(first) for first in (0, 1)}


processes = []


@pytest.fixture(autouse=True)
def _nothing_is_left_running():
    """Whatever comes of a test: what went on would fail others, in which it is noticed."""
    yield
    for process in processes:
        process.kill()
        process.wait()
        process.stderr.close()
    processes.clear()


def begun(command, before="ulimit -c $(ulimit -H -c)", **settings):
    """A process as on a machine of a developer: core dumps are welcome, and of any size.

    No signal is ignored, as a shell's background jobs ignore some, and all that they start.
    """
    process = subprocess.Popen(
        ["env", "--default-signal", "sh", "-c", f'{before}; exec "$@"', "sh", *map(str, command)],
        env=ENVIRONMENT,
        stderr=subprocess.PIPE,
        text=True,
        **settings,
    )
    processes.append(process)
    return process


def started(*words, **settings):
    return begun([*SFUMATO, *words], **settings)


def ended(process, timeout=180):
    """Exit code and what was said."""
    _, said = process.communicate(timeout=timeout)
    assert "terminate called" not in said
    assert "FATAL" not in said
    assert "Traceback" not in said
    return process.returncode, said


def wait_for(what):
    deadline = time.monotonic() + 60
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def is_listening(process):
    """Whether Ctrl-C is caught by us: Python itself has caught it before that, by one thread."""
    return len(list(Path(f"/proc/{process.pid}/task").iterdir())) > 1


def spent_s(process):
    """Seconds that its threads have computed: how far it is, however busy the machine is."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


def has_taken(process, number):
    """Whether a signal has reached it: until then, the kernel makes one of it and the next."""
    if process.poll() is not None:
        return True
    status = Path(f"/proc/{process.pid}/status").read_text()
    (pending,) = (line for line in status.splitlines() if line.startswith("ShdPnd:"))
    return not int(pending.split()[1], 16) >> (number - 1) & 1


def parts(folder):
    return [path for path in folder.iterdir() if "partial" in path.name]


def is_writing(folder):
    """Whether there is something in a part; before, one is made to see whether that can be done."""
    with contextlib.suppress(FileNotFoundError):  # which that one is by now
        return any(part.stat().st_size for part in parts(folder))


# Errors while detections run.


@pytest.mark.parametrize("every", ["1", "5"])
def test_an_encoder_that_refuses_ends_with_its_code(clip, heavy, tmp_path, every):
    words = "blur", clip, tmp_path / "out.mp4", "--model", heavy, "--allow-unsigned"
    code, said = ended(started(*words, "--preset", "abcdef", "--every", every, cwd=tmp_path))
    assert code == 4
    assert said.splitlines()[-1].startswith("sfumato: libx264 refuses 160x96 pixels")
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_up_ends_with_its_code(clip, heavy, tmp_path):
    words = "blur", clip, tmp_path / "out.mp4", "--model", heavy, "--allow-unsigned"
    process = started(*words, "--crf", "0", "--every", "30", before="ulimit -f 2")
    code, said = ended(process)
    assert code == 4
    assert said.splitlines()[-1].endswith("out.mp4: can't be written (File too large)")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_removed_meanwhile_ends_with_its_code(clip, heavy, tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    process = started(
        *("blur", clip, folder / "out.mp4", "--model", heavy, "--allow-unsigned", "--every", "3")
    )
    wait_for(lambda: parts(folder))
    folder.rename(tmp_path / "elsewhere")
    code, said = ended(process)
    assert code == 4
    assert "out.mp4: can't be written (No such file or directory)" in said


def test_an_output_that_appears_meanwhile_stays(clip, heavy, tmp_path):
    target = tmp_path / "out.mp4"
    words = "blur", clip, target, "--model", heavy, "--allow-unsigned", "--every", "3"
    process = started(*words)
    wait_for(lambda: parts(tmp_path))
    target.write_text("somebody else's")
    code, said = ended(process)
    assert code == 4
    assert said.splitlines()[-1].startswith(f"sfumato: {target} exists by now")
    assert target.read_text() == "somebody else's"
    assert list(tmp_path.iterdir()) == [target]


# Signals.


@pytest.mark.parametrize("gap_s", [0, 0.1])
@pytest.mark.parametrize("after_s", [0, 0.3, 0.8, 1.5])
def test_twice_ctrl_c_at_any_moment_is_130_and_leaves_nothing(endless, tmp_path, after_s, gap_s):
    process = started(*endless[0], "-o", tmp_path / "out.mp4")
    wait_for(lambda: is_listening(process))
    before_s = spent_s(process)
    wait_for(lambda: spent_s(process) >= before_s + after_s)
    process.send_signal(signal.SIGINT)
    wait_for(lambda: has_taken(process, signal.SIGINT))
    time.sleep(gap_s)
    process.send_signal(signal.SIGINT)
    code, said = ended(process)
    assert code == 130
    assert said.splitlines()[-1] == "sfumato: stopped"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_ctrl_c_many_times_of_any_kind_is_130_and_leaves_nothing(endless, tmp_path, second):
    process = started(*endless[1], "-o", tmp_path / "out.mp4")
    wait_for(lambda: is_writing(tmp_path))
    process.send_signal(signal.SIGINT)
    while process.poll() is None:
        process.send_signal(second)
        time.sleep(0.01)
    code, said = ended(process)
    assert code == 130
    assert said.splitlines()[-1] == "sfumato: stopped"
    assert list(tmp_path.iterdir()) == []


def test_two_at_once_while_it_detects_are_two(clip, heavy, tmp_path):
    words = "blur", clip, tmp_path / "out.mp4", "--model", heavy, "--allow-unsigned"
    process = started(*words, "--every", "1")
    wait_for(lambda: parts(tmp_path))
    for number in (signal.SIGSTOP, signal.SIGINT, signal.SIGTERM, signal.SIGCONT):
        process.send_signal(number)
    code, said = ended(process)
    assert code == 130
    assert said.splitlines()[-1] == "sfumato: stopped"
    assert list(tmp_path.iterdir()) == []


def test_a_source_that_never_opens_does_not_keep_the_process(bundle, tmp_path):
    """The main thread is inside of libav, where no handler of Python's runs."""
    os.mkfifo(tmp_path / "camera.ts")
    words = "blur", tmp_path / "camera.ts", tmp_path / "out.mp4", "--model", bundle
    process = started(*words, "--allow-unsigned")
    writer = os.open(tmp_path / "camera.ts", os.O_WRONLY)  # opened, and nothing comes
    wait_for(lambda: is_listening(process))
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    wait_for(lambda: has_taken(process, signal.SIGINT))
    process.send_signal(signal.SIGINT)
    code, said = ended(process)
    os.close(writer)
    assert code == 130
    assert said == "sfumato: stopped\n"


LOST = """
import sys, time
from contextlib import nullcontext
from pathlib import Path

from agent.cli import process
from agent.service.logs import start_logging

class Held:
    def __del__(self):
        Path(sys.argv[1]).touch()
        time.sleep(3600)

def command():
    if "logs" in sys.argv:
        start_logging(str)
    with process.stopping(lambda: False) if "stopping" in sys.argv else nullcontext():
        Held()
        try:
            time.sleep(3600)
        finally:
            print("cleaned up", file=sys.stderr)

sys.exit(process.run(command))
"""


@pytest.mark.parametrize("words", [[], ["logs"], ["stopping"]])
def test_ctrl_c_where_python_can_not_pass_it_on_is_no_fault_and_not_lost(tmp_path, words):
    """In a destructor, or in what ends an import."""
    process = run_by(LOST, tmp_path / "held", *words)
    wait_for((tmp_path / "held").exists)
    process.send_signal(signal.SIGINT)
    code, said = ended(process)
    assert code == 130
    assert said == "cleaned up\nsfumato: stopped\n"


# Core dumps.


@pytest.mark.parametrize("number", [signal.SIGABRT, signal.SIGSEGV, signal.SIGQUIT])
def test_a_crash_leaves_no_core(endless, tmp_path, number):
    """What the kernel says, wherever it would put one."""
    process = started(*endless[1], "-o", tmp_path / "out.mp4", cwd=tmp_path)
    wait_for(lambda: is_writing(tmp_path))
    limits = Path(f"/proc/{process.pid}/limits").read_text()
    [core] = [line.split() for line in limits.splitlines() if line.startswith("Max core")]
    assert core[4:6] == ["0", "0"]
    process.send_signal(number)
    _, status = os.waitpid(process.pid, 0)
    process.returncode = -number
    process.stderr.close()
    assert os.WTERMSIG(status) == number
    assert not os.WCOREDUMP(status)
    assert list(tmp_path.iterdir()) == parts(tmp_path)


def run_by(source, *words, **settings):
    """Run a command of a test's own as `sfumato` runs its commands."""
    return begun([sys.executable, "-c", source, *words], **settings)


def test_no_debugger_and_no_program_of_the_kernels_gets_the_memory():
    asks = """
import ctypes, sys
from agent.cli import process

PR_GET_DUMPABLE = 3
sys.exit(process.run(lambda: 10 + ctypes.CDLL(None).prctl(PR_GET_DUMPABLE)))
"""
    assert ended(run_by(asks)) == (10, "")


def test_a_crash_without_that_leaves_a_core():
    """The test above would else pass anywhere."""
    if resource.getrlimit(resource.RLIMIT_CORE)[1] == 0:
        pytest.skip("core dumps are forbidden here already")
    process = run_by("import os; os.abort()", cwd="/proc")  # where no file can be made
    _, status = os.waitpid(process.pid, 0)
    process.returncode = -6
    process.stderr.close()
    limits = "import resource, sys; sys.exit(resource.getrlimit(resource.RLIMIT_CORE)[0] == 0)"
    assert ended(run_by(limits))[0] == 0
    assert os.WTERMSIG(status) == signal.SIGABRT


def test_from_python_the_process_is_left_as_it_is(clip, bundle, tmp_path):
    before = resource.getrlimit(resource.RLIMIT_CORE), signal.getsignal(signal.SIGTERM), sys.stderr
    words = "blur", clip, tmp_path / "out.mp4", "--model", bundle, "--allow-unsigned"
    assert main([*map(str, words)]) == 0
    after = resource.getrlimit(resource.RLIMIT_CORE), signal.getsignal(signal.SIGTERM), sys.stderr
    assert after == before


# Threads.


HANGS = """
import sys
from pathlib import Path

from agent.blur import blur
from agent.cli import process
from worlds import SOLID, HangingAt, Thing, World, linear, world_bundle

folder = Path(sys.argv[1])

def command():
    world = World(Thing(linear(40, 24)), frames=20)
    settings = SOLID.model_copy(update={"detect_timeout_s": 0.3})
    clip, bundle = world.write(folder / "in.mp4"), world_bundle(folder)
    report = blur(clip, folder / "out.mp4", bundle, settings, detector=HangingAt(world, [5]))
    print(report.whole_frame_covers, file=sys.stderr)
    return 7

sys.exit(process.run(command))
"""


def test_a_detection_that_hangs_for_good_does_not_keep_the_process(tmp_path):
    code, said = ended(run_by(HANGS, tmp_path))
    assert code == 7
    assert "detector timed out" in said
    assert len(lumas(tmp_path / "out.mp4")) == 20


def test_no_thread_is_left_after_a_run_that_failed(clip, heavy, tmp_path):
    source = """
import sys, threading
from agent.cli import main

code = main(sys.argv[1:])
left = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
print(left, file=sys.stderr)
sys.exit(code)
"""
    words = "blur", clip, tmp_path / "out.mp4", "--model", heavy, "--allow-unsigned"
    code, said = ended(run_by(source, *words, "--preset", "abcdef"))
    assert code == 4
    assert said.splitlines()[-1] == "[]"


# Nobody listens.


def closed_pipe():
    reader, writer = os.pipe()
    os.close(reader)
    return writer


def test_a_video_is_finished_though_nobody_reads_what_is_said(clip, bundle, tmp_path):
    words = "blur", clip, tmp_path / "out.mp4", "--model", bundle, "--allow-unsigned"
    writer = closed_pipe()
    command = [*SFUMATO, *map(str, words), "--effect", "solid", "--margin", "0.06"]
    assert subprocess.run(command, env=ENVIRONMENT, stderr=writer, check=False).returncode == 0
    os.close(writer)
    assert leaks(lumas(tmp_path / "out.mp4")) == {}


def test_what_libraries_say_never_gets_into_a_file(clip, bundle, tmp_path):
    """Where standard error is closed, its number goes to the next file that is opened."""
    words = "blur", clip, tmp_path / "out.mp4", "--model", bundle, "--allow-unsigned"

    words = *words, "--codec", "hevc", "--preset", "ultrafast"
    process = started(*words, before="exec <&- >&- 2>&-")
    assert ended(process) == (0, "")
    assert len(lumas(tmp_path / "out.mp4")) == 200


@pytest.mark.parametrize(
    ("open_stdout", "reason"),
    [(closed_pipe, "Broken pipe"), (lambda: os.open("/dev/full", os.O_WRONLY), "No space left")],
)
def test_a_result_that_can_not_be_written_is_an_error(bundle, open_stdout, reason):
    stdout = open_stdout()
    code, said = ended(started("model", "show", bundle, stdout=stdout))
    os.close(stdout)
    assert code == 4
    assert said.startswith(f"sfumato: standard output can't be written ({reason}")
    assert said.count("\n") == 1


@pytest.mark.parametrize(("words", "code"), [(["--help"], 0), (["--version"], 0), (["blur"], 2)])
def test_words_end_with_their_code(words, code):
    done = subprocess.run([*SFUMATO, *words], env=ENVIRONMENT, capture_output=True, check=False)
    assert done.returncode == code


def test_a_fault_of_ours_is_1_and_says_where():
    source = """
import sys
from agent.cli import process

def command():
    secret = b"a frame"
    raise ValueError("a mistake")

sys.exit(process.run(command))
"""
    done = subprocess.run(
        [sys.executable, "-c", source], env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "ValueError: a mistake"
    assert "a frame" not in done.stderr
