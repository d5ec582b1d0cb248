"""`sfumato live`, or what starts it, as a process of its own; and a client of its page."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from websockets.sync.client import connect

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 120
"""Nothing here takes as long; only what will never come does."""
HELLO = {"type": "hello", "v": 1, "token": None, "as": "h264", "camera": None}


class LiveProcess:
    """A context: what runs until it has said where it is, and is ended afterwards.

    Args:
        command: of Python.
        environment: beside what this process has.

    Attributes:
        address: host and port; None where it ended without one.
        ready_s: what that took.
        code: how it ended, once it has.
    """

    def __init__(self, *command, environment=()):
        self._command = [sys.executable, *map(str, command)]
        self._environment = {**os.environ, **dict(environment)}
        self._lines, self._listening = [], threading.Event()
        self.address, self.ready_s, self.code = None, None, None

    def __enter__(self):
        began_s = time.monotonic()
        self.process = subprocess.Popen(
            self._command,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=self._environment,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        assert self._listening.wait(PATIENCE_S)
        self.ready_s = time.monotonic() - began_s
        return self

    def __exit__(self, *_):
        if self.code is None:
            self.process.kill()
            self.process.wait()
        self._reader.join()
        self.process.stderr.close()

    def _read(self):
        for line in self.process.stderr:
            self._lines.append(line)
            if found := re.search(r"live on http://(\S+)", line):
                self.address = found[1]
                self._listening.set()
        self._listening.set()

    def end(self):
        """Ask it to, as Ctrl-C does; its exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.ended()

    def ended(self):
        """Wait until it has ended by itself; its exit code."""
        self.code = self.process.wait(PATIENCE_S)
        self._reader.join()
        return self.code

    def said(self):
        return "".join(self._lines)


class Client:
    """One who is connected to the page's server; a context.

    Attributes:
        pictures: of each that came, its time in µs.
        told: all else, in order.
    """

    def __init__(self, address, **hello):
        self._connection = connect(f"ws://{address}/ws", origin=f"http://{address}", proxy=None)
        self._hello = {**HELLO, "want": "watch", "stream": None, **hello}
        self.pictures, self.told = [], []
        self._ids = 0

    def __enter__(self):
        self._socket = self._connection.__enter__()
        self.send(self._hello)
        return self

    def __exit__(self, *error):
        self._connection.__exit__(*error)

    def send(self, message):
        self._socket.send(json.dumps(message))

    def order(self, what, to_s=None):
        """Send a command; its id."""
        self._ids += 1
        self.send({"type": "do", "id": self._ids, "what": what, "to_s": to_s})
        return self._ids

    def until(self, reached):
        """Take what comes until it is so; what that was."""
        end_s = time.monotonic() + PATIENCE_S
        while not (found := reached()):
            assert time.monotonic() < end_s, self.told[-5:]
            said = self._socket.recv(PATIENCE_S)
            if isinstance(said, bytes):
                self.pictures.append(int.from_bytes(said[8:16], "big"))
            else:
                self.told.append(json.loads(said))
        return found

    def answer(self, order):
        """Why a command could not be obeyed; None where it was. Each is answered once."""
        (done,) = self.until(
            lambda: [each for each in self.told if each["type"] == "done" and each["id"] == order]
        )
        return done["error"]

    def told_of(self, kind):
        """The newest of a type of message."""
        return self.until(lambda: [each for each in self.told if each["type"] == kind])[-1]

    def state(self, **fields):
        """Wait until the stream's state is so; all of it."""

        def so():
            state = next((each for each in reversed(self.told) if each["type"] == "state"), {})
            return state if all(state.get(key) == fields[key] for key in fields) else None

        return self.until(lambda: so() or None)
