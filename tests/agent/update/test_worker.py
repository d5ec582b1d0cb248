"""A worker's processes: they do their work, hang, crash, and never outlive the agent."""

import os
import re
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from gpu_process import GPU, environment
from lying_server import LyingServer, truth
from model_repository import ModelRepository
from networks import computing_network
from precisions import CUT, write_precisions

from agent.update.errand import PROGRAM
from agent.update.ports import RefusedError, UnavailableError
from agent.update.wanted import Wanted
from agent.update.work_order import Order, Prove
from agent.update.worker import ChildWorker, Limits
from models.bundle import Bundle

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
FOREVER = computing_network(turns=10**15)
QUICK = Limits(check_s=20, fetch_silent_s=20, fetch_s=20, test_silent_s=20, test_s=20)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    path = tmp_path_factory.mktemp("bundle") / "person.sfm"
    return write_precisions(path, {"fp32": computing_network()})


@pytest.fixture
def operator(tmp_path):
    return ModelRepository(tmp_path / "repository")


@pytest.fixture
def server(operator):
    with LyingServer(operator.folder) as server:
        yield server


@pytest.fixture
def worker(tmp_path, operator, server):
    return ChildWorker(server.url, operator.root, tmp_path / "models", allow_unsigned=True)


@pytest.fixture
def wanted(bundle):
    opened = Bundle.open(bundle, allow_unsigned=True)
    name, version = opened.manifest.name, opened.manifest.version
    return Wanted(rev=1, name=name, version=version, digest=opened.digest)


def test_a_bundle_is_found_fetched_and_proved(worker, operator, bundle, wanted, tmp_path):
    operator.add(bundle)
    offer = worker.check(wanted)
    shares = []
    worker.fetch(offer, tmp_path / "part", shares.append)
    assert (tmp_path / "part").read_bytes() == bundle.read_bytes()
    assert shares == sorted(shares)
    assert shares[-1] == 1
    worker.test(tmp_path / "part", shares.append)


def test_why_something_is_refused_or_away_comes_from_the_process(
    worker, operator, bundle, wanted, server, tmp_path
):
    with pytest.raises(RefusedError, match="does not offer world version 1"):
        worker.check(wanted)
    target = operator.add(bundle)
    offer = worker.check(wanted)
    operator.place(target).unlink()
    with pytest.raises(RefusedError, match=r"127\.0\.0\.1 answers 404 Not Found"):
        worker.fetch(offer, tmp_path / "part", lambda _: None)
    server.lie("timestamp.json", lambda to: to.head(503, Content_Length=0))
    with pytest.raises(UnavailableError, match="answers 503"):
        worker.check(wanted)
    bad = write_precisions(tmp_path / "bad.sfm", {"fp32": CUT})
    with pytest.raises(RefusedError, match="holds nothing that can be run"):
        worker.test(bad, lambda _: None)


def test_a_network_that_hangs_is_killed_and_refused(tmp_path):
    path = write_precisions(tmp_path / "b.sfm", {"fp32": FOREVER})
    worker = ChildWorker("", path, tmp_path, allow_unsigned=True, limits=Limits(test_silent_s=2.0))
    with pytest.raises(RefusedError, match="the test hung: it said nothing for 2 s"):
        worker.test(path, lambda _: None)
    assert not children()


def children(of=None, program=b"agent.update.child"):
    """Processes that work for another one; what is dead and not yet counted doesn't.

    Only its own are looked at: of a process that is busy with its memory the command can't be read.
    """
    born = Path(f"/proc/{of or os.getpid()}/task").glob("*/children")
    return [
        int(pid)
        for each in born
        for pid in each.read_text().split()
        if lives(pid) and program in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]


