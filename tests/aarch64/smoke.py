"""Smoke test of an installed Sfumato: `python smoke.py FOLDER` makes what it needs in FOLDER.

`smoke.sh` runs it on an emulated aarch64, which is slow: hence a network of 64 px and a clip of
half a second. `networks.py` and `worlds.py` lie beside it, or on the path.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import pkgutil
import platform
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from networks import PLACE, computing_network, network, predictions, prototypes
from worlds import (
    Thing,
    World,
    covered_whole,
    leaks,
    linear,
    lumas,
    over_redaction,
    write_world_bundle,
)

import agent
import models
from agent.cli import main as sfumato_main
from models.archive import read_archive, write_archive
from models.bundle import Bundle, write_bundle
from models.golden import encode_expected, encode_image
from models.manifest import FileSpec, GoldenSpec
from models.runtime.choose import choose_network
from models.self_test import Tolerances, look, self_test
from models.signing import load_public

UNUSABLE = 5
"""The exit code of a model that can't be used."""

DETECT_TIMEOUT_S = 300
"""Of a detection: one of a network of 320 px took longer than 60 s on an emulated aarch64."""

READY_S = 600
"""Until the service is ready. Chosen, not measured: several times what imports took there."""

STOP_S = 120
"""Until it has ended."""

FRAMES = 12

DRAWING = ("agent.pictures.timeline", "agent.pictures.load_panel", "agent.bench.chart")
LEFT_OUT = ("models.nets", *DRAWING)
"""Modules of the workstation (PyTorch), and those of the extra `plots`."""


@dataclass(frozen=True, slots=True)
class Made:
    """What the steps work on: somebody bright who stands where the network looks."""

    folder: Path
    world: World
    clip: Path
    unsigned: Path
    signed: Path
    public: Path


class Formula:
    """What the network computes, by NumPy."""

    def run(self, image):
        x0, y0, x1, y1 = PLACE
        return predictions((x0 - 4, y0 - 4, x1 + 4, y1 + 4), 0.9), prototypes(image)


def sfumato(*words):
    """Run a command in this process: its exit code."""
    return sfumato_main([str(word) for word in words])


def make(folder):
    """A clip, a bundle with a golden frame, a key pair, and the bundle signed by it."""
    folder.mkdir()
    x0, y0, x1, y1 = PLACE
    world = World(Thing(linear(x0, y0), (x1 - x0, y1 - y0)), frames=FRAMES)
    unsigned, signed, key = (folder / name for name in ("plain.sfm", "signed.sfm", "office"))
    write_golden(unsigned, world)
    assert sfumato("model", "keygen", key) == 0
    private, public = key.with_suffix(".key"), key.with_suffix(".pub")
    assert sfumato("model", "sign", unsigned, "--key", private, "--out", signed) == 0
    return Made(folder, world, world.write(folder / "in.mp4"), unsigned, signed, public)


def write_golden(path, world, model=None):
    """A bundle of the network that computes, or of `model`, which is to see what the formula does."""
    model = model or computing_network()
    plain = Bundle.open(write_world_bundle(path, model), allow_unsigned=True).manifest
    picture = np.repeat(world.luma(0)[..., None], 3, axis=2)
    names = {spec.id: spec.name for spec in plain.classes}
    expected = encode_expected(look(picture, plain, Formula()), names)
    files = {"golden/0.png": encode_image(picture), "golden/0.json": expected}
    described = [FileSpec.of(name, data) for name, data in files.items()]
    tolerances = Tolerances(box_px=0.5, score=0.01, mask_iou=0.98)
    manifest = plain.model_copy(
        update={
            "golden": tolerances.to_manifest(),
            "golden_files": (GoldenSpec(image=described[0], expected=described[1]),),
        }
    )
    write_bundle(path, manifest, {"fp32": model}, golden=files)


def imports(_made):
    """Every module of the agent and of what it shares with the workstation."""
    names = [
        module.name
        for package in (agent, models)
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
        if not module.name.startswith(LEFT_OUT) and not module.name.endswith("__main__")
    ]
    for name in names:
        importlib.import_module(name)
    assert {"agent.video.encoder", "agent.telemetry.status", "models.bundle"} <= set(names)
    return f"{len(names)} modules"


def signature(made):
    """Whom it trusts, and what it refuses."""
    stranger, tampered = made.folder / "stranger", made.folder / "tampered.sfm"
    assert sfumato("model", "keygen", stranger) == 0
    files = read_archive(made.signed)
    altered = files["manifest.json"].replace(b'"world"', b'"w0rld"')
    assert altered != files["manifest.json"]
    write_archive(tampered, {**files, "manifest.json": altered})
    verify = ("model", "verify")
    assert sfumato(*verify, made.signed, "--trust", made.public) == 0
    assert sfumato(*verify, made.signed, "--trust", stranger.with_suffix(".pub")) == UNUSABLE
    assert sfumato(*verify, made.unsigned, "--trust", made.public) == UNUSABLE
    assert sfumato(*verify, tampered, "--trust", made.public) == UNUSABLE
    return "one accepted; a stranger's, an unsigned and a tampered one refused"


