"""Machines to try the service on, and the wheels that are installed there."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from machine import Machine
from networks import PLACE, network
from readme import device_commands
from worlds import Thing, World, linear, write_world_bundle

from tests.systemd.service import Service

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
INSTALL = "/repo/systemd/install.sh"
WITHOUT_NETWORK = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/wheels"}

CAMERA = """\
model: {bundle: world.sfm, allow_unsigned: true}
streams:
  door:
    source: {url: clip.mp4, realtime: true, loop: true}
    effect: solid
record: {dir: /var/lib/sfumato/video, segment_s: 2}
"""
"""A configuration of which all lies in /etc/sfumato; somebody bright stands in the clip."""


@pytest.fixture(scope="session", autouse=True)
def _machines_boot_here():
    if reason := Machine.missing():
        pytest.skip(reason)


@pytest.fixture
def bare(tmp_path):
    """A machine on which nothing was installed; /repo is this one."""
    with Machine(tmp_path / "disk", [f"{ROOT}:/repo", f"{tmp_path}:/wheels"]) as machine:
        yield machine


@dataclass(frozen=True)
class Installed:
    """What is left when install.sh has installed the agent's own wheel.

    Attributes:
        disk: of the machine where it was done, powered off; without /opt.
        opt: its /opt.
        said: by install.sh.
    """

    disk: Path
    opt: Path
    said: str


@pytest.fixture(scope="session")
def installed(tmp_path_factory):
    """Done once for all tests, whichever process of pytest's needs it first."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "installed"
    with shared(folder):
        yield Installed(folder / "disk", folder / "opt", (folder / "said").read_text())


@contextlib.contextmanager
def shared(folder: Path) -> Iterator[None]:
    """Hold the folder of what is installed, made by the first process, deleted by the last."""
    door, room = folder.with_suffix(".door"), folder.with_suffix(".room")
    with room.open("w") as inside:
        with locked(door):
            if not (folder / "said").exists():
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                install(folder)
            fcntl.flock(inside, fcntl.LOCK_SH)
        yield
        with locked(door), contextlib.suppress(BlockingIOError):
            fcntl.flock(inside, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """No other process is in here at the same time."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def install(folder: Path) -> None:
    """Build the wheel and all that it needs, install it on a bare machine: 700 MB."""
    builder, wheels = folder / "builder", folder / "wheels"
    for command in (
        ["/usr/bin/python3", "-m", "venv", builder],
        [builder / "bin/pip", "wheel", "--quiet", "--wheel-dir", wheels, ROOT],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    (wheel,) = wheels.glob("sfumato-*.whl")
    with Machine(folder / "disk", [f"{ROOT}:/repo", f"{wheels}:/wheels"]) as machine:
        clone = folder / "disk/root/clone"  # with the wheel that was built in it
        clone.mkdir()
        (clone / wheel.name).symlink_to(f"/wheels/{wheel.name}")
        (clone / "systemd").symlink_to("/repo/systemd")
        sudo = folder / "disk/local/bin/sudo"
        sudo.write_text('#!/bin/sh\nexec "$@"\n')
        sudo.chmod(0o755)
        said = as_the_readme_says(machine, device_commands()[0], **WITHOUT_NETWORK)
    (folder / "disk/opt").rename(folder / "opt")
    shutil.rmtree(builder)
    shutil.rmtree(wheels)
    (folder / "said").write_text(said)


def as_the_readme_says(machine: Machine, line: str, typed: str = "", **environment: str) -> str:
    """What a line says that is run in the clone, once `typed` is given to it."""
    script = f'set -e; cd /root/clone; printf %s "$1" | {{ {line}\n}}'
    return machine.exec("sh", "-c", script, "sh", typed, **environment).stdout


@pytest.fixture
def boot(installed, tmp_path):
    """Boots a machine with the agent and a configuration, or with the agent alone; its service."""
    with contextlib.ExitStack() as machines:

        def booted(config: str | None = None) -> Service:
            disk = tmp_path / "disk"
            subprocess.run(["cp", "--archive", installed.disk, disk], check=True)
            if config is not None:
                (disk / "etc/sfumato/agent.yaml").write_text(config)
                write_camera(disk / "etc/sfumato")
            machine = Machine(disk, [f"{ROOT}:/repo", f"{installed.opt}:/opt"])
            return Service(machines.enter_context(machine))

        yield booted


def write_camera(folder: Path) -> None:
    """The files that `CAMERA` names."""
    x0, y0, x1, y1 = PLACE
    somebody = Thing(linear(x0, y0), (x1 - x0, y1 - y0))
    World(somebody, frames=50).write(folder / "clip.mp4")
    write_world_bundle(folder / "world.sfm", network())
