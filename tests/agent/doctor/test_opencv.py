"""OpenCV is told of only where it is broken."""

import boards

from agent.doctor.opencv import look_at_opencv


def test_where_it_can_be_imported_nothing_is_said(root):
    assert list(look_at_opencv(boards.pc(root).interpreter())) == []


def test_what_it_wants_of_a_bare_system_is_named(root):
    board = boards.pc(root)
    board.bring({"cv2.py": "raise ImportError('libGL.so.1: cannot open shared object file')"})
    (finding,) = look_at_opencv(board.interpreter())
    assert (finding.name, finding.state, finding.needed) == ("opencv", "missing", True)
    assert finding.command == "sudo apt-get install libgl1 libglib2.0-0"
    board.bring({"cv2.py": "raise ImportError('numpy.core.multiarray failed to import')"})
    (finding,) = look_at_opencv(board.interpreter())
    assert finding.command.endswith("-m pip install --force-reinstall 'opencv-python>=4.9'")
