"""What libav is told about cameras: it ignores options that it doesn't know, without a word."""

import ctypes
from pathlib import Path

import av
import pytest

from agent.video.live_connection import NETWORK

FAKE_OBJECT = 2  # libavutil's AV_OPT_SEARCH_FAKE_OBJ: looks at a class, of which there is no object


class InputFormat(ctypes.Structure):
    """libavformat's AVInputFormat, as far as it is public."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("long_name", ctypes.c_char_p),
        ("flags", ctypes.c_int),
        ("extensions", ctypes.c_char_p),
        ("codec_tag", ctypes.c_void_p),
        ("priv_class", ctypes.c_void_p),
        ("mime_type", ctypes.c_char_p),
    )


def library(name):
    """The one that PyAV has loaded; OpenCV has one of its own."""
    version = ".".join(map(str, av.library_versions[name]))
    mapped = Path("/proc/self/maps").read_text().split()
    ours = [path for path in mapped if f"/{name}" in path and version in path]
    return ctypes.CDLL(ours[0])


@pytest.fixture(scope="module")
def is_known():
    """Whether libav's reader of RTSP, or any reader, has an option of a name."""
    formats, find = library("libavformat"), library("libavutil").av_opt_find
    find.restype = ctypes.c_void_p
    formats.av_find_input_format.restype = ctypes.POINTER(InputFormat)
    formats.avformat_get_class.restype = ctypes.c_void_p
    rtsp = formats.av_find_input_format(b"rtsp").contents
    assert (rtsp.name, rtsp.long_name) == (b"rtsp", b"RTSP input")
    classes = [ctypes.c_void_p(each) for each in (rtsp.priv_class, formats.avformat_get_class())]

    def known(option):
        name = option.encode()
        return any(find(ctypes.byref(each), name, None, 0, FAKE_OBJECT) for each in classes)

    return known


@pytest.mark.parametrize("option", NETWORK)
def test_every_option_is_known(is_known, option):
    assert is_known(option)


def test_what_ffmpeg_once_knew_is_not(is_known):
    assert not is_known("stimeout")
    assert is_known("timeout")
