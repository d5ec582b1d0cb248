"""What decodes and encodes, by PyAV and by GStreamer, real ones where they are here."""

from dataclasses import replace
from pathlib import Path

import boards
import pytest

from agent.doctor.codecs import look_at_codecs
from agent.doctor.interpreter import Interpreter

HERE = Interpreter.of_process()
SYSTEM = Path("/usr/bin/python3")


def look(machine, interpreter, *asked):
    return {each.name: each for each in look_at_codecs(machine, interpreter, frozenset(asked))}


def test_a_jetson_has_elements_that_are_hardware(root):
    board = boards.orin_nano(root)
    found = look(board.machine, board.interpreter())
    assert found["gstreamer"].said == "1.20.3"
    assert "h264, hevc; GStreamer: nvv4l2decoder; none on the GPU: " in found["decoders"].said
    assert "pyav-cuda: no GPU of NVIDIA's decodes h264 here" in found["decoders"].said
    assert "not installed" not in found["decoders"].said
    assert found["decoders"].state == "warning"
    assert found["decoders"].command == "sudo apt-get install nvidia-l4t-gstreamer"
    assert "GStreamer: nvv4l2h264enc (hardware)" in found["encoders"].said


def test_gstreamer_is_missed_on_a_jetson_only(root, tmp_path):
    board = boards.orin_nano(root)
    board.bring({"gi/__init__.py": "raise ImportError('no gi')"})
    found = look(board.machine, board.interpreter())
    assert found["gstreamer"].state == "warning"
    for package in ("python3-gi", "python3-gst-1.0", "gir1.2-gst-plugins-base-1.0"):
        assert package in found["gstreamer"].command.split()
    assert "python3-gi" in found["decoders"].said
    assert found["decoders"].said.count("bindings are not to be had") == 1
    pc = boards.pc(tmp_path / "pc")
    pc.bring({"gi/__init__.py": "raise ImportError('no gi')"})
    there = look(pc.machine, pc.interpreter())["gstreamer"]
    assert (there.state, there.command) == ("ok", "")


def test_what_a_configuration_asks_for_has_to_be_there(root):
    board = boards.pc(root)
    board.bring({"gi/__init__.py": "raise ImportError('no gi')"})
    found = look(board.machine, board.interpreter(), "gstreamer")["gstreamer"]
    assert (found.state, found.needed) == ("missing", True)
    assert "python3-gi" in found.command
    found = look(board.machine, board.interpreter(), "pyav-cuda", "auto")
    assert (found["decoders"].state, found["decoders"].needed) == ("missing", True)
    assert "asks for pyav-cuda, and no GPU of NVIDIA's decodes h264" in found["decoders"].said
    assert not found["gstreamer"].needed
    assert look(board.machine, board.interpreter(), "pyav")["decoders"].state == "ok"


def test_without_gst_python_each_frame_is_copied_once_more(root):
    board = boards.orin_nano(root)
    source = (root / board.modules / "gi/repository/Gst.py").read_text()
    board.bring({"gi/repository/Gst.py": source.replace("import gi.overrides.Gst", "")})
    found = look(board.machine, board.interpreter())["gstreamer"]
    assert (found.state, found.command) == ("warning", "sudo apt-get install python3-gst-1.0")


def test_pyav_that_lacks_a_codec_or_is_broken(root):
    board = boards.pc(root)
    half = "__version__ = '17'\ndef Codec(name, mode): return {'h264': 1, 'hevc': 1, 'libx264': 1}[name]"
    board.bring({"av.py": half})
    found = look(board.machine, board.interpreter())
    assert found["decoders"].state == "ok"
    assert (found["encoders"].state, found["encoders"].needed) == ("missing", False)
    assert "without libx265" in found["encoders"].said
    board.bring({"av.py": half.replace(", 'libx264': 1", "")})
    assert look(board.machine, board.interpreter())["encoders"].needed
    board.bring({"av.py": "raise ImportError('libdrm.so.2')"})
    found = look(board.machine, board.interpreter())
    assert all(found[name].needed for name in ("decoders", "encoders"))
    assert "libdrm" in found["decoders"].said


def test_this_machines_gstreamer_tells_its_elements(root):
    system = replace(HERE, executable=SYSTEM)
    if not SYSTEM.exists() or system.ask("import gi\nsaid = 1").fault:
        pytest.skip("needs python3-gi")
    found = look(boards.pc(root).machine, system)
    assert found["gstreamer"].said[:2] == "1."
    # PyAV need not be there for that Python; elements are told with it, or not at all
    answer = found["decoders"].said
    assert "avdec_h264" in answer or "PyAV can't be imported" in answer
