"""Why the agent before this one ended."""

import pytest

from agent.service.last_run import LastRun


def test_the_first_run_knows_of_none_before(tmp_path):
    assert LastRun(tmp_path, "a").begin() is None


@pytest.mark.parametrize("ending", ["stopped", "restart", "fault"])
def test_what_a_run_said_at_its_end_is_told_by_the_next(tmp_path, ending):
    run = LastRun(tmp_path, "a")
    run.begin()
    run.end(ending)
    assert LastRun(tmp_path, "b").begin() == ending


def test_one_that_said_nothing_was_killed_or_went_with_the_machine(tmp_path):
    LastRun(tmp_path, "a").begin()
    assert LastRun(tmp_path, "a").begin() == "killed"
    assert LastRun(tmp_path, "b").begin() == "machine"
    assert LastRun(tmp_path, "b").begin() == "killed"


def test_a_damaged_file_tells_nothing(tmp_path):
    run = LastRun(tmp_path, "a")
    run.begin()
    (tmp_path / "last-run.json").write_bytes(b"{")
    assert LastRun(tmp_path, "a").begin() is None


def test_without_a_folder_nobody_knows(tmp_path, caplog):
    (tmp_path / "file").touch()
    for folder in (None, tmp_path / "file" / "below"):
        run = LastRun(folder, "a")
        assert run.begin() is None
        run.end("stopped")
        assert run.begin() is None
    assert "can't be written" in caplog.text
