"""Protobuf's wire format."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.onnx_file.wire import BYTES, VARINT, DamagedOnnxError, bytes_header, fields, varint


def read(data):
    return [(f.number, f.kind, f.varint, bytes(f.content)) for f in fields(memoryview(data))]


def test_each_kind_of_field_is_read():
    data = b"\x08\x96\x01" + b"\x12\x02hi" + b"\x1d\x01\x02\x03\x04" + b"\x21" + bytes(range(8))
    assert read(data)[:2] == [(1, VARINT, 150, b"\x96\x01"), (2, BYTES, 0, b"hi")]
    assert [(number, content) for number, _, _, content in read(data)[2:]] == [
        (3, b"\x01\x02\x03\x04"),
        (4, bytes(range(8))),
    ]
    assert b"".join(bytes(field.whole) for field in fields(memoryview(data))) == data


@given(st.integers(0, 2**64 - 1), st.integers(1, 2**29 - 1))
def test_numbers_come_back(value, number):
    assert read(varint(number << 3) + varint(value))[0][:3] == (number, VARINT, value)
    assert read(bytes_header(number, 3) + b"abc") == [(number, BYTES, 0, b"abc")]


@pytest.mark.parametrize(
    "data",
    [
        b"\x00\x00",  # field 0
        b"\x0b\x0c",  # a group, which ONNX has none of
        b"\x0e",  # a kind that does not exist
        b"\x08",  # no value
        b"\x08\xff\xff",  # a number without an end
        b"\x08" + b"\xff" * 11,
        b"\x12\x05hi",  # longer than what is there
        b"\x12" + b"\xff" * 9 + b"\x01",
        b"\x1d\x01",
        b"\x80\x80\x80\x80\x10\x00",  # a number of 2**29, which protobuf would cut to 0
        b"\xea\x80\x80\x80\x10\x00",  # ... and this to field 13, external data
    ],
)
def test_what_is_no_message_is_refused(data):
    with pytest.raises(DamagedOnnxError):
        read(data)


@given(st.binary(max_size=60))
def test_whatever_it_is_nothing_else_is_raised(data):
    try:
        whole = b"".join(bytes(field.whole) for field in fields(memoryview(data)))
    except DamagedOnnxError:
        return
    assert whole == data
