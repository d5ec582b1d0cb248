"""Machine: a whole Linux with a systemd of its own, booted in systemd-nspawn on this machine's /usr.

Its disk is a folder that outlives it, so that power can be cut and it boots again with what was
written. It has no network but loopback, and nothing of what is installed beside Debian's packages.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typing_extensions import Self

_PATIENCE_S = 60.0
"""A machine boots in a second where nothing else runs."""

_LIMIT_S = 900.0
"""What hangs inside fails its test; installing 700 MB is no hang."""

_ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin", "HOME": "/root"}

_MACHINE_ID = "5f0a7057a11e4d0c9b0e0d15ea5e0001"
"""Without one a boot is the first, at which Debian switches on whatever /usr holds."""

_IN_GROUPS = 'for procs in $PROCS; do echo $$ >"$procs"; done; exec "$@"'

_numbers = itertools.count(1)


class BootError(Exception):
    """A machine does not come up; the message holds what it said."""


class Machine:
    """Boots when it is entered; when it is left nothing remains of it but its disk.

    Args:
        disk: an empty folder, or one that a machine had before.
        binds: what it sees of ours, read-only: folders, or `ours:theirs`.
    """

    def __init__(self, disk: Path, binds: Sequence[object] = ()) -> None:
        self.disk = disk
        self._binds = binds
        self._name = f"sfumato-{os.getpid()}-{next(_numbers)}"
        self._groups = [hierarchy / self._name for hierarchy in _hierarchies()]
        self._console = disk.with_name(f"{disk.name}.console")
        self._nspawn: subprocess.Popen[bytes] | None = None
        self._init: int | None = None

    @staticmethod
    @functools.cache
    def missing() -> str | None:
        """Why no machine can be booted here, if so; tried once in a process."""
        if os.geteuid() != 0:
            return "needs root, to boot a machine in systemd-nspawn"
        if not shutil.which("systemd-nspawn"):
            return "needs systemd-nspawn, to boot a machine: apt-get install systemd-container"
        with tempfile.TemporaryDirectory() as folder:
            try:
                with Machine(Path(folder, "disk")):
                    return None
            except BootError as error:
                return f"needs a machine, and systemd-nspawn boots none here: {error}"

    def __enter__(self) -> Self:
        self.boot()
        return self

    def __exit__(self, *_: object) -> None:
        self.power_cut()

    def boot(self) -> None:
        """Come up from what the disk holds; returns when all that starts at boot has started.

        Raises:
            BootError: it doesn't.
        """
        self._furnish()
        try:
            for group in self._groups:
                group.mkdir()
            self._nspawn = self._switched_on()
            self._init = self._reached()
            self._wait_until_up()
        except BaseException as error:
            self.power_cut()
            if isinstance(error, OSError):
                raise BootError(str(error)) from error
            raise

    def exec(
        self, *command: object, check: bool = True, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command inside, as root; with `check` the test fails where it fails."""
        done = subprocess.run(
            ["nsenter", f"--target={self._init}", "--all", *map(str, command)],
            env={**_ENVIRONMENT, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=_LIMIT_S,
        )
        assert not check or done.returncode == 0, (command, done.stdout, done.stderr)
        return done

    def journal(self, unit: str, output: str = "cat") -> str:
        """What a unit said, and systemd of it, since the machine came up, all that was said by now."""
        self.exec("journalctl", "--sync")
        return self.exec("journalctl", "--no-pager", f"--output={output}", f"--unit={unit}").stdout

    def power_cut(self) -> None:
        """End all that runs inside, between two instructions."""
        if self._init is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._init, signal.SIGKILL)
        elif self._nspawn is not None:  # which never got as far as a systemd of its own
            for procs in self._groups[0].rglob("cgroup.procs"):
                for pid in procs.read_text().split():
                    os.kill(int(pid), signal.SIGKILL)
        if self._nspawn is not None:
            self._nspawn.wait(_PATIENCE_S)
        self._nspawn = self._init = None
        for group in self._groups:
            _remove(group)

    def _furnish(self) -> None:
        """What must stand on a disk before the first boot; the rest systemd makes."""
        for folder in ("usr", "etc", "local/bin"):
            (self.disk / folder).mkdir(parents=True, exist_ok=True)
        for name in ("bin", "sbin", "lib", "lib64"):
            with contextlib.suppress(FileExistsError):
                (self.disk / name).symlink_to(f"usr/{name}")
        (self.disk / "etc/os-release").write_bytes(Path("/usr/lib/os-release").read_bytes())
        (self.disk / "etc/machine-id").write_text(f"{_MACHINE_ID}\n")

    def _switched_on(self) -> subprocess.Popen[bytes]:
        command = [
            *("systemd-nspawn", f"--directory={self.disk}", f"--machine={self._name}"),
            *("--boot", "--register=no", "--keep-unit", "--console=pipe", "--private-network"),
            # Without these two, DevicePolicy= is silently void inside.
            *("--capability=CAP_BPF,CAP_NET_ADMIN", "--system-call-filter=bpf"),
            *("--bind-ro=/usr", f"--bind={self.disk / 'local'}:/usr/local"),
            *(f"--bind-ro={bind}" for bind in self._binds),
            *("--", "systemd.unit=multi-user.target"),
        ]
        procs = " ".join(str(group / "cgroup.procs") for group in self._groups)
        with self._console.open("wb") as console:
            return subprocess.Popen(
                ["sh", "-c", _IN_GROUPS, "sh", *command],
                env={**os.environ, "PROCS": procs, "UNIFIED_CGROUP_HIERARCHY": "1"},
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
            )

    def _reached(self) -> int:
        """Process 1 of the machine, as we see it, once it is reached."""
        assert self._nspawn is not None
        limit = time.monotonic() + _PATIENCE_S
        while self._nspawn.poll() is None and time.monotonic() < limit:
            if init := self._init_inside():
                return init
            time.sleep(0.02)
        raise BootError(self._console.read_text(errors="replace").strip() or "it says nothing")

    def _wait_until_up(self) -> None:
        assert self._nspawn is not None
        limit = time.monotonic() + _PATIENCE_S
        while True:  # a socket that is there may not be listened at yet: then nothing is said
            done = self.exec("systemctl", "is-system-running", "--wait", check=False)
            state, error = done.stdout.strip(), done.stderr.strip()
            if state or self._nspawn.poll() is not None or time.monotonic() > limit:
                break
            time.sleep(0.02)
        if state not in ("running", "degraded"):  # a unit failed, as a test may want it to
            raise BootError(f"systemd is {state or 'silent'} ({error or 'no error'})")

    def _init_inside(self) -> int | None:
        """Process 1, but not before it is inside: for a moment it is still in our name spaces."""
        procs = self._groups[0] / "payload" / "init.scope" / "cgroup.procs"
        with contextlib.suppress(OSError, ValueError):  # not there yet, or empty
            pid = int(procs.read_text().split("\n")[0])
            theirs, ours = (Path(f"/proc/{who}/ns/pid").readlink() for who in (pid, "self"))
            if theirs != ours and Path(f"/proc/{pid}/root/run/systemd/private").exists():
                return pid
        return None


def _hierarchies() -> list[Path]:
    """Of control groups: systemd's two where version 1 is mounted beside 2, else the only one."""
    root = Path("/sys/fs/cgroup")
    mixed = [root / "unified", root / "systemd"]
    return mixed if mixed[0].is_dir() else [root]


def _remove(group: Path) -> None:
    """Remove a control group and those below it, once the last of the killed has left."""
    limit = time.monotonic() + _PATIENCE_S
    while group.exists():
        for folder, _, _ in os.walk(group, topdown=False):
            with contextlib.suppress(OSError):
                Path(folder).rmdir()
        assert time.monotonic() < limit, f"processes are left in {group}"
        time.sleep(0.01)
