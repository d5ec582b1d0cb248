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
        onnx: the network's file, of images of `size` pixels.
        bundle: the same as a bundle.
        folder: where outputs may go.
    """

    clip: Path
    onnx: Path
    bundle: Path
    size: int
    folder: Path


def sfumato_command(clip: Path, target: Path, bundle: Path, preset: str = "veryfast") -> list[str]:
    """`sfumato blur` as the figures are stated for it."""
    chosen = "--classes person --every 5 --conf 0.25 --effect solid:ff00ff --crf 23 --preset"
    model = ["--model", str(bundle), "--allow-unsigned"]
    blur = [sys.executable, "-m", "agent", "blur", str(clip), str(target), "--overwrite"]
    return [*blur, *model, *chosen.split(), preset]


def sfumato(trial: Trial) -> Timing:
    """Sfumato, looking at every fifth frame."""
    report = trial.folder / "report.json"
    command = sfumato_command(trial.clip, trial.folder / "sfumato.mp4", trial.bundle)
    whole_s, _ = timed([*command, "--report", str(report)])
    told = json.loads(report.read_text())
    return Timing(told["frames"]["written"], whole_s, told["fps"])


def ultralytics(trial: Trial, python: Path, encoder: str = "x264") -> Timing:
    """A loop around Ultralytics, looking at every frame."""
    loop = Path(__file__).with_name("ultralytics_loop.py")
    files = trial.clip, trial.folder / "ultralytics.mp4", trial.onnx
    whole_s, said = timed(
        [str(python), str(loop), *map(str, files), str(trial.size), encoder],
        # It must neither ask the network nor install anything while it is timed.
        YOLO_OFFLINE="true",
        YOLO_AUTOINSTALL="false",
        YOLO_CONFIG_DIR=str(trial.folder),
    )
    told = json.loads(said.splitlines()[-1])
    return Timing(told["frames"], whole_s, max(1, told["frames"] - 1) / told["steady_s"])


def transcode(trial: Trial) -> Timing:
    """FFmpeg's libraries alone."""
    target = trial.folder / "transcode.mp4"
    whole_s, said = timed(
        [sys.executable, "-m", "tests.bench.transcode", str(trial.clip), str(target)]
    )
    told = json.loads(said)
    return Timing(told["frames"], whole_s, told["frames"] / told["steady_s"])


def floor(trial: Trial, every: int = 5) -> dict[str, float]:
    """Milliseconds by part; see `tests.bench.floor`."""
    clip, bundle = str(trial.clip), str(trial.bundle)
    _, said = timed([sys.executable, "-m", "tests.bench.floor", clip, bundle, str(every)])
    return dict(json.loads(said))


def has_ultralytics(python: Path) -> bool:
    """Whether that Python can run the peer."""
    if shutil.which(python) is None:
        raise SystemExit(f"--peer-python {python}: no such program")
    question = (
        "import importlib.util as u, sys; "
        "sys.exit(not (u.find_spec('ultralytics') and u.find_spec('av')))"
    )
    return subprocess.run([str(python), "-c", question], check=False).returncode == 0


def timed(command: list[str], **environment: str) -> tuple[float, str]:
    """Run a program from the repository's root: its seconds, and what it printed."""
    began = time.perf_counter()
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    spent_s = time.perf_counter() - began
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    return spent_s, done.stdout
