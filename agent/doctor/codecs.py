"""What decodes and encodes here: PyAV's codecs, and GStreamer's elements."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from agent.doctor.finding import Finding
from agent.video.gstreamer.library import PACKAGES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.doctor.interpreter import Answer, Interpreter
    from agent.doctor.machine import Machine

_DECODERS = ("h264", "hevc")
_ENCODERS = ("libx264", "libx265")
"""Of H.264, which all recordings are by default, and of H.265; by FFmpeg's names."""

_PYAV = f"""
import av
def has(name, mode):
    try:
        av.Codec(name, mode)
    except Exception:
        return False
    return True
said = {{
    "version": av.__version__,
    "r": [name for name in {_DECODERS} if has(name, "r")],
    "w": [name for name in {_ENCODERS} if has(name, "w")],
}}
"""
_GSTREAMER = """
import gi, sys
gi.require_version("Gst", "1.0")
for name in ("GstApp", "GstVideo"):
    gi.require_version(name, "1.0")
from gi.repository import Gst, GstApp, GstVideo
Gst.init(None)
def elements(kind, direction):
    listed = Gst.ElementFactory.list_get_elements(
        kind | Gst.ELEMENT_FACTORY_TYPE_MEDIA_VIDEO, Gst.Rank.NONE
    )
    found = set()
    for caps in ("video/x-h264", "video/x-h265"):
        able = Gst.ElementFactory.list_filter(listed, Gst.Caps(caps), direction, False)
        found.update((each.get_name(), "Hardware" in each.get_metadata("klass")) for each in able)
    return sorted(found)
said = {
    "version": ".".join(map(str, Gst.version()[:3])),
    "view": "gi.overrides.Gst" in sys.modules,
    "r": elements(Gst.ELEMENT_FACTORY_TYPE_DECODER, Gst.PadDirection.SINK),
    "w": elements(Gst.ELEMENT_FACTORY_TYPE_ENCODER, Gst.PadDirection.SRC),
}
"""
_CUDA = "pyav-cuda"
"""A decoder's name, as configurations and the census have it; what defines it imports PyAV, which
may be what is broken."""

_ABSENT = "is not installed"

_CENSUS = """
from agent.video.decoder_census import decoder_census
said = list(decoder_census())
"""
_CENSUS_S = 60.0
"""Each of four ways is given ten seconds, if its driver hangs."""

_INSTALL = (
    f"sudo apt-get install {PACKAGES} "
    "gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-libav"
)
_JETSONS = "nvidia-l4t-gstreamer"
"""The package with a Jetson's own elements."""


def look_at_codecs(
    machine: Machine, interpreter: Interpreter, asked: frozenset[str]
) -> Iterator[Finding]:
    """Of GStreamer, of decoders and of encoders.

    Args:
        asked: names of decoders (`agent.frames.decoder_name`) that a configuration asks for.
    """
    pyav, gstreamer = interpreter.ask(_PYAV), interpreter.ask(_GSTREAMER)
    yield _gstreamer(machine, gstreamer, is_asked="gstreamer" in asked)
    decoders = _codecs("decoders", "r", _DECODERS, interpreter, pyav, gstreamer)
    if machine.has_nvidia_gpu or _CUDA in asked:
        decoders = _with_gpu(decoders, machine, interpreter, asked)
    yield decoders
    yield _codecs("encoders", "w", _ENCODERS, interpreter, pyav, gstreamer)


def _gstreamer(machine: Machine, answer: Answer, *, is_asked: bool) -> Finding:
    if answer.fault and is_asked:
        said = f"the configuration asks for it, and its Python can't be imported: {answer.fault}"
        command = f"{_INSTALL} {_JETSONS}" if machine.is_jetson else _INSTALL
        return Finding("gstreamer", "missing", said, command, needed=True)
    if answer.fault:
        said = f"not used, its Python can't be imported: {answer.fault}"
        if not machine.is_jetson:  # where PyAV does all that it would
            return Finding("gstreamer", "ok", said)
        return Finding("gstreamer", "warning", said, f"{_INSTALL} {_JETSONS}")
    version = answer.value["version"]
    if not answer.value["view"]:
        said = f"{version}; without python3-gst-1.0 each frame is copied once more, 0.4 ms at 720p"
        return Finding("gstreamer", "warning", said, "sudo apt-get install python3-gst-1.0")
    return Finding("gstreamer", "ok", version)


def _codecs(
    name: str,
    mode: str,
    wanted: tuple[str, ...],
    interpreter: Interpreter,
    pyav: Answer,
    gstreamer: Answer,
) -> Finding:
    if pyav.fault:
        said = f"PyAV can't be imported: {pyav.fault}"
        command = interpreter.install("--force-reinstall", "av>=17,<19")
        return Finding(name, "missing", said, command, needed=True)
    has = pyav.value[mode]
    said = f"PyAV {pyav.value['version']}: {', '.join(has) or 'none'}"
    if not gstreamer.fault and (elements := gstreamer.value[mode]):
        told = (f"{each} (hardware)" if is_hardware else each for each, is_hardware in elements)
        said = f"{said}; GStreamer: {', '.join(told)}"
    if lacking := [each for each in wanted if each not in has]:
        said = f"{said}; PyAV's FFmpeg was built without {' and '.join(lacking)}"
        command = interpreter.install("--force-reinstall", "--only-binary=av", "av>=17,<19")
        return Finding(name, "missing", said, command, needed=wanted[0] in lacking)
    return Finding(name, "ok", said)


def _with_gpu(
    finding: Finding, machine: Machine, interpreter: Interpreter, asked: frozenset[str]
) -> Finding:
    """What was found of decoders, and which of the GPU's pass a trial, as each stream's has to."""
    answer = interpreter.ask(_CENSUS, _CENSUS_S)
    if answer.fault:
        return replace(finding, said=f"{finding.said}; the GPU's can't be tried: {answer.fault}")
    if _CUDA in asked and (failure := dict(answer.value)[_CUDA]) is not None:
        said = f"the configuration asks for {_CUDA}, and {failure}"
        return Finding(finding.name, "missing", said, needed=True)
    if good := [way for way, failure in answer.value if failure is None]:
        return replace(finding, said=f"{finding.said}; on the GPU: {', '.join(good)}")
    reasons = {failure: way for way, failure in reversed(answer.value)}  # each told once
    telling = {failure: way for failure, way in reasons.items() if _ABSENT not in failure}
    told = [f"{way}: {failure}" for failure, way in reversed((telling or reasons).items())]
    said = f"{finding.said}; none on the GPU: {'; '.join(told)}"
    if finding.state != "ok":
        return replace(finding, said=said)
    command = f"sudo apt-get install {_JETSONS}" if machine.is_jetson else ""
    return Finding(finding.name, "warning", said, command)
