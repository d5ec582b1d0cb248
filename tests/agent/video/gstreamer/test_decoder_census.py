"""Which decoders of a GPU work here, where drivers do well, crash or lie."""

import json
import subprocess
import sys
from dataclasses import replace

import boards
import pytest

from agent.doctor.codecs import look_at_codecs
from agent.doctor.interpreter import Interpreter

NVDEC, JETSON = "pyav-cuda", "nvv4l2decoder ! nvvidconv"
OTHERS = ["nvh264dec ! cudaconvert ! cudadownload", "nvh264dec ! videoconvert"]
CODE = """
import json
from agent.video.decoder_census import decoder_census
print(json.dumps(list(decoder_census())))
"""


@pytest.fixture
def census(drivers):
    """Each way by its name, and why it doesn't decode, on a machine with such a driver."""

    def run(fault="well"):
        words = [sys.executable, "-c", CODE]
        done = subprocess.run(
            words, env=drivers(fault), capture_output=True, text=True, check=True, timeout=120
        )
        said = [tuple(each) for each in json.loads(done.stdout)]
        assert [way for way, _ in said] == [NVDEC, JETSON, *OTHERS]
        return dict(said)

    return run


def test_one_that_shows_what_was_encoded_decodes(census):
    said = census()
    assert said[JETSON] is None
    assert all("is not installed" in said[way] for way in OTHERS)
    assert "no GPU of NVIDIA's decodes h264 here" in said[NVDEC]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "failure"),
    [("green", "gives another picture than FFmpeg"), ("crashes", "crashed (SIGABRT)")],
)
def test_one_that_fails_says_why(census, fault, failure):
    assert census(fault)[JETSON].startswith(failure)


@pytest.mark.slow
def test_doctor_names_what_works_and_says_why_others_do_not(drivers, tmp_path):
    machine = boards.pc_with_nvidia(tmp_path / "root").machine

    def decoders(fault):
        there = replace(Interpreter.of_process(), environment=drivers(fault))
        return next(
            each for each in look_at_codecs(machine, there, frozenset()) if each.name == "decoders"
        )

    good, bad = decoders("well"), decoders("green")
    assert (good.state, good.said.partition("; on the GPU: ")[2]) == ("ok", JETSON)
    assert bad.state == "warning"
    assert f"none on the GPU: {NVDEC}: no GPU of NVIDIA's decodes h264 here" in bad.said
    assert f"; {JETSON}: gives another picture than FFmpeg" in bad.said
    assert "not installed" not in bad.said
