"""`sfumato ctl collect` in a process of its own: it can be frozen, killed and started anew."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class CollectorProcess:
    """Of one file in `folder`; a context, which starts it and kills what is left."""

    def __init__(self, folder, port):
        folder.mkdir(parents=True, exist_ok=True)
        self._port = port
        self.path, self._said = folder / "events.db", folder / "said"
        self.process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        if self.process is not None:
            self.kill()

    def start(self):
        words = ["ctl", "collect", "--out", self.path, "--name", "test", "--json"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
        with self._said.open("a") as said:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "agent", *words, "--broker", f"127.0.0.1:{self._port}"],
                stdout=said,
                stderr=subprocess.STDOUT,
                env=environment,
            )

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process = None

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def said(self, what):
        """What it told of this, in order."""
        lines = self._said.read_text().splitlines(keepends=True)
        told = [json.loads(line) for line in lines if line.endswith("\n")]
        return [each for each in told if each["happened"] == what]

    def events(self):
        """By epoch and number: what each says."""
        return {
            (epoch, seq): json.loads(data)
            for epoch, seq, data in self._rows("SELECT epoch, seq, data FROM events")
        }

    def rows(self):
        """How many events it has, each time that it has one."""
        ((count,),) = self._rows("SELECT count(*) FROM events") or [(0,)]
        return count

    def _rows(self, query):
        if not self.path.exists():
            return []
        sql = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, timeout=30)
        try:
            return sql.execute(query).fetchall()
        except sqlite3.OperationalError:  # it has just begun the file
            return []
        finally:
            sql.close()
