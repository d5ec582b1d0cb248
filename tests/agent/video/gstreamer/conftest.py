"""GStreamer, and a driver beneath it that is simulated."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from agent.errors import InputError
from agent.video.gstreamer.library import gst

WORLD = Path(__file__).resolve().parents[3] / "world" / "gstreamer"


@pytest.fixture(scope="session", autouse=True)
def _gstreamer():
    try:
        gst()
    except InputError as error:
        pytest.skip(f"needs GStreamer's Python bindings: {error}")


@pytest.fixture(scope="session")
def drivers(tmp_path_factory):
    """Variables of a process in which there are decoders in hardware, by name and by driver."""
    folder = tmp_path_factory.mktemp("plugins")
    asked = ["pkg-config", "--cflags", "--libs", "gstreamer-1.0"]
    found = shutil.which("gcc") and shutil.which("pkg-config")
    flags = subprocess.run(asked, capture_output=True, text=True, check=False) if found else None
    if flags is None or flags.returncode:
        pytest.skip("needs gcc, pkg-config and libgstreamer1.0-dev to build simulated decoders")
    for source, library in (
        ("fake_elements.c", "libgstfakeelements.so"),
        ("fake_driver.c", "libcuda.so.1"),
    ):
        built = ["gcc", "-Wall", "-Werror", "-shared", "-fPIC", str(WORLD / source)]
        subprocess.run([*built, "-o", str(folder / library), *flags.stdout.split()], check=True)

    def variables(fault="well"):
        return os.environ | {
            "FAKE_DRIVER": fault,
            "GST_PLUGIN_PATH": str(folder),
            "GST_REGISTRY": str(folder / "registry.bin"),
            "LD_LIBRARY_PATH": str(folder),
        }

    return variables