def golden(made):
    """The network sees here what it saw where it was made, and one that doesn't is found out."""
    bundle = Bundle.open(made.signed, [load_public(made.public)])
    verdict = self_test(bundle, choose_network(bundle).network)
    assert verdict.ok, verdict.line
    assert verdict.compared == 1
    write_golden(made.folder / "other.sfm", made.world, network(0.5))
    other = Bundle.open(made.folder / "other.sfm", allow_unsigned=True)
    assert not self_test(other, choose_network(other, precision="fp32").network).ok
    return f"{verdict.share:.2g} of what is tolerated; another network is refused"


def doctor(made):
    """The machine has all that a configuration needs, and says so to programs."""
    config = write_config(made)
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        code = sfumato("doctor", "--config", config, "--json")
    found = {each["name"]: each for each in json.loads(said.getvalue())["findings"]}
    needed = {name: each["said"] for name, each in found.items() if each["needed"]}
    assert (code, needed) == (0, {})
    assert {"python", "onnxruntime", "decoders", "encoders", "model", "disk"} <= set(found)
    states = [each["state"] for each in found.values()]
    return f"{len(found)} findings, {states.count('ok')} ok"


def redact(made):
    """Decode, detect, follow, hide, encode: what was bright is hidden, and little else."""
    out = made.folder / "out.mp4"
    words = (made.clip, out, "--model", made.signed, "--trust", made.public, "--overwrite")
    how = ("--effect", "solid", "--crf", 10, "--detect-timeout", DETECT_TIMEOUT_S)
    assert sfumato("blur", *words, *how) == 0
    before, after = lumas(made.clip), lumas(out)
    assert len(leaks(before)) == len(before) == len(after) == FRAMES
    assert leaks(after) == {}
    assert covered_whole(after) == []
    beside = max(over_redaction(made.world, picture, i) for i, picture in enumerate(after))
    assert beside < 0.1
    return f"{FRAMES} frames, nothing shows, {beside:.1%} of the ground is hidden beside it"


def write_config(made):
    """What a service is told that redacts the clip again and again."""
    config = made.folder / "agent.yaml"
    source = {"url": str(made.clip), "loop": True, "realtime": True}
    model = {"bundle": str(made.signed), "trust": [str(made.public)]}
    told = {
        "device": "smoke",
        "model": model | {"workers": 1, "detect_timeout_s": DETECT_TIMEOUT_S},
        "streams": {"door": {"source": source, "hide": {"effect": "solid"}}},
        "record": {"dir": str(made.folder / "video")},
        "telemetry": {"prometheus": None},
    }
    config.write_text(json.dumps(told))  # which is YAML
    return config


def service(made):
    """`sfumato run` says READY as systemd hears it, and stops when it is told to."""
    config = write_config(made)
    with (
        TemporaryDirectory() as place,  # the address of a socket has 107 bytes at most
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified,
    ):
        notified.bind(f"{place}/notify")
        process = subprocess.Popen(
            [sys.executable, "-m", "agent", "run", "--config", config],
            env=os.environ | {"NOTIFY_SOCKET": f"{place}/notify"},
        )
        try:
            began_s = time.monotonic()
            wait_until_ready(notified, process)
            ready_s = time.monotonic() - began_s
            process.terminate()
            code = process.wait(STOP_S)
        finally:
            process.kill()
            process.wait()
    assert code == 0, code
    return f"ready after {ready_s:.1f} s"


def wait_until_ready(notified, process):
    """Hear what a service says to systemd until it is READY."""
    notified.settimeout(1.0)
    deadline_s = time.monotonic() + READY_S
    while process.poll() is None and time.monotonic() < deadline_s:
        try:
            said = notified.recv(4096).decode()
        except TimeoutError:
            continue
        print("  it says", said.replace("\n", ", "), flush=True)
        if "READY=1" in said.splitlines():
            return
    raise AssertionError(f"not ready; exit code {process.poll()}")


STEPS = (imports, signature, golden, doctor, redact, service)


def main(folder):
    """Make, then take every step."""
    print(f"{platform.machine()}, Python {platform.python_version()}", flush=True)
    began_s = time.monotonic()
    made = make(folder)
    print(f"make       {time.monotonic() - began_s:6.1f} s", flush=True)
    for step in STEPS:
        began_s = time.monotonic()
        said = step(made)
        print(f"{step.__name__:10} {time.monotonic() - began_s:6.1f} s  {said}", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
