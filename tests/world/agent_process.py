"""An agent without cameras in a process of its own: told what happens, ended, killed, started anew."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(__file__).with_name("simulated_agent.py")
END_S = 60


class AgentProcess:
    """`simulated_agent.py` in `folder`; a context, which starts it and kills what is left.

    Args:
        terms: of `simulated_agent.terms_of`, what JSON can say of them.

    Attributes:
        prefix: of the command, such as a tracer's; holds from the next start on.
    """

    def __init__(self, folder, port, device="gate", *, prefix=(), **terms):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.port, self.device = folder, port, device
        self.log = folder / "log"
        self.prefix, self._terms = prefix, terms
        self.process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        if self.process is not None:
            self.kill()

    def start(self):
        """Begin; it has not connected when this returns."""
        assert self.process is None
        words = [sys.executable, PROGRAM, self.folder, str(self.port), self.device]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [*self.prefix, *words, json.dumps(self._terms)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=environment,
                text=True,
            )

    def happen(self, **what):
        """Tell it of one thing; see `simulated_agent.main`."""
        self.process.stdin.write(f"{json.dumps(what)}\n")
        self.process.stdin.flush()

    def cut(self):
        """It is gone at once; from any thread, and `wait` says so."""
        self.process.kill()

    def kill(self):
        """It is gone at once."""
        self.cut()
        self.wait()

    def stop(self):
        """It ends as it is told to, also before it has begun."""
        self.process.send_signal(signal.SIGTERM)
        assert self.wait() in (0, -signal.SIGTERM), self.log.read_text()

    def wait(self):
        """Until it has ended, whoever has seen to that; how."""
        self.process.wait(END_S)
        self.process.stdin.close()
        code, self.process = self.process.returncode, None
        return code

    @property
    def runs(self):
        """Ops that were done here, by whichever process."""
        path = self.folder / "done"
        return path.read_text().split() if path.exists() else []

    def committed(self):
        """Events in the file of one that is dead: what each says, by epoch and number."""
        sql = sqlite3.connect(self.folder / "control.db")
        try:
            ((epoch,),) = sql.execute("SELECT value FROM fact WHERE name = 'epoch'")
            rows = sql.execute("SELECT seq, CAST(data AS TEXT) FROM event")
            return {(epoch, seq): json.loads(data) for seq, data in rows}
        finally:
            sql.close()
