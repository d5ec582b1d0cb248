"""Boards: folders that look like the file systems of boards and of PCs.

Their files are as NVIDIA, Ubuntu and the kernel document them; none was read off a real board.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from agent.doctor.interpreter import Interpreter
from agent.doctor.machine import Machine

if TYPE_CHECKING:
    from collections.abc import Mapping

_WORLD = Path(__file__).resolve().parent
_OURS = f"{_WORLD.parents[1]}{os.pathsep}{_WORLD}"

_UBUNTU = 'NAME="Ubuntu"\nVERSION_ID="{0}"\nPRETTY_NAME="Ubuntu {0} LTS"\nID=ubuntu\n'
_RELEASE = "# R{} (release), REVISION: {}, GCID: 1, BOARD: generic, EABI: aarch64, DATE: now\n"
_JETSON_DRIVER = "NVRM version: NVIDIA UNIX Open Kernel Module for aarch64  {}  Release Build  (user@host)  now\n"
_PC_DRIVER = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue Mar  5 2024\n"
_XEON = "processor\t: 0\nmodel name\t: Intel(R) Xeon(R)  Processor\n"

_GI = {
    "gi/__init__.py": "def require_version(name, version): pass\n",
    "gi/overrides/__init__.py": "",
    "gi/overrides/Gst.py": "",
    "gi/repository/__init__.py": "",
    "gi/repository/GstApp.py": "",
    "gi/repository/GstVideo.py": "",
    "gi/repository/Gst.py": """
import gi.overrides.Gst
ELEMENT_FACTORY_TYPE_DECODER, ELEMENT_FACTORY_TYPE_ENCODER = 1, 2
ELEMENT_FACTORY_TYPE_MEDIA_VIDEO = 4
class Rank: NONE = 0
class PadDirection: SRC, SINK = 1, 2
def init(words): pass
def version(): return 1, 20, 3, 0
class Caps:
    def __init__(self, said): self.said = said
class Element:
    def __init__(self, name, kind, klass): self.name, self.kind, self.klass = name, kind, klass
    def get_name(self): return self.name
    def get_metadata(self, key): return {"klass": self.klass}[key]
ALL = [
    Element("nvv4l2decoder", 5, "Codec/Decoder/Video"),
    Element("nvv4l2h264enc", 6, "Codec/Encoder/Video/Hardware"),
]
def is_initialized(): return True
def version_string(): return "GStreamer 1.20.3"
class ElementFactory:
    @staticmethod
    def find(name): return None  # nothing is behind the names
    @staticmethod
    def list_get_elements(kind, rank): return [each for each in ALL if each.kind == kind]
    @staticmethod
    def list_filter(elements, caps, direction, subset):
        return elements if caps.said == "video/x-h264" else []
""",
}
_SIMULATED = ("tensorrt/__init__.py", "pycuda/__init__.py", "pycuda/driver.py")

MODULES: Mapping[str, str] = {
    **{path: (_WORLD / "gpu" / path).read_text("utf-8") for path in _SIMULATED},
    **_GI,
}
"""What a Jetson has for Python: a simulated GPU that computes, and a GStreamer that only lists."""


class Board:
    """A machine that can be changed.

    Args:
        root: a folder.
        minor: of the distribution's Python 3.
    """

    def __init__(self, root: Path, minor: int) -> None:
        self.root, self._minor = root, minor
        self.machine = Machine(root)
        self.modules = f"usr/lib/python3.{minor}/dist-packages"
        (root / "usr/bin").mkdir(parents=True)
        (root / "usr/bin/python3").symlink_to(f"python3.{minor}")
        (root / "dev").mkdir()

    def put(self, path: str, text: str = "") -> Path:
        """Write a file."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        return target

    def bring(self, modules: Mapping[str, str]) -> None:
        """Have the distribution's packages bring modules."""
        for path, text in modules.items():
            self.put(f"{self.modules}/{path}", text)

    def chip(self, number: int, **files: object) -> None:
        """A chip that measures, as the kernel's hwmon shows it."""
        for name, value in files.items():
            self.put(f"sys/class/hwmon/hwmon{number}/{name}", f"{value}\n")

    def rails(self, number: int, **rails: tuple[int, int]) -> None:
        """An INA3221: millivolts and milliamperes by rail, and its channels of shunts and sums."""
        self.chip(number, name="ina3221")
        for channel, (name, (millivolts, milliamperes)) in enumerate(rails.items(), 1):
            self.chip(
                number,
                **{
                    f"in{channel}_label": name,
                    f"in{channel}_input": millivolts,
                    f"curr{channel}_input": milliamperes,
                    f"in{channel + 3}_input": 1,
                },
            )
        sums = {"in7_label": "sum of shunt voltages", "in7_input": 3, "curr4_input": 9999}
        self.chip(number, **sums)

    def node(self, name: str, target: str = "/dev/null") -> None:
        """A device node: a link to one that everybody may open."""
        path = self.root / "dev" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(target)

    def interpreter(
        self, *, minor: int | None = None, sees_system: bool = True, prefix: Path | None = None
    ) -> Interpreter:
        """A Python of this machine; children are this test's, and see what the packages bring."""
        theirs = minor is None or minor == self._minor
        seen = str(self.root / self.modules) if theirs and sees_system else ""
        return Interpreter(
            executable=Path(sys.executable),
            version=(3, self._minor if minor is None else minor, 1),
            prefix=prefix or self.root / "opt/sfumato",
            is_environment=True,
            sees_system=sees_system,
            environment={"PYTHONPATH": os.pathsep.join(filter(None, (seen, _OURS)))},
        )