def lives(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except FileNotFoundError:
        return False


def until(reached):
    limit = time.monotonic() + 60
    while not (found := reached()):
        assert time.monotonic() < limit
        time.sleep(0.01)
    return found


FAULTS = {
    "crashes": ("os.kill(os.getpid(), signal.SIGSEGV)", "was killed by SIGSEGV"),
    "has no memory": ("os.kill(os.getpid(), signal.SIGKILL)", "was killed by SIGKILL"),
    "fails": ("raise ValueError('no room\\nat all')", r"ended \(exit code 1\): at all"),
    "ends": ("pass", r"ended \(exit code 0\)"),
    "does not read": ("os.close(0)", r"ended \(exit code 0\)"),
    "lies": ('print(\'{"done": 1, "more": 2}\')', "said what can't be read"),
    "talks": ("print('x' * 100_000)", "said what can't be read"),
    "is cut off": ("print('{\"done\":', end='')", r"ended \(exit code 0\)"),
    "hangs": ("time.sleep(3600)", "hung: it said nothing for 0.3 s|took more than 0.3 s"),
    "talks on": (
        "while True: print('{\"share\": 0.5}', flush=True); time.sleep(0.01)",
        "took more than 1 s",
    ),
    "closes its output": ("os.close(1); os.close(2); time.sleep(3600)", "ended"),
}
"""By what a process does: its program, and what is said of it."""


@pytest.mark.parametrize("what", FAULTS)
def test_a_process_that_fails_is_told_of_and_gone(tmp_path, wanted, what):
    code, why = FAULTS[what]
    program = (sys.executable, "-SEc", f"import os, signal, time\n{code}")
    silent_s, total_s = 0.3 if what == "hangs" else 20.0, 1.0 if what == "talks on" else 20.0
    limits = Limits(check_s=silent_s, test_silent_s=silent_s, test_s=total_s)
    worker = ChildWorker("", tmp_path, tmp_path, program=program, limits=limits)
    with pytest.raises(RefusedError, match=f"the test ({why})"):
        worker.test(tmp_path, lambda _: None)
    if what != "talks on":  # which would take as long as a look may
        with pytest.raises(UnavailableError, match=f"the look at the repository ({why})"):
            worker.check(wanted)


def test_work_is_ended_from_another_thread_and_gone_on_with(
    worker, operator, bundle, wanted, server, tmp_path
):
    """Fetches are ended at a byte; nothing is asked for twice."""
    operator.add(bundle)
    offer, size = worker.check(wanted), bundle.stat().st_size
    arrived = threading.Event()

    def half_and_wait(to):
        to.head(200, Content_Length=size, ETag='"one"')
        to.send(to.data[: size // 2])
        arrived.set()
        to.over.wait(30)

    server.lie(".sfm", half_and_wait, truth)
    part = tmp_path / "part"

    def end():
        arrived.wait(30)
        until(lambda: part.stat().st_size == size // 2)
        worker.end()

    ending = threading.Thread(target=end)
    ending.start()
    with pytest.raises(UnavailableError, match="the fetch was ended"):
        worker.fetch(offer, part, lambda _: None)
    ending.join()
    assert not children()
    worker.end()  # nothing is there to be ended
    worker.fetch(offer, part, lambda _: None)
    assert part.read_bytes() == bundle.read_bytes()
    assert server.ranges(".sfm") == [None, f"bytes={size // 2}-"]


AGENT = """
import sys
from pathlib import Path
from agent.update.worker import ChildWorker
from models.offer import Offer
url, offer, part = sys.argv[1:]
worker = ChildWorker(url, Path(), Path())
worker.fetch(Offer.model_validate_json(offer), Path(part), lambda _: None)
"""


def test_no_process_outlives_the_agent_or_is_in_its_way(
    worker, operator, bundle, wanted, server, tmp_path
):
    operator.add(bundle)
    offer = worker.check(wanted).model_dump_json()
    server.lie(".sfm", lambda to: to.over.wait(30))
    agent = subprocess.Popen([sys.executable, "-c", AGENT, server.url, offer, tmp_path / "part"])
    try:
        (child,) = until(lambda: children(agent.pid))
        until(lambda: server.ranges(".sfm"))
        assert os.getpriority(os.PRIO_PROCESS, child) == min(19, os.nice(0) + 10)
        assert os.getsid(child) == child
        assert int(Path(f"/proc/{child}/oom_score_adj").read_text()) == 800
    finally:
        agent.kill()
        agent.wait()
    until(lambda: not lives(child))


def test_a_process_that_nobody_waits_for_does_nothing(tmp_path):
    """Its parent died before it could ask to die with it."""
    work = Prove(bundle=tmp_path, trust=(), allow_unsigned=True, detect_timeout_s=20, choices=None)
    orders = [Order(parent=1, work=work).model_dump_json() + "\n", "", '{"parent"']
    for order in orders:
        done = subprocess.run(
            [sys.executable, "-m", "agent.update.child"],
            check=False,
            input=order.encode(),
            capture_output=True,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )
        assert (done.returncode, done.stdout, done.stderr) == (1, b"", b"")


def test_the_agents_process_has_neither_tuf_nor_http():
    """Which take 40 MB, and a quarter of a second of each start."""
    code = (
        "import sys, agent.service.agent, agent.update.worker\n"
        "print({name.partition('.')[0] for name in sys.modules}"
        " & {'tuf', 'securesystemslib', 'urllib3', 'httpx', 'httpcore'})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        text=True,
    )
    assert done.stdout == "set()\n"


@pytest.mark.parametrize(
    ("address", "is_told"),
    [
        ("http://me:secret@models.example/", True),
        ("http://127.0.0.1:8000/", False),
        ("https://models.example/", False),
        ("http://[:::]/", False),
    ],
)
def test_who_is_on_the_way_can_look_on_is_told(tmp_path, caplog, address, is_told):
    ChildWorker(address, tmp_path, tmp_path)
    assert ("comes from models.example is verified all the same" in caplog.text) == is_told
    assert "secret" not in caplog.text


def on_a_gpu(tmp_path, wait_s):
    """A worker on a machine that takes a while to build an engine; simulated."""
    slow = tmp_path / "slow"
    slow.mkdir()
    library = (GPU / "tensorrt" / "__init__.py").read_text()
    wait = f"if 'models.runtime.engine_child' in sys.orig_argv: time.sleep({wait_s})\n"
    (slow / "tensorrt.py").write_text(f"import sys, time\n{wait}{library}")
    there = environment(slow)
    variables = (f"{name}={there[name]}" for name in ("PYTHONPATH", "PATH"))
    program = ("/usr/bin/env", *variables, *PROGRAM)
    choices = tmp_path / "choices"
    return ChildWorker(
        "", tmp_path, tmp_path, allow_unsigned=True, choices=choices, program=program
    )


def test_where_there_is_a_gpu_the_engine_is_built_and_kept(tmp_path, bundle):
    worker, shares = on_a_gpu(tmp_path, wait_s=1.5), []
    worker.test(bundle, shares.append)
    assert len(shares) >= 2  # a word each second, so that it is not taken for hanging
    assert [path.suffix for path in (tmp_path / "choices" / "engines").iterdir()].count(
        ".engine"
    ) == 1


def test_who_ends_a_test_ends_the_build_of_its_engine(tmp_path, bundle):
    worker, builders = on_a_gpu(tmp_path, wait_s=3600), []

    def end():
        (tester,) = until(children)
        builders.extend(until(lambda: children(tester, b"models.runtime.engine_child")))
        worker.end()

    ending = threading.Thread(target=end)
    ending.start()
    with pytest.raises(UnavailableError, match="the test was ended"):
        worker.test(bundle, lambda _: None)
    ending.join()
    (builder,) = builders
    until(lambda: not lives(builder))


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
def test_what_was_seen_is_noted_once_it_is_on_the_disk(operator, server, bundle, wanted, tmp_path):
    """python-tuf renames without that, and an emptied cache would let an old server in."""
    operator.add(bundle)
    log = tmp_path / "calls"
    calls = ["strace", "-f", "-y", "-o", log, "-e", "trace=/^(rename|fsync|fdatasync)"]
    # strace is between, and the process asks who its parent is.
    program = (*calls, sys.executable, "-c", _TOLD_THAT_STRACE_IS_ITS_PARENT)
    models = tmp_path / "models"
    ChildWorker(server.url, operator.root, models, program=program).check(wanted)
    steps = [
        (call, Path(first or second).name)
        for call, first, second in re.findall(
            r'(fsync|rename)\((?:\d+<([^>]+)>|"[^"]+", "([^"]+)")', log.read_text()
        )
    ]
    noted = steps.index(("rename", "tuf-seen.json"))
    for name in ("timestamp.json", "snapshot.json", "targets.json"):
        assert steps.index(("rename", name)) < steps.index(("fsync", name)) < noted
    assert ("fsync", "1.root.json") in steps[:noted]
    assert ("fsync", "root_history") in steps[:noted]
    assert ("fsync", "tuf") in steps[:noted]
    assert steps[noted + 1] == ("fsync", "models")


_TOLD_THAT_STRACE_IS_ITS_PARENT = """
import os
parent = int(next(line.split()[1] for line in open(f"/proc/{os.getppid()}/status")
                  if line.startswith("PPid")))
os.getppid = lambda: parent
from agent.update import child
child.main()
"""
