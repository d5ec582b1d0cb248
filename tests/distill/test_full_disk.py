"""A full disk is one line that names the file, and exit 4; a limit on a file's size stands for one."""

import re
import resource
import sys

import pytest
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from toys import settings, toy_dataset, write_settings

from distill.cli import main
from distill.errors import OutputError
from distill.finetune.metrics_log import MetricsLog, read_metrics
from distill.finetune.training_curves import Curves

LINE = re.compile(r"sfumato-distill: (?P<path>/\S+) can't be written: File too large")


@pytest.fixture
def limit(monkeypatch):
    """Lets no file grow beyond some bytes, until the test is over."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # Python would keep what was cut off
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda count: resource.setrlimit(resource.RLIMIT_FSIZE, (count, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Settings of each kind of run, by name."""
    folder = tmp_path_factory.mktemp("world")
    own, val = toy_dataset(folder / "own", 4, 0), toy_dataset(folder / "val", 2, 1)
    stages = [{"name": "all", "trains": "all", "steps": 2, "lr": 1e-3}]
    student = {
        "run": "run",
        "teacher": {"weights": "none.pt"},
        "data": {"labelled": str(own), "val": str(val)},
        "schedule": {
            "epochs": 1, "images_per_epoch": 4, "batch_size": 2, "warmup_epochs": 0,
            "close_mosaic": 0,
        },
    }  # fmt: skip
    models = {"yolo": "yolov8n-seg", "ours": "rtmdet-ins-tiny"}
    for name, model in models.items():
        about = {"model": model, "classes": ["bottle"], "image_size": 64}
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(student | {"student": about}))
    write_settings(folder / "finetune.yaml", settings(own, val, stages=stages))
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "most", "file"),
    [
        ("finetune {world}/finetune.yaml", 300, "config.yaml"),
        ("finetune {world}/finetune.yaml", 1500, "batch-all.png"),
        ("finetune {world}/finetune.yaml", 200_000, "best.safetensors"),
        ("finetune {world}/finetune.yaml", 30_000_000, "snapshot.pt"),
        ("distill {world}/yolo.yaml --control", 300, "config.yaml"),
        ("distill {world}/yolo.yaml --control", 1500, "training/args.yaml"),
        ("distill {world}/yolo.yaml --control", 30_000, "training/BoxPR_curve.png"),
        ("distill {world}/yolo.yaml --control", 9_000_000, "training/weights/last.pt"),
        ("distill {world}/ours.yaml --control", 30_000_000, "training/snapshot.pt"),
    ],
)
def test_a_run_that_fills_it_names_the_file(world, tmp_path, capsys, limit, words, most, file):
    limit(most)
    given = [word.format(world=world) for word in words.split()]
    assert main([*given, "--device", "cpu", "--out", str(tmp_path / "run")]) == 4
    *before, last = capsys.readouterr().err.splitlines()
    assert LINE.fullmatch(last)["path"] == str(tmp_path / "run" / file)
    assert not [line for line in before if "Traceback" in line or "Error" in line]
    assert not list((tmp_path / "run").rglob("*.new"))


def test_a_log_that_does_not_fit_is_named_and_can_be_ended(tmp_path, limit):
    path = tmp_path / "metrics.jsonl"
    log = MetricsLog(path, 0)
    limit(100)
    log.add(step=1, loss=0.5)
    with pytest.raises(OutputError, match=r"metrics\.jsonl can't be written: File too large$"):
        log.add(step=2, what="x" * 200)
    log.close()
    assert read_metrics(path) == [{"step": 1, "loss": 0.5}], "what is torn is no line"


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
def test_curves_that_do_not_fit_are_named_at_once(tmp_path, limit):
    curves = Curves(tmp_path / "curves", 1)
    limit(1000)
    with pytest.raises(OutputError, match=r"curves/events\S+ can't be written: File too large$"):
        curves.scalars({f"loss/{number}": 1.0 for number in range(100)}, 1)
    curves.close()


def test_tensorboard_reads_what_is_written_and_forgets_what_was_done_again(tmp_path):
    for first, last in ((1, 4), (3, 5)):  # killed after 4, gone on with after 2
        curves = Curves(tmp_path, first)
        for step in range(first, last + 1):
            curves.scalars({"loss": 10.0 * first + step}, step)
        curves.close()
    found = EventAccumulator(str(tmp_path))
    found.Reload()
    assert [(one.step, one.value) for one in found.Scalars("loss")] == [
        (1, 11), (2, 12), (3, 33), (4, 34), (5, 35),
    ]  # fmt: skip
