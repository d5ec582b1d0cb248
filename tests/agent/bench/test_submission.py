"""What is given to others names nobody and nothing."""

import pytest

from agent.bench.bench_report import SkippedPart
from agent.bench.submission import submission

NAMES = ("street-anna", "person", "number plate", "annas-laptop")


@pytest.mark.parametrize(
    ("why", "left"),
    [
        ("/home/anna/x.onnx: damaged", "... damaged"),
        ("can't open 'C:\\Users\\anna\\x.onnx'", "can't open ..."),
        ("rtsp://anna:geheim@10.0.0.5/1 is away", "... is away"),
        ("street-anna has no fp16", "... has no fp16"),
        ("'Number plate' and 'person', not people", "'...' and '...', not people"),
        ("annas-laptop: no GPU", "...: no GPU"),
        ("impersonal personnel", "impersonal personnel"),
        (
            "libnvdla_compiler.so: cannot open shared object file",
            "libnvdla_compiler.so: cannot open shared object file",
        ),
    ],
)
def test_places_and_names_are_left_out(report, why, left):
    given = report.model_copy(update={"skipped": (SkippedPart(what="tensorrt", why=why),)})
    (skipped,) = submission(given, NAMES).skipped
    assert (skipped.what, skipped.why) == ("tensorrt", left)


def test_figures_stay(report):
    assert submission(report, NAMES) == report
