"""GStreamer beside all else that a process has loaded."""

import subprocess
import sys

import pytest

LATER = """
import numpy
from agent.video.gstreamer.library import gst
pipeline = gst().parse_launch(
    "videotestsrc num-buffers=2 ! video/x-raw,width=64,height=64 ! x264enc ! avdec_h264 ! fakesink"
)
pipeline.set_state(gst().State.PLAYING)
pipeline.get_bus().timed_pop_filtered(gst().CLOCK_TIME_NONE, gst().MessageType.EOS)
pipeline.set_state(gst().State.NULL)
"""
"""By now every library that it links to is there."""

THROWS = {
    "matplotlib": "from matplotlib import _mathtext_data",  # a C++ exception that it catches
    "cv2": "import cv2, numpy\ntry: cv2.resize(numpy.zeros(0), (1, 1))\nexcept cv2.error: pass",
    "onnxruntime": "import onnxruntime\ntry: onnxruntime.InferenceSession(b'x')\n"
    "except Exception: pass",
}


@pytest.mark.parametrize("name", THROWS)
@pytest.mark.parametrize("first", [True, False])
def test_exceptions_of_cxx_are_still_caught(name, first):
    """libunwind, to which GStreamer links, would unwind them, and crash."""
    before = f"import {name}\n" if first else ""
    program = before + LATER + THROWS[name]
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr


def test_without_the_bindings_one_line_says_what_to_do(tmp_path):
    """Of a Python that sees none: a file of that name is in the way."""
    (tmp_path / "gi.py").write_text("raise ImportError('no such thing')")
    program = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from agent.errors import InputError\n"
        "from agent.video.gstreamer.library import gst\n"
        "try: gst()\n"
        "except InputError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == (
        "GStreamer's Python bindings are not to be had here (no such thing): sudo apt-get install "
        "python3-gi python3-gst-1.0 gir1.2-gst-plugins-base-1.0, and make the environment with: "
        "python3 -m venv --system-site-packages\n"
    )
