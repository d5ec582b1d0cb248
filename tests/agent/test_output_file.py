import pytest

from agent.errors import OutputError
from agent.output_file import write_output_file


def test_a_picture_replaces_what_was_there(tmp_path):
    path = tmp_path / "x.png"
    path.write_bytes(b"old")
    write_output_file(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_what_was_there_stays_when_writing_fails(tmp_path):
    path = tmp_path / "x.png"
    path.mkdir()
    with pytest.raises(OutputError, match=r"x\.png: can't be written \(Is a directory\)"):
        write_output_file(path, b"new")
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_folder_is_one_line(tmp_path):
    with pytest.raises(OutputError, match="No such file or directory"):
        write_output_file(tmp_path / "gone" / "x.png", b"new")
