"""TensorRT's real Python bindings, of three versions, on stubs of the libraries that they link.

The wheels are small and want nine symbols of three libraries. With those every class, enum and
signature is there, and nothing can be run.
"""

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import pytest

WHEELS = {
    "10.3.0": "tensorrt_cu12_bindings",  # JetPack 6
    "10.16.1.11": "tensorrt_cu13_bindings",  # JetPack 7
    "11.4.0.106": "tensorrt_cu13_bindings",  # PCs
}
"""By version: what PyPI calls its bindings."""

NOT_FOR = {"10.3.0": (3, 13)}
"""From which Python on there is no wheel."""

SYMBOLS = {
    "libnvinfer": (
        "createInferBuilder_INTERNAL",
        "createInferRefitter_INTERNAL",
        "createInferRuntime_INTERNAL",
        "getBuilderPluginRegistry",
        "getPluginRegistry",
    ),
    "libnvinfer_plugin": ("initLibNvInferPlugins",),
    "libnvonnxparser": (
        "createNvOnnxParser_INTERNAL",
        "createNvOnnxParserRefitter_INTERNAL",
        "getNvOnnxParserVersion",
    ),
}

# Asked when this is imported: by the time a test runs, its cache folder is a temporary one.
ROOT = Path(__file__).resolve().parents[3]
CACHE = (
    Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sfumato-tests" / "tensorrt"
)

_DESCRIBE = """
import inspect, json, sys
import tensorrt_bindings as trt

def members(kind):
    found = {}
    for name in dir(kind):
        value = getattr(kind, name, None)
        if name == "__class__":
            continue
        if inspect.isclass(value):
            found[name] = {"class": members(value)}
        elif isinstance(value, property):
            found[name] = {"doc": getattr(value.fget, "__doc__", None) or ""}
        elif callable(value):
            found[name] = {"call": getattr(value, "__doc__", None) or ""}
        else:
            found[name] = {"doc": ""}
    return found

json.dump({"version": trt.__version__, "members": members(trt)}, sys.stdout)
"""


def described(version, stubs):
    """What the bindings of a version have: members by name, with the text that documents them."""
    found = json.loads(said_with(version, stubs, _DESCRIBE))
    assert found["version"] == version
    return found["members"]


def said_with(version, stubs, code):
    """What a program prints that imports `tensorrt_bindings` of a version, and our own modules."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        pytest.skip("there are no such wheels but for Linux on x86-64")
    if sys.version_info >= NOT_FOR.get(version, (9,)):
        pytest.skip(f"there is no wheel of TensorRT {version} for this Python")
    unpacked = _unpacked(version)
    libraries = stubs / version.partition(".")[0]
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={
            "PYTHONPATH": os.pathsep.join(map(str, (unpacked, ROOT, ROOT / "tests" / "world"))),
            "LD_LIBRARY_PATH": str(libraries),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def compile_stubs(folder):
    """Libraries in which every symbol is a function that returns null, by major version."""
    compiler = shutil.which("gcc")
    if compiler is None:
        pytest.skip("needs gcc")
    for major in {version.partition(".")[0] for version in WHEELS}:
        (folder / major).mkdir()
        for library, symbols in SYMBOLS.items():
            source = folder / f"{library}.c"
            source.write_text("".join(f"void *{name}(void) {{ return 0; }}\n" for name in symbols))
            name = f"{library}.so.{major}"
            command = [compiler, "-shared", "-fPIC", f"-Wl,-soname,{name}"]
            subprocess.run([*command, source, "-o", folder / major / name], check=True)


def _unpacked(version):
    """The folder with a version's bindings, fetched once for all runs and Pythons."""
    folder = CACHE / f"{version}-{sys.implementation.cache_tag}"
    if not folder.is_dir():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as part:
            _download(f"{WHEELS[version]}=={version}", part)
            (wheel,) = Path(part).glob("*.whl")
            whole = Path(part, "unpacked")
            zipfile.ZipFile(wheel).extractall(whole)
            try:
                whole.rename(folder)
            except OSError:  # another process was first
                assert folder.is_dir()
    return folder


def _download(requirement, folder):
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:"]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "download", *options, "-d", folder, requirement],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = done.stderr.strip().splitlines()[-1:] or ["pip said nothing"]
        pytest.skip(f"needs a package registry for {requirement}: {said[0]}")
