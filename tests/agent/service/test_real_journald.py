"""What systemd's own journald makes of our records; it runs in a mount name space of its own."""

import contextlib
import json
import logging
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from agent.service.journald import JournaldHandler

JOURNALD = Path("/lib/systemd/systemd-journald")
NAME = "sfumato-test"

_BEGIN = f"""
mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/journal.{NAME} &&
echo 5fca7014b7d34cd3ac42d0e5ea3d6b5e > /run/machine-id &&
mount --bind /run/machine-id /etc/machine-id && exec {JOURNALD} {NAME}
"""

WAIT_S = 60


def wait_for(what):
    """Ask until there is an answer."""
    until = time.monotonic() + WAIT_S
    while time.monotonic() < until:
        found = what()
        if found:
            return found
        time.sleep(0.02)
    return pytest.fail(f"not within {WAIT_S} s")


class Journald:
    """Keeps its journal in a folder."""

    def __init__(self, folder):
        self._file = folder / "system.journal"
        self._process = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", _BEGIN],
            env={
                "PATH": os.environ["PATH"],
                "RUNTIME_DIRECTORY": f"/run/systemd/journal.{NAME}",
                "LOGS_DIRECTORY": str(folder),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        root = Path(f"/proc/{self._process.pid}/root")
        self.socket = root / f"run/systemd/journal.{NAME}/socket"
        wait_for(lambda: self.socket.is_socket() or self._process.poll() is not None)
        if self._process.poll() is not None:
            said = self._process.communicate()[0].strip()
            pytest.skip(f"needs systemd-journald in a mount name space ({said})")

    def records(self, count):
        """Ours, once there are so many."""

        def read():
            shown = subprocess.run(
                ["journalctl", "--file", self._file, "-t", "sfumato", "-o", "json", "--all"],
                capture_output=True,
                text=True,
                check=False,
                timeout=WAIT_S,
            ).stdout.splitlines()
            return [json.loads(line) for line in shown] if len(shown) >= count else None

        return wait_for(read)

    def close(self):
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.communicate(timeout=WAIT_S)


@pytest.fixture
def journald(tmp_path):
    if not JOURNALD.exists() or not all(map(shutil.which, ("unshare", "journalctl"))):
        pytest.skip("needs systemd-journald, journalctl and unshare")
    journald = Journald(tmp_path)
    yield journald
    journald.close()


@pytest.mark.slow
def test_journald_understands_what_it_is_told(journald):
    handler = JournaldHandler(journald.socket, lambda text: text.replace("secret", "***"))
    log = logging.Logger("test")  # noqa: LOG001 one of its own, that no other test sees
    log.addHandler(handler)
    log.warning("a secret", extra={"stream": "door"})
    log.error("two\nlines of é")
    log.info("é\n" * 5_000_000)
    one, two, long = journald.records(3)
    assert one["MESSAGE"] == "door: a ***"
    assert one["SFUMATO_STREAM"] == "door"
    assert one["PRIORITY"] == "4"
    assert one["CODE_FILE"] == __file__
    assert two["MESSAGE"] == "two\nlines of é"
    assert "SFUMATO_STREAM" not in two
    assert long["MESSAGE"].startswith("é\né\n")
    assert long["MESSAGE"].endswith(" … (shortened)")
    assert long["CODE_FUNC"] == "test_journald_understands_what_it_is_told"
    handler.close()
