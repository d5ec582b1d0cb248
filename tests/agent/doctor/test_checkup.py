"""All of it, on machines as they come out of their boxes."""

import json

import boards
import pytest
from machine_clock import MachineClock

from agent.doctor.checkup import checkup
from agent.doctor.finding import Finding
from agent.doctor.told import conclusion, document_of, heading, lacks, lines_of

CLOCK = MachineClock(1_795_000_000.0).clock()
JETSON = [
    "python", "system", "gpu", "cuda", "pycuda", "tensorrt", "onnxruntime", "runtimes", "gstreamer",
    "decoders", "encoders", "devices", "clock",
]  # fmt: skip


def look(board):
    return list(checkup(board.machine, board.interpreter(), CLOCK, None))


@pytest.mark.slow
@pytest.mark.parametrize("make", [boards.orin_nano, boards.agx_orin, boards.thor])
def test_a_jetson_as_it_should_be_has_nothing_to_mend(root, make):
    findings = look(make(root))
    assert [each.name for each in findings] == JETSON
    # Its GStreamer only lists; one that decodes is tried in test_codecs.py.
    assert [each.name for each in findings if each.state != "ok"] == ["decoders"]
    assert sum(len(list(lines_of(each))) for each in findings) == len(JETSON) + 1


@pytest.mark.slow
def test_a_pc_needs_nothing_of_nvidias(root):
    findings = look(boards.pc(root))
    assert [each.name for each in findings if each.name in {"cuda", "pycuda", "tensorrt"}] == []
    assert lacks(findings) == []
    assert len(findings) == 10


def test_an_old_jetpack_will_not_do(root):
    board = boards.orin_nano(root)
    board.put("etc/nv_tegra_release", "# R35 (release), REVISION: 4.1, GCID: 1\n")
    (system,) = (each for each in look(board) if each.name == "system")
    assert (system.state, system.needed) == ("missing", True)
    assert "JetPack 5 (Jetson Linux 35.4.1); it should be JetPack 6" in system.said


def test_how_a_board_runs_is_told(root):
    board = boards.orin_nano(root)
    board.put("var/lib/nvpmodel/status", "pmode:0002\n")
    board.put("etc/nvpmodel.conf", "< POWER_MODEL ID=2 NAME=25W >\n")
    board.put("sys/class/thermal/cooling_device0/type", "cpu-throttle-alert\n")
    board.put("sys/class/thermal/cooling_device0/cur_state", "1\n")
    (system,) = (each for each in look(board) if each.name == "system")
    assert system.state == "warning"
    assert system.said.endswith("power mode 25W; slowed down by cpu-throttle-alert")


def test_what_is_needed_decides():
    findings = [
        Finding("a", "ok", "well"),
        Finding("b", "missing", "away", "get b"),
        Finding("c", "missing", "away", "get c", needed=True),
        Finding("d", "warning", "so so", needed=True),
    ]
    assert lacks(findings) == ["c"]
    assert heading("1.0", "it") == "Sfumato 1.0 on it"
    assert [line for each in findings for line in lines_of(each)] == [
        "ok       a            well",
        "missing  b            away",
        "                      $ get b",
        "missing  c            away",
        "                      $ get c",
        "warning  d            so so",
    ]
    assert conclusion(findings) == "Needed here, and missing: c."
    assert conclusion(findings[:2]) == "Nothing is missing that is needed here."
    document = json.loads(json.dumps(document_of(findings, "1.0", "it")))
    assert document["lacks"] == ["c"]
    assert document["findings"][1] == {
        "name": "b", "state": "missing", "said": "away", "command": "get b", "needed": False,
    }  # fmt: skip
    assert document["findings"][0]["command"] is None
