"""What is compared: programs that are started with a clip and timed from start to end."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NOT_INSTALLED = "not installed"

_COMPILED = {"PYTHONDONTWRITEBYTECODE": ""}
"""What Python compiled is kept, whatever the shell says: who installs Sfumato has it compiled, and to
compile it at each start takes 0.1 s."""


@dataclass(frozen=True, slots=True)
class Timing:
    """One run.

    Attributes:
        whole_s: from the start of the process to its end.
        steady_fps: frames a second once everything is loaded, as the program itself says.
    """

    frames: int
    whole_s: float
    steady_fps: float

    @property
    def whole_fps(self) -> float:
        """Frames a second of the whole process."""
        return self.frames / self.whole_s


@dataclass(frozen=True, slots=True)
class Trial:
    """A clip and a network that the subjects are put to.

    Attributes:
        onnx: the network as Ultralytics exports it, for images of `size` pixels.
        bundle: the same as a bundle, as before there was anything smaller.
        student: the same network packed by our own commands: raw heads, more sizes, 8 bits.
        folder: where outputs may go.
    """

    clip: Path
    onnx: Path
    bundle: Path
    student: Path
    size: int
    folder: Path


@dataclass(frozen=True, slots=True)
class Peer:
    """A way to use Ultralytics.

    Attributes:
        model: a file or folder that it loads.
        width: of the network's input, pixels.
        height: likewise.
        stride: it looks at every so many frames, and holds what it saw until the next.
    """

    model: Path
    width: int
    height: int
    stride: int = 1


def sfumato_command(clip: Path, target: Path, bundle: Path, preset: str = "veryfast") -> list[str]:
    """`sfumato blur` as the figures are stated for it."""
    chosen = "--classes person --every 5 --conf 0.25 --effect solid:ff00ff --crf 23 --preset"
    model = ["--model", str(bundle), "--allow-unsigned"]
    blur = [sys.executable, "-m", "agent", "blur", str(clip), str(target), "--overwrite"]
    return [*blur, *model, *chosen.split(), preset]


def sfumato(clip: Path, bundle: Path, folder: Path) -> tuple[Timing, str]:
    """Sfumato, looking at every fifth frame; which of the bundle's files it ran."""
    report = folder / "report.json"
    command = sfumato_command(clip, folder / "sfumato.mp4", bundle)
    # It remembers which file suits this machine, as on a device, but only for these trials.
    whole_s, _ = timed([*command, "--report", str(report)], XDG_CACHE_HOME=str(folder))
    told = json.loads(report.read_text())
    return Timing(told["frames"]["written"], whole_s, told["fps"]), told["model"]["precision"]


def ultralytics(
    trial: Trial, peer: Peer, python: Path, encoder: str = "x264", effect: str = "blur"
) -> Timing:
    """A loop around Ultralytics."""
    loop = Path(__file__).with_name("ultralytics_loop.py")
    files = trial.clip, trial.folder / "ultralytics.mp4", peer.model
    words = f"{peer.width}x{peer.height}", encoder, str(peer.stride), effect
    whole_s, said = timed([str(python), str(loop), *map(str, files), *words], **_quiet(trial))
    told = json.loads(said.splitlines()[-1])
    return Timing(told["frames"], whole_s, max(1, told["frames"] - 1) / told["steady_s"])


def openvino_of(student: Path, width: int, height: int, trial: Trial, python: Path) -> Path:
    """A student as Ultralytics exports it for OpenVINO; made once in the trial's folder."""
    target = trial.folder / f"{student.stem}-{width}x{height}_openvino_model"
    if not target.exists():
        export = Path(__file__).with_name("ultralytics_export.py")
        words = [str(student), f"{width}x{height}", str(target)]
        timed([str(python), str(export), *words], **_quiet(trial))
    return target


def _quiet(trial: Trial) -> dict[str, str]:
    """It must neither ask the network nor install anything while it is timed."""
    settings = {"YOLO_OFFLINE": "true", "YOLO_AUTOINSTALL": "false"}
    return settings | {"YOLO_CONFIG_DIR": str(trial.folder)}


def transcode(trial: Trial) -> Timing:
    """FFmpeg's libraries alone."""
    target = trial.folder / "transcode.mp4"
    whole_s, said = timed(
        [sys.executable, "-m", "tests.bench.transcode", str(trial.clip), str(target)]
    )
    told = json.loads(said)
    return Timing(told["frames"], whole_s, told["frames"] / told["steady_s"])


def floor(clip: Path, bundle: Path, every: int = 5) -> dict[str, float]:
    """Milliseconds by part; see `tests.bench.floor`."""
    words = str(clip), str(bundle), str(every)
    _, said = timed([sys.executable, "-m", "tests.bench.floor", *words])
    return dict(json.loads(said))


def has(python: Path, *packages: str) -> bool:
    """Whether that Python has these packages."""
    if shutil.which(python) is None:
        raise SystemExit(f"--peer-python {python}: no such program")
    question = (
        f"import importlib.util as u, sys; sys.exit(not all(map(u.find_spec, {list(packages)})))"
    )
    return subprocess.run([str(python), "-c", question], check=False).returncode == 0


def timed(command: list[str], **environment: str) -> tuple[float, str]:
    """Run a program from the repository's root: its seconds, and what it printed."""
    began = time.perf_counter()
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **_COMPILED, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    spent_s = time.perf_counter() - began
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    return spent_s, done.stdout
