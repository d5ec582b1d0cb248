"""An agent that runs as its own process, as systemd would have it: configured, notified, scraped."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import yaml
from ports import free_port
from prometheus_client.parser import text_string_to_metric_families

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT_S = 120


def configured(bundle, streams, **more):
    """A configuration with an unsigned bundle."""
    model = {"bundle": str(bundle), "allow_unsigned": True, "workers": 2}
    return {"model": model, "streams": streams, **more}


def segments(folder, stream):
    """What an agent in a folder has recorded of a stream, in order."""
    return sorted((folder / "video" / stream).glob("*.mp4"))


class RunningAgent:
    """`sfumato run` in `folder`, with metrics; a context, and nothing is left of it afterwards.

    Args:
        command: of Python: what runs.

    Attributes:
        told: what it notified, a message each.
    """

    def __init__(self, folder, config, *, prefix=(), environment=(), command=("-m", "agent")):
        self.folder = folder
        self.port = free_port()
        self.path = folder / "agent.yaml"
        self.log = folder / "agent.log"
        self.told = []
        self._prefix, self._environment, self._command = prefix, dict(environment), command
        self.configure(config)

    def configure(self, config):
        """Write a configuration; running, it is read at a reload."""
        telemetry = {"prometheus": f"127.0.0.1:{self.port}"}
        config = {
            "device": "gate",
            "telemetry": telemetry,
            "record": {"dir": str(self.folder / "video"), "keep": {"free": None}},
            **config,
        }
        self.path.write_text(yaml.safe_dump(config, sort_keys=False))

    def __enter__(self):
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        (self.folder / "notify").unlink(missing_ok=True)
        self._socket.bind(str(self.folder / "notify"))
        self._listening = threading.Thread(target=self._listen, daemon=True)
        self._listening.start()
        environment = {
            **os.environ,
            "NOTIFY_SOCKET": str(self.folder / "notify"),
            "PYTHONPATH": str(ROOT),
            **self._environment,
        }
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    *self._prefix,
                    sys.executable,
                    *self._command,
                    "run",
                    "--config",
                    str(self.path),
                ],
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._listening.join()  # else it could go on with whatever gets its number next
        self._socket.close()

    def _listen(self):
        while message := self._socket.recv(65536):
            self.told.append(message.decode())

    def said(self):
        return self.log.read_text(errors="replace")

    def until(self, reached, timeout_s=TIMEOUT_S):
        """Wait for what will be so, as long as the agent lives; what it was in the end."""
        deadline_s = time.monotonic() + timeout_s
        while not (found := reached()):
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < deadline_s, self.said()
            time.sleep(0.05)
        return found

    def ready(self):
        self.until(lambda: any("READY=1" in each for each in self.told))
        return self

    def reload(self):
        """Have the configuration read again; once that is over, what was said of it."""
        before = len(self.told)
        self.process.send_signal(signal.SIGHUP)
        self.until(lambda: any("READY=1" in each for each in self.told[before:]))
        return self.told[before:]

    def stop(self, timeout_s=TIMEOUT_S):
        """End it as systemd does; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout_s)

    def open_files(self):
        """Paths that it has open now."""
        numbers = Path(f"/proc/{self.process.pid}/fd")
        found = set()
        for number in numbers.iterdir():
            with contextlib.suppress(OSError):
                found.add(number.readlink())
        return found

    def metrics(self):
        """What Prometheus reads: values by name and labels, without the device's."""
        with urllib.request.urlopen(
            f"http://127.0.0.1:{self.port}/metrics", timeout=TIMEOUT_S
        ) as page:
            families = text_string_to_metric_families(page.read().decode())
        device = {("device", "gate")}
        return {
            (sample.name, *sorted(set(sample.labels.items()) - device)): sample.value
            for family in families
            for sample in family.samples
        }

    def stream(self, stream, name, **labels):
        """One metric of one stream; 0 where there is none."""
        key = (f"sfumato_stream_{name}", *sorted({"stream": stream, **labels}.items()))
        return self.metrics().get(key, 0)

    def state(self, stream):
        """In which state a stream is."""
        prefix = "sfumato_stream_state"
        (state,) = (
            dict(labels)["state"]
            for (name, *labels), value in self.metrics().items()
            if name == prefix and value and dict(labels)["stream"] == stream
        )
        return state
