"""What is sent counts once, outlives a restart, and never keeps a device from its own file."""

import shutil

import pytest

from agent.config.config_digest import digest
from agent.config.overlay import UnfitError
from agent.config.remote import RemoteConfig
from agent.config.secrets import Secrets
from agent.control.messages import ConfigDesired
from agent.errors import UsageError

LOCAL = """\
model: person.sfm
trust: office.pub
streams:
  door: {source: rtsp://10.0.0.5/1, margin: 0.1}
"""
GOOD = {"door": {"source": "rtsp://10.0.0.5/1", "margin": 0.2}}
BETTER = {"door": {"source": "rtsp://10.0.0.5/1", "margin": 0.3}}
BAD = {"door": {"source": "rtsp://10.0.0.5/1", "margin": 0}}
NO_LESS = {"streams.door.margin": "should be at least 0.1, as stream door of the device's own file"}


def desired(rev, streams=None, **more):
    return ConfigDesired(v=1, rev=rev, streams=streams, **more)


@pytest.fixture
def start(write, tmp_path):
    """A start of the agent: with the file as it is, and what was kept."""

    def start():
        if not (tmp_path / "agent.yaml").exists():
            write(LOCAL)
        remote = RemoteConfig(tmp_path / "agent.yaml", Secrets({}, None), tmp_path / "state")
        remote.load()
        remote.accept()
        return remote

    return start


def margin(loaded):
    return loaded.config.streams["door"].hide.margin


def reloaded(remote):
    loaded = remote.load()
    remote.accept()
    return loaded


def told(remote):
    return remote.rev, remote.applied, remote.errors


def test_where_nothing_was_sent_the_file_counts(start):
    remote = start()
    assert margin(remote.load()) == 0.1
    assert told(remote) == (0, False, {})


def test_what_is_accepted_counts_and_outlives_a_restart(start):
    """Facts, line 13: what was set from afar does not vanish with a restart."""
    remote = start()
    assert margin(remote.offer(desired(1, GOOD))) == 0.2
    remote.accept()
    assert told(remote) == (1, True, {})
    for again in (remote, start()):
        assert margin(reloaded(again)) == 0.2
        assert told(again) == (1, True, {})


def test_until_it_is_accepted_nothing_has_changed(start):
    remote = start()
    remote.offer(desired(1, GOOD))
    assert told(remote) == (0, False, {})
    again = start()
    assert told(again) == (0, False, {})
    assert margin(again.load()) == 0.1


def test_the_files_own_text_is_never_touched(start, tmp_path):
    remote = start()
    remote.offer(desired(1, GOOD))
    remote.accept()
    assert (tmp_path / "agent.yaml").read_text() == LOCAL


def test_the_same_again_is_nothing_to_do(start):
    remote = start()
    remote.offer(desired(5, GOOD))
    remote.accept()
    for again in (remote, start()):
        assert again.offer(desired(5, GOOD)) is None
        assert told(again) == (5, True, {})


def test_an_old_one_that_is_sent_again_is_refused(start):
    remote = start()
    for rev, streams in ((4, GOOD), (5, BETTER)):
        remote.offer(desired(rev, streams))
        remote.accept()
    for again in (remote, start()):
        with pytest.raises(UnfitError) as caught:
            again.offer(desired(4, GOOD))
        assert caught.value.errors == {
            "rev": "4 is older than 5, which came before it; send a higher one"
        }
        assert told(again) == (5, True, caught.value.errors)
        assert margin(reloaded(again)) == 0.3


def test_another_content_under_the_same_rev_is_refused(start):
    remote = start()
    remote.offer(desired(5, GOOD))
    remote.accept()
    with pytest.raises(UnfitError) as caught:
        remote.offer(desired(5, BETTER))
    assert caught.value.errors == {
        "rev": "5 came before, and said something else; send a higher one"
    }
    assert told(remote) == (5, True, caught.value.errors)
    assert margin(reloaded(remote)) == 0.2
    assert remote.offer(desired(5, GOOD)) is None
    assert told(remote) == (5, True, {})


