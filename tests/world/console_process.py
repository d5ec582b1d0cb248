"""An operator's console, as its own process."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_LIMIT_S = 60


class ConsoleProcess:
    """`sfumato ctl console` in an empty folder, at a broker on this machine; a context.

    Attributes:
        address: that it printed, which is the key.
        port: that it listens at.
    """

    def __init__(self, folder, port, *words):
        self.folder, self._words = folder, [*words, "--broker", f"127.0.0.1:{port}"]
        self.log = folder.with_suffix(".log")

    def __enter__(self):
        self.folder.mkdir()
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "agent",
                    "ctl",
                    "console",
                    "--port",
                    "0",
                    "--json",
                    *self._words,
                ],
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=self.folder,
                env={**os.environ, "PYTHONPATH": str(ROOT), "XDG_STATE_HOME": str(self.state)},
            )
        line = self.process.stdout.readline()
        assert line, self.log.read_text()
        self.address = json.loads(line)["address"]
        self.port = int(self.address.split(":")[2].partition("/")[0])
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    @property
    def state(self):
        """Where it finds how far roll-outs are."""
        return self.folder.with_suffix(".state")

    def stop(self):
        """Ctrl-C; its exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(_LIMIT_S)
