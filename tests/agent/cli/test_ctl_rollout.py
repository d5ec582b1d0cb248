"""`sfumato ctl rollout`, as typed, with a real broker and a simulated group behind it."""

import json
import time
from contextlib import ExitStack

import pytest
from broker import Broker
from driving import Driving
from simulated_group import OLD, SimulatedGroup
from worlds import write_world_bundle

from agent.cli import main
from models.claims import read_claims

TIMEOUT_S = 60
pytestmark = pytest.mark.slow


@pytest.fixture
def world(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home" / "state"))
    monkeypatch.chdir(tmp_path)
    with ExitStack() as stack:
        yield stack.enter_context


@pytest.fixture
def broker(world, tmp_path):
    return world(Broker(tmp_path / "broker"))


@pytest.fixture
def digest(tmp_path):
    """Of the bundle `new.sfm`, here."""
    write_world_bundle(tmp_path / "new.sfm")
    return read_claims(tmp_path / "new.sfm").digest


@pytest.fixture
def group(world, broker, digest):  # noqa: ARG001 which there has to be
    def make(count, **more):
        return world(SimulatedGroup(broker.port, count, **more))

    return make


@pytest.fixture
def ctl(capsys, broker):
    """Run `sfumato ctl rollout`: exit code, what it printed as JSON, lines on standard error."""

    def run(*words):
        where = ["--broker", f"127.0.0.1:{broker.port}", "--json"]
        code = main(["ctl", "rollout", *map(str, words), *where])
        said = capsys.readouterr()
        return code, json.loads(said.out) if said.out else None, said.err.splitlines()

    return run


@pytest.fixture
def driving(broker):
    """The same in a process of its own."""

    def begin(*words):
        return Driving(["--broker", f"127.0.0.1:{broker.port}"], *words)

    return begin


def told(group):
    return [(document.rev, document.percent) for document in group.documents]


def until(reached):
    deadline_s = time.monotonic() + TIMEOUT_S
    while not reached():
        assert time.monotonic() < deadline_s
        time.sleep(0.05)


def test_a_group_gets_a_model_in_stages(ctl, group, digest):
    cameras, others = group(40), group(3, group="others")
    code, said, err = ctl("start", "cameras", "new.sfm", "--window", "02:00-04:00")
    assert (code, said["state"], said["tally"]) == (0, "done", {"succeeded": 40})
    until(lambda: told(cameras) == [(1, 1), (2, 5), (3, 25), (4, 100)])
    assert [stage["devices"] for stage in said["stages"]] == [1, 2, 10, 40]
    assert said["bundle"]["digest"] == digest
    assert {document.salt for document in cameras.documents} == {said["salt"]}
    assert {document.window for document in cameras.documents} == {"02:00-04:00"}
    assert (cameras.running, others.running) == ({digest: 40}, {OLD: 3})
    assert err[0] == "sfumato: stage 1 of 4: 1 devices (1 %)"
    assert err[-1] == "sfumato: stage 4 of 4: 40 devices (100 %)"
    # Another roll-out begins behind the numbers of the last one, with another salt.
    code, said, _ = ctl("start", "cameras", "new.sfm", "--to", "100")
    assert (code, said["tally"], told(cameras)[4:]) == (0, {"succeeded": 40}, [(5, 100)])
    assert cameras.documents[-1].salt != cameras.documents[0].salt


def test_where_devices_fail_nobody_further_takes_it(ctl, group):
    names = [f"cameras-{number}" for number in range(40)]
    cameras = group(40, fates=dict.fromkeys(names[:20], "test") | dict.fromkeys(names[20:], "bad"))
    code, said, err = ctl("start", "cameras", "new.sfm")
    assert (code, said["state"], said["reason"]) == (7, "aborted", "1 of 1 devices failed")
    assert err[-1].endswith("world v1 to cameras: aborted: 1 of 1 devices failed")
    until(lambda: told(cameras) == [(1, 1), (2, 0)])
    (device,) = cameras.touched
    assert said["failed"][device] in {"failed: it saw nothing", "rolled_back: it is slow"}
    assert cameras.running == {OLD: 40}
    # It is over, so the next one begins anew.
    cameras.fates.clear()
    code, said, _ = ctl("start", "cameras", "new.sfm")
    assert (code, said["tally"]) == (0, {"succeeded": 40})
    until(lambda: told(cameras)[2:] == [(3, 1), (4, 5), (5, 25), (6, 100)])


def test_whoever_has_it_keeps_it_where_others_fail(ctl, group, digest):
    cameras = group(40, fates=dict.fromkeys(["cameras-1", "cameras-2", "cameras-3"], "bad"))
    code, said, _ = ctl("start", "cameras", "new.sfm", "--to", "100")
    assert (code, said["state"]) == (7, "aborted")
    assert set() < set(said["failed"]) <= set(cameras.fates)
    until(lambda: told(cameras) == [(1, 100), (2, 0)])
    assert cameras.running == {digest: 37, OLD: 3}


def test_who_says_nothing_counts_as_timed_out(ctl, group, digest):
    cameras = group(40, fates={"cameras-7": "silent", "cameras-8": "hangs"})
    code, said, _ = ctl("start", "cameras", "new.sfm", "--to", "100", "--timeout", "10s")
    assert (code, said["state"]) == (0, "done")  # 38 of 40 are 95 %
    assert said["timed_out"] == ["cameras-7", "cameras-8"]
    assert said["tally"] == {"succeeded": 38, "timed_out": 2}
    assert cameras.running[digest] == 38
    until(lambda: told(cameras) == [(1, 100)])  # which they may still take


def test_too_much_silence_ends_it_with_eight(ctl, group):
    cameras = group(8, fates=dict.fromkeys(["cameras-1", "cameras-2"], "silent"))
    words = ["--to", "100", "--timeout", "10s"]
    code, said, err = ctl("start", "cameras", "new.sfm", *words)
    assert (code, said["state"], said["reason"]) == (
        8, "timed_out", "2 of 8 devices gave no answer in time"
    )  # fmt: skip
    until(lambda: told(cameras) == [(1, 100), (2, 0)])
    assert err[-1].endswith("timed out: 2 of 8 devices gave no answer in time")


def test_one_that_is_away_is_not_among_the_first(ctl, group):
    cameras = group(20, away=[f"cameras-{number}" for number in range(10)])
    code, said, _ = ctl(
        "start", "cameras", "new.sfm", "--to", "5,100", "--timeout", "10s", "--success", "50"
    )
    assert (code, len(said["timed_out"])) == (0, 10)
    assert set(said["timed_out"]) == cameras.away


def test_devices_with_a_model_of_their_own_are_left_out(ctl, group):
    cameras = group(4)
    cameras.own_model("cameras-2")
    cameras.fates["cameras-2"] = "silent"
    code, said, err = ctl("start", "cameras", "new.sfm", "--to", "100")
    assert (code, said["devices"], said["tally"]) == (0, 3, {"succeeded": 3})
    assert "warning: left out, for they have a model of their own: cameras-2" in err[0]


def test_it_goes_on_where_it_was_killed(driving, group):
    """Killed in each stage, while devices that it told are on their way."""
    cameras = group(40)

    def reach(stage):
        cameras.holds = True
        with driving("start", "cameras", "new.sfm") as driver:
            cameras.until(lambda: len(cameras.documents) == stage)
            driver.kill()
        cameras.let_go()

    for stage in (1, 2, 3, 4):
        reach(stage)
    with driving("start", "cameras", "new.sfm") as driver:
        code, said, _ = driver.ended()
    assert (code, said["tally"]) == (0, {"succeeded": 40})
    until(lambda: told(cameras) == [(1, 1), (2, 5), (3, 25), (4, 100)])
    assert len(cameras.touched) == 40


def test_ctrl_c_leaves_it_to_be_gone_on_with(driving, group, ctl):
    cameras = group(10)
    cameras.holds = True
    with driving("start", "cameras", "new.sfm") as driver:
        cameras.until(lambda: cameras.touched)
        code, said, err = driver.interrupt()
    assert (code, said, err[-1]) == (130, None, "sfumato: stopped")
    code, said, _ = ctl("status", "cameras")
    assert (code, said["state"], said["driven"], said["stage"]) == (0, "running", False, 1)
    cameras.let_go()
    assert ctl("resume", "cameras")[1]["state"] == "done"


def test_it_waits_for_a_broker_that_was_killed(broker, driving, group, digest):
    cameras = group(10)
    cameras.holds = True
    with driving("start", "cameras", "new.sfm") as driver:
        cameras.until(lambda: cameras.touched)
        broker.kill()  # and it forgets all that it was told
        cameras.let_go()
        broker.start()
        code, said, _ = driver.ended()
    assert (code, said["tally"]) == (0, {"succeeded": 10})
    assert cameras.running == {digest: 10}


def test_it_pauses_where_it_was_asked_to(ctl, group):
    cameras = group(40)
    code, said, _ = ctl("start", "cameras", "new.sfm", "--pause-after", "5,25")
    assert (code, said["state"], said["reason"]) == (0, "paused", "as asked for after 5 %")
    assert told(cameras)[-1] == (2, 5)
    code, said, err = ctl("start", "cameras", "new.sfm", "--pause-after", "5,25")
    assert (code, said) == (2, None)
    assert "is paused" in err[0]
    code, said, _ = ctl("resume", "cameras")
    assert (code, said["reason"], told(cameras)[-1]) == (0, "as asked for after 25 %", (3, 25))
    code, said, _ = ctl("resume", "cameras")
    assert (code, said["state"], told(cameras)[-1]) == (0, "done", (4, 100))


def test_another_program_pauses_and_aborts_it(ctl, driving, group):
    cameras = group(10)
    cameras.holds = True
    with driving("start", "cameras", "new.sfm") as driver:
        cameras.until(lambda: cameras.touched)
        code, said, _ = ctl("pause", "cameras")
        assert (code, said["state"]) == (0, "paused")
        code, said, _ = driver.ended()
        assert (code, said["state"], said["reason"]) == (0, "paused", "as asked for")
    with driving("resume", "cameras") as driver:
        until(lambda: ctl("status", "cameras")[1]["driven"])
        code, said, _ = ctl("abort", "cameras")
        assert (code, said["state"]) == (0, "aborted")
        code, said, err = driver.ended()
        assert (code, err[-1].split(": ")[-2:]) == (7, ["aborted", "as asked for"])
    cameras.let_go()
    until(lambda: told(cameras) == [(1, 1), (2, 0)])
    assert cameras.running == {OLD: 10}


def test_what_nobody_drives_is_aborted_all_the_same(ctl, group):
    cameras = group(10)
    assert ctl("start", "cameras", "new.sfm", "--pause-after", "1")[0] == 0
    assert ctl("pause", "cameras")[1]["state"] == "paused"
    code, said, _ = ctl("abort", "cameras")
    assert (code, said["state"]) == (0, "aborted")
    until(lambda: told(cameras) == [(1, 1), (2, 0)])
    for word in ("abort", "resume", "pause"):
        code, _, err = ctl(word, "cameras")
        assert (code, len(err)) == (2, 1)
        assert "it is over (aborted)" in err[0]


@pytest.mark.parametrize("payload", [b"", None])
def test_it_ends_where_somebody_else_tells_the_group_something(driving, group, payload):
    cameras = group(10)
    cameras.holds = True
    other = {"v": 1, "rev": 9, "name": "x", "version": 1, "digest": OLD, "percent": 1, "salt": "x"}
    with driving("start", "cameras", "new.sfm") as driver:
        cameras.until(lambda: cameras.touched)
        cameras.tell(json.dumps(other).encode() if payload is None else payload)
        code, said, _ = driver.ended()
    what = "set rev 9" if payload is None else "took it back"
    assert (code, said["reason"]) == (7, f"somebody else {what} meanwhile")
    assert told(cameras)[-1] == ((9, 1) if payload is None else (1, 1))


def test_another_roll_out_does_not_begin_beside_it(ctl, driving, group):
    cameras = group(10)
    cameras.holds = True
    with driving("start", "cameras", "new.sfm") as driver:
        cameras.until(lambda: cameras.touched)
        code, _, err = ctl("start", "cameras", "new.sfm")
        assert (code, len(err)) == (2, 1)
        assert "is being driven by another program" in err[0]
        driver.kill()
    code, _, err = ctl("start", "cameras", "new.sfm", "--to", "50")
    assert (code, len(err)) == (2, 1)
    assert "is not over; `resume` or `abort` it" in err[0]


def test_what_a_person_reads(capsys, broker, group):
    group(3, fates={"cameras-1": "test"})
    where = ["--broker", f"127.0.0.1:{broker.port}"]
    assert main(["ctl", "rollout", "start", "cameras", "new.sfm", "--to", "100", *where]) == 7
    capsys.readouterr()
    assert main(["ctl", "rollout", "status", "cameras"]) == 0
    first, head, stage, counts, *rest = capsys.readouterr().out.splitlines()
    assert first == "world v1 to cameras: aborted (1 of 3 devices failed)"
    assert (head.split(), stage.split()[:3]) == (["STAGE", "DEVICES", "TOLD"], ["100", "%", "3"])
    assert counts == "3 told: 1 failed, 2 succeeded"
    assert rest == ["cameras-1: failed: it saw nothing"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["start", "nobody", "new.sfm"], "nobody: no device says that it belongs to it"),
        (["start", "Cameras", "new.sfm"], "GROUP: "),
        (["start", "cameras", "new.sfm", "--to", "5,1"], "--to: stages should rise"),
        (["start", "cameras", "new.sfm", "--to", "0,1"], "--to: "),
        (["start", "cameras", "new.sfm", "--pause-after", "3"], "no stage of 3 % to pause after"),
        (["start", "cameras", "new.sfm", "--min", "0"], "--min: "),
        (["start", "cameras", "new.sfm", "--window", "2-4"], "--window: "),
        (["status", "cameras"], "no roll-out to cameras was begun here"),
        (["resume", "Cameras"], "Cameras: no group's name"),
    ],
)
@pytest.mark.usefixtures("digest")
def test_what_makes_no_sense_is_not_begun(ctl, words, said):
    code, out, err = ctl(*words)
    assert (code, out, len(err)) == (2, None, 1)
    assert said in err[0]


def test_a_file_that_is_no_roll_out_is_said_in_a_line(ctl, tmp_path):
    (tmp_path / "state.json").write_text("{}")
    code, _, err = ctl("resume", "cameras", "--state", "state.json")
    assert (code, err) == (
        3, ["sfumato: state.json: no roll-out's state; name another file with --state"]
    )  # fmt: skip
