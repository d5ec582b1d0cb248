"""What the system says of a file becomes one of our errors, and a file has one digest."""

import hashlib

import pytest

from distill.errors import DistillError, InputError, OutputError
from distill.files import reading, sha256_of, text_of, writing
from models.errors import ModelError


def test_what_can_not_be_read_or_written_is_one_line_with_the_path_and_the_reason(tmp_path):
    path = tmp_path / "none" / "x"
    with pytest.raises(InputError) as read, reading(path):
        path.read_bytes()
    assert str(read.value) == f"{path} can't be read: No such file or directory"
    with pytest.raises(OutputError) as written, writing(path):
        path.write_bytes(b"")
    assert str(written.value) == f"{path} can't be written: No such file or directory"
    with pytest.raises(OutputError, match="can't be written: no reason given"), writing(path):
        raise OSError("no reason given")
    with pytest.raises(OutputError, match="can't be written: OSError"), writing(path):
        raise OSError


def test_our_own_errors_pass_unchanged(tmp_path):
    for block in (reading, writing):
        with pytest.raises(DistillError, match="ours") as caught, block(tmp_path):
            raise DistillError("ours")
        assert type(caught.value) is DistillError


def test_the_digest_is_of_all_bytes(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(bytes(range(256)) * 9000)  # more than is read at once
    assert sha256_of(path) == hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(InputError, match="can't be read"):
        sha256_of(tmp_path / "none")
    with pytest.raises(ModelError, match="none can't be read: No such file"):
        sha256_of(tmp_path / "none", ModelError)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_text_is_read_with_a_byte_order_mark_or_without(encoding):
    assert text_of("né 🍾\n".encode(encoding)) == "né 🍾\n"


@pytest.mark.parametrize("data", [b"\xff\xd8\xff\xe0", b"\xff\xfea"])
def test_what_is_no_text_is_said_to_be_none(data):
    with pytest.raises(UnicodeDecodeError):
        text_of(data)
