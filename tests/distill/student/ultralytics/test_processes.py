"""Several processes of one training, on the CPU: they meet, and one error is one error."""

import os
import resource
import sys
from contextlib import closing

import pytest
from ultralytics.utils.dist import ddp_cleanup, generate_ddp_command

from distill.errors import OutputError, TrainingError
from distill.student.run import begun_folder
from distill.student.ultralytics.processes import run_processes
from distill.student.ultralytics.student_trainer import StudentTrainer
from distill.student.ultralytics.training import overrides

pytestmark = pytest.mark.slow  # each process imports PyTorch

MEET = """
import os, sys
from pathlib import Path
import torch
from distill.errors import OutputError
from distill.student.ultralytics.processes import reported
here = Path(sys.argv[0]).parent
torch.distributed.init_process_group("gloo")
rank = torch.distributed.get_rank()
(here / f"pid{rank}").write_text(str(os.getpid()))
def meet():
    total = torch.tensor([rank + 1])
    torch.distributed.all_reduce(total)
    return int(total)
(here / f"sum{rank}").write_text(str(meet()))
meet()  # so that both have written
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run what follows after two processes have met."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))

    def run(then):
        program = tmp_path / "program.py"
        program.write_text(MEET + then)
        run_processes(str(program), 2)

    return run


def gone(folder):
    return all(not is_alive(int((folder / f"pid{rank}").read_text())) for rank in (0, 1))


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_what_one_reports_is_raised_here_and_nothing_is_printed(run, tmp_path, capfd):
    with pytest.raises(OutputError, match=r"^a/b\.pt can't be written: Speicher für é fehlt$"):
        run("""
with reported():
    if not rank:
        raise OutputError("a/b.pt can't be written: Speicher für é fehlt")
    meet()  # with nobody: it would fail
""")
    assert [(tmp_path / f"sum{rank}").read_text() for rank in (0, 1)] == ["3", "3"], "they met"
    assert capfd.readouterr() == ("", "")
    assert gone(tmp_path)


def test_one_that_ends_without_a_report_ends_all(run, tmp_path, capfd):
    with pytest.raises(TrainingError, match="one of the processes failed; it said why above"):
        run("if rank:\n    raise RuntimeError('a fault of ours')\nimport time\ntime.sleep(600)")
    assert "a fault of ours" in capfd.readouterr().err
    assert gone(tmp_path)


@pytest.mark.parametrize(("most", "file"), [(1500, "args.yaml"), (9_000_000, "weights/last.pt")])
def test_a_disk_that_is_full_for_one_of_them_is_said_with_the_files_name(
    tmp_path, config_of, most, file, monkeypatch
):
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")  # Python would keep what was cut off
    config = config_of(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with closing(begun_folder(config)) as folder:
        trainer = StudentTrainer(overrides=overrides(config, folder, "cpu"))
        _, program = generate_ddp_command(trainer)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
        try:
            with pytest.raises(OutputError, match=rf"training/{file} can't be written: File too"):
                run_processes(program, 1)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            ddp_cleanup(trainer, program)