def test_an_invalid_one_changes_nothing_and_is_not_tried_again(start):
    """Facts, line 29: a refusal is final for its rev."""
    remote = start()
    remote.offer(desired(6, GOOD))
    remote.accept()
    with pytest.raises(UnfitError) as caught:
        remote.offer(desired(7, BAD))
    assert caught.value.errors == NO_LESS
    remote.accept()  # of nothing
    for again in (remote, start()):
        assert told(again) == (7, False, NO_LESS)
        assert margin(reloaded(again)) == 0.2
        assert again.offer(desired(7, BAD)) is None
        assert told(again) == (7, False, NO_LESS)
    with pytest.raises(UnfitError, match="older than 7"):
        remote.offer(desired(6, GOOD))
    remote.offer(desired(8, BETTER))
    remote.accept()
    assert told(remote) == (8, True, {})


def test_one_fault_refuses_all_that_came_with_it(start):
    remote = start()
    with pytest.raises(UnfitError) as caught:
        remote.offer(desired(1, GOOD, telemetry={"interval_s": 1}, update={}))
    assert set(caught.value.errors) == {"update"}
    with pytest.raises(UnfitError) as caught:
        remote.offer(desired(2, BAD, telemetry={"interval_s": 1}))
    assert set(caught.value.errors) == {"telemetry.interval_s"}
    assert margin(remote.load()) == 0.1


def test_what_only_the_agent_knows_refuses_an_offer(start):
    remote = start()
    assert margin(remote.offer(desired(1, GOOD))) == 0.2
    assert (
        margin(remote.refuse({"streams.door.hide.classes": "the model has no class 'dog'"})) == 0.1
    )
    for again in (remote, start()):
        assert told(again) == (
            1, False, {"streams.door.hide.classes": "the model has no class 'dog'"}
        )  # fmt: skip
        assert again.offer(desired(1, GOOD)) is None
        assert margin(reloaded(again)) == 0.1


def test_what_only_the_agent_knows_drops_what_was_kept_and_not_the_file(start):
    """Another model, which lacks a class: the device starts by its own file."""
    remote = start()
    remote.offer(desired(1, GOOD))
    remote.accept()
    again = start()
    assert margin(again.load()) == 0.2
    errors = {"streams.door.hide.classes": "the model has no class 'dog'"}
    assert margin(again.refuse(errors)) == 0.1
    again.accept()
    assert told(again) == (1, False, errors)
    assert margin(reloaded(again)) == 0.2, "with the next model it may fit"


def test_after_a_change_of_the_file_what_was_sent_lies_over_the_new_one(start, write):
    remote = start()
    remote.offer(desired(1, GOOD))
    remote.accept()
    write(LOCAL + "telemetry: {prometheus: null}\n")
    loaded = reloaded(remote)
    assert (margin(loaded), loaded.config.telemetry.prometheus) == (0.2, None)
    assert told(remote) == (1, True, {})


def test_what_no_longer_fits_the_changed_file_is_left_out_and_said(start, write):
    remote = start()
    remote.offer(desired(1, GOOD))
    remote.accept()
    write(LOCAL.replace("0.1", "0.4"))
    for again in (remote, start()):
        assert margin(reloaded(again)) == 0.4
        rev, applied, errors = told(again)
        assert (rev, applied) == (1, False)
        assert errors == {
            "streams.door.margin": "should be at least 0.4, as stream door of the device's own file"
        }
    write(LOCAL)
    assert margin(reloaded(remote)) == 0.2
    assert told(remote) == (1, True, {})


def test_a_file_that_lets_nothing_be_sent_any_more_counts_alone(start, write):
    remote = start()
    remote.offer(desired(1, GOOD))
    remote.accept()
    write(LOCAL + "control: {remote: []}\n")
    assert margin(reloaded(remote)) == 0.1
    assert not remote.applied
    assert set(remote.errors) == {"streams"}


def test_a_file_that_was_replaced_is_read_at_the_next_load(start, tmp_path):
    """Facts, line 14: editors and tools put another file in its place; nothing is watched."""
    remote = start()
    other = tmp_path / "new"
    other.write_text(LOCAL.replace("0.1", "0.4"))
    other.replace(tmp_path / "agent.yaml")
    assert margin(reloaded(remote)) == 0.4


