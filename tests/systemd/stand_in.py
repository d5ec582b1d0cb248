"""A stand-in for the agent's wheel, which pip installs in a moment: to try the installer alone.

Its `sfumato run` says READY and then only that it lives; its `sfumato doctor` finds no devices.
"""

import zipfile
from pathlib import Path

_AGENT = """
import os, socket, sys, time

def main():
    if {broken}:
        raise SystemExit("sfumato: broken")
    if "--version" in sys.argv:
        print("sfumato {version}")
        return
    if sys.argv[1:3] == ["doctor", "--write-drop-in"]:
        with open(sys.argv[3], "w") as drop_in:
            drop_in.write("[Service]\\n")
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.connect(os.environ["NOTIFY_SOCKET"])
        systemd.send(b"READY=1")
        while True:
            systemd.send(b"WATCHDOG=1")
            time.sleep(1)
"""


def write_wheel(
    folder: Path,
    version: str,
    *,
    needs: str = "",
    gpu: str = "",
    broken: bool = False,
    opencv: str = "",
) -> Path:
    """A wheel called sfumato, with an OpenCV.

    Args:
        needs: what pip has to find.
        gpu: what it has to find where there is a GPU.
        broken: it doesn't even start.
        opencv: the source of `cv2`.
    """
    info = f"sfumato-{version}.dist-info"
    needed = f"Requires-Dist: {needs}\n" if needs else ""
    if gpu:
        needed += f"Provides-Extra: gpu\nRequires-Dist: {gpu}; extra == 'gpu'\n"
    files = {
        "stand_in_agent.py": _AGENT.format(version=version, broken=broken),
        "cv2.py": opencv,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: sfumato\nVersion: {version}\n{needed}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": "[console_scripts]\nsfumato = stand_in_agent:main\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{name},,\n" for name in [*files, f"{info}/RECORD"])
    path = folder / f"sfumato-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for name, content in files.items():
            wheel.writestr(name, content)
    return path
