"""Run folder: new, gone on with, of another run, or in another's hands; the same for all trainings."""

import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from distill.errors import OutputError, UsageError
from distill.run_folder import RunFolder
from distill.settings.document import Strict, read_document

ROOT = Path(__file__).resolve().parents[2]
INPUTS = {"teacher.pt": "0" * 64, "train.json": "1" * 64}

HOLD = """
import sys
from pathlib import Path
from distill.run_folder import RunFolder
folder = RunFolder(Path(sys.argv[1]))
folder.hold()
print("held", flush=True)
sys.stdin.read()
"""


class Settings(Strict):
    """Of a run that learns fast or slowly."""

    run: str = "a"
    workers: int = 0
    lr: float = 0.1


def folder_in(path):
    return RunFolder(path / "run", progress=("student.*", "training/*.pt"))


@pytest.fixture
def begun(tmp_path):
    """A run that has begun and has let go of its folder."""
    with closing(folder_in(tmp_path)) as folder:
        folder.begin(Settings(), INPUTS)
    return folder


@pytest.mark.parametrize("name", ["student.pt", "student.safetensors", "training/snapshot.pt"])
def test_before_there_is_progress_a_run_may_begin_with_other_settings(begun, name):
    with closing(begun):
        begun.begin(Settings(lr=0.2), {"teacher.pt": "2" * 64})
        assert read_document(begun.config, Settings).lr == 0.2
        (begun.path / name).parent.mkdir(exist_ok=True)
        (begun.path / name).touch()
        with pytest.raises(UsageError, match=r"was begun with lr: 0\.2, now it is 0\.1; give"):
            begun.begin(Settings())
        begun.begin(Settings(lr=0.2), {"teacher.pt": "2" * 64})


def test_other_inputs_are_another_run(begun):
    (begun.path / "student.pt").touch()
    begun.check(Settings(), INPUTS)
    with pytest.raises(UsageError, match=r"was begun with another train\.json; give another"):
        begun.check(Settings(), INPUTS | {"train.json": "2" * 64})
    with pytest.raises(UsageError, match=r"was begun with another val\.json"):
        begun.check(Settings(), INPUTS | {"val.json": "1" * 64})


def test_what_does_not_change_the_outcome_may_change_and_is_kept(begun):
    (begun.path / "student.pt").touch()
    with closing(begun):
        begun.begin(Settings(run="b", workers=4), INPUTS)
    assert read_document(begun.config, Settings) == Settings(run="b", workers=4)


def test_a_folder_of_other_things_is_left_alone(tmp_path):
    folder = folder_in(tmp_path)
    folder.path.mkdir()
    (folder.path / ".begun").touch()  # what a kill leaves
    folder.check(Settings())
    (folder.path / "letter.txt").touch()
    with closing(folder), pytest.raises(UsageError, match="is there and is no run of ours"):
        folder.begin(Settings())
    assert not folder.config.exists()
    with pytest.raises(UsageError, match="is there and is no run of ours"):
        RunFolder(folder.path / "letter.txt").check(Settings())


def test_a_folder_that_can_not_be_made_is_said(tmp_path):
    (tmp_path / "run").touch()
    with pytest.raises(OutputError, match="run can't be written"):
        folder_in(tmp_path).hold()


def test_one_process_at_a_time_works_in_it(begun):
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(begun.path)],
        env={"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with other, closing(begun):
        assert other.stdout.readline() == "held\n"
        with pytest.raises(UsageError, match="another run is at work in"):
            begun.begin(Settings(), INPUTS)
        other.communicate()
        begun.begin(Settings(), INPUTS)
