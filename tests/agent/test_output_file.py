"""Outputs: refused early, written whole, and never over another file unless that was said."""

import pytest

from agent.errors import InputError, OutputError
from agent.output_file import check_output_file, check_paths, output_path, write_output_file


def test_a_file_is_written_and_another_only_replaced_where_that_was_said(tmp_path):
    path = tmp_path / "x.png"
    write_output_file(path, b"first")
    with pytest.raises(OutputError, match=r"x\.png exists by now.*--overwrite"):
        write_output_file(path, b"second")
    assert path.read_bytes() == b"first"
    write_output_file(path, b"third", overwrite=True)
    assert path.read_bytes() == b"third"
    assert list(tmp_path.iterdir()) == [path]


def test_what_was_there_stays_when_writing_fails(tmp_path):
    path = tmp_path / "x.png"
    path.mkdir()
    with pytest.raises(OutputError, match=r"x\.png: can't be written \(Is a directory\)"):
        write_output_file(path, b"new", overwrite=True)
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_folder_is_one_line(tmp_path):
    with pytest.raises(OutputError, match="No such file or directory"):
        write_output_file(tmp_path / "gone" / "x.png", b"new")


def test_a_file_that_appears_while_the_output_is_made_stays(tmp_path):
    path = tmp_path / "x.sfm"

    def make():
        with output_path(path) as part:
            part.write_bytes(b"ours")
            path.write_bytes(b"theirs")

    with pytest.raises(OutputError, match="exists by now"):
        make()
    assert path.read_bytes() == b"theirs"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "there").mkdir()
    link = tmp_path / "x.json"
    link.symlink_to(tmp_path / "there" / "real.json")
    write_output_file(link, b"one")
    write_output_file(link, b"two", overwrite=True)
    assert link.is_symlink()
    assert link.read_bytes() == b"two"


def test_what_exists_is_refused_before_a_run(tmp_path):
    source, target = tmp_path / "in.mp4", tmp_path / "out.mp4"
    source.touch()
    check_paths(source, target)
    target.touch()
    with pytest.raises(OutputError, match=r"exists already; .* --overwrite"):
        check_paths(source, target)
    check_paths(source, target, overwrite=True)
    for same in (source, tmp_path / "soft.mp4", tmp_path / "hard.mp4"):
        if same is not source:
            (same.symlink_to if "soft" in same.name else same.hardlink_to)(source)
        with pytest.raises(OutputError, match="is the input"):
            check_paths(source, same, overwrite=True)
    with pytest.raises(InputError, match="no such file"):
        check_paths(tmp_path / "none", target)
    with pytest.raises(OutputError, match="no such folder"):
        check_output_file(tmp_path / "none" / "x")