def jetson(root: Path, name: str, ubuntu: str, release: tuple[int, str], driver: str) -> Board:
    """A Jetson as JetPack leaves it."""
    board = Board(root, {"22.04": 10, "24.04": 12}[ubuntu[:5]])
    board.put("proc/device-tree/model", f"{name}\0")
    board.put("etc/os-release", _UBUNTU.format(ubuntu))
    board.put("etc/nv_tegra_release", _RELEASE.format(*release))
    board.put("proc/driver/nvidia/version", _JETSON_DRIVER.format(driver))
    board.put("usr/local/cuda-12.6/bin/nvcc")
    (root / "usr/local/cuda").symlink_to("cuda-12.6")
    board.bring(MODULES)
    for node in ("nvmap", "nvhost-ctrl", "nvgpu/igpu0/ctrl", "dri/renderD128", "host1x-fence"):
        board.node(node)
    for node in ("v4l2-nvdec", "video0"):
        board.node(node)
    return board


def orin_nano(root: Path) -> Board:
    """An Orin Nano with JetPack 6.2."""
    name = "NVIDIA Jetson Orin Nano Engineering Reference Developer Kit Super"
    board = jetson(root, name, "22.04.5", (36, "4.3"), "540.4.0")
    board.rails(1, VDD_IN=(5000, 1008), VDD_CPU_GPU_CV=(5000, 160), VDD_SOC=(5000, 320))
    return board


def agx_orin(root: Path) -> Board:
    """An AGX Orin with JetPack 7.2."""
    name = "NVIDIA Jetson AGX Orin Developer Kit"
    board = jetson(root, name, "24.04.3", (39, "2.0"), "595.78")
    board.rails(2, VDD_GPU_SOC=(19936, 160), VDD_CPU_CV=(19936, 40), VIN_SYS_5V0=(5032, 680))
    board.rails(3, NC=(0, 0), VDDQ_VDD2_1V8AO=(5040, 96), unused=(0, 0))
    off = root / "sys/class/hwmon/hwmon3/in3_input"  # which answers EIO
    off.unlink()
    off.symlink_to("/proc/self/mem")
    return board


def thor(root: Path) -> Board:
    """An AGX Thor with JetPack 7.0."""
    name = "NVIDIA Jetson AGX Thor Developer Kit"
    board = jetson(root, name, "24.04.3", (38, "2.0"), "580.00")
    board.rails(0, VDD_GPU=(12000, 500), VDD_CPU_SOC_MSS=(12000, 700), VIN_SYS_5V0=(5000, 900))
    board.chip(1, name="ina238", power1_input=31_250_000, power1_label="VIN", in1_input=19000)
    negotiated = {"in0_input": 20000, "curr1_input": 5000}  # with what charges it
    board.chip(2, name="ucsi_source_psy_USBC000:001", **negotiated)
    return board


def pc(root: Path) -> Board:
    """A PC with a GPU of another maker."""
    board = Board(root, 11)
    board.put("proc/cpuinfo", _XEON)
    board.put("etc/os-release", 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n')
    board.put("sys/bus/pci/devices/0000:00:02.0/vendor", "0x8086\n")
    board.put("sys/bus/pci/devices/0000:00:02.0/class", "0x030000\n")
    board.put("sys/bus/pci/devices/0000:00:03.0/vendor", "0x10de\n")
    board.put("sys/bus/pci/devices/0000:00:03.0/class", "0x040300\n")  # its sound
    return board


def pc_with_nvidia(root: Path) -> Board:
    """A PC with an NVIDIA GPU and its driver, and nothing else of NVIDIA's."""
    board = pc(root)
    board.put("sys/bus/pci/devices/0000:01:00.0/vendor", "0x10de\n")
    board.put("sys/bus/pci/devices/0000:01:00.0/class", "0x030200\n")
    board.put("proc/driver/nvidia/version", _PC_DRIVER)
    for node in ("nvidia0", "nvidiactl", "nvidia-uvm"):
        board.node(node)
    return board