def test_an_invalid_file_leaves_all_as_it_is(start, write):
    remote = start()
    remote.offer(desired(1, GOOD))
    remote.accept()
    write("model: [\n")
    with pytest.raises(UsageError, match=r"agent\.yaml:"):
        remote.load()
    remote.accept()  # of nothing
    assert told(remote) == (1, True, {})
    assert margin(remote.offer(desired(2, BETTER))) == 0.3


def test_an_offer_lies_over_the_file_that_was_accepted_and_not_over_a_half_written_one(
    start, write
):
    remote = start()
    write(LOCAL.replace("0.1", "0.05"))
    remote.load()  # and the agent could not take it on
    with pytest.raises(UnfitError) as caught:
        remote.offer(desired(1, {"door": {"source": "rtsp://10.0.0.5/1", "margin": 0.07}}))
    assert caught.value.errors == NO_LESS


def test_nothing_sent_takes_back_what_was_sent(start):
    remote = start()
    remote.offer(desired(1, GOOD))
    remote.accept()
    assert margin(remote.offer(desired(2))) == 0.1
    remote.accept()
    assert told(remote) == (2, True, {})
    assert margin(start().load()) == 0.1


def test_after_a_reset_the_file_counts_until_something_newer_comes(start):
    remote = start()
    remote.offer(desired(3, GOOD))
    remote.accept()
    remote._file.reset()
    for again in (remote, start()):
        assert margin(reloaded(again)) == 0.1
        assert (again.rev, again.applied) == (3, False)
        assert "reset-remote" in again.errors["rev"]
        assert again.offer(desired(3, GOOD)) is None, "which the broker still holds"
    remote.offer(desired(4, BETTER))
    remote.accept()
    assert told(remote) == (4, True, {})


def test_a_damaged_file_is_said_and_the_device_starts(start, tmp_path):
    remote = start()
    remote.offer(desired(3, GOOD))
    remote.accept()
    (tmp_path / "state" / "remote.json").write_bytes(b"{")
    again = start()
    assert margin(again.load()) == 0.2
    assert (again.rev, again.applied) == (3, True)
    assert "its copy of rev 3 was taken" in again.errors["remote.json"]
    (tmp_path / "state" / "remote.json").write_bytes(b"{")
    (tmp_path / "state" / "remote.copy.json").write_bytes(b"")
    again = start()
    assert margin(again.load()) == 0.1
    assert (again.rev, again.applied) == (0, False)
    assert "its copy is of no use" in again.errors["remote.json"]


def test_what_can_not_be_kept_is_run_by_all_the_same_and_said(start, tmp_path):
    remote = start()
    (tmp_path / "state").write_text("a file in the folder's place")
    assert margin(remote.offer(desired(1, GOOD))) == 0.2
    remote.accept()
    assert (remote.rev, remote.applied) == (1, True)
    assert "can't write" in remote.errors["remote.json"]
    (tmp_path / "state").unlink()
    remote.offer(desired(2, BETTER))
    remote.accept()
    assert told(remote) == (2, True, {})


def test_the_file_comes_first(write, tmp_path):
    remote = RemoteConfig(write(LOCAL), None, tmp_path / "state")
    with pytest.raises(RuntimeError, match="load and accept"):
        remote.offer(desired(1, GOOD))


def test_a_digest_tells_configurations_apart_and_no_secret(loaded):
    text = LOCAL.replace("rtsp://10.0.0.5/1", "'rtsp://viewer:${env:PW}@10.0.0.5/1'")
    one, other = (digest(loaded(text, PW=password).config) for password in ("first", "second"))
    assert one == other
    assert len(one) == 64
    assert digest(loaded(LOCAL).config) != one
    assert digest(loaded(f"# remark\n{text}", PW="x").config) == one


def test_a_device_that_lost_its_state_takes_an_old_one_again_as_far_as_its_file_lets_it(
    start, tmp_path
):
    """docs/mqtt.md says so: nothing else remembers, and a clock can't be asked at every start."""
    remote = start()
    for rev, streams in ((4, GOOD), (5, BETTER)):
        remote.offer(desired(rev, streams))
        remote.accept()
    shutil.rmtree(tmp_path / "state")
    again = start()
    assert told(again) == (0, False, {})
    with pytest.raises(UnfitError) as caught:
        again.offer(desired(3, BAD))
    assert caught.value.errors == NO_LESS
    assert margin(again.offer(desired(4, GOOD))) == 0.2
