"""An agent without cameras and frames, for a real control plane to speak for.

As a program it is one such agent in a process of its own, which can be killed; see
`agent_process.AgentProcess`, which starts it and tells it what happens:
    python simulated_agent.py FOLDER PORT DEVICE [TERMS]
"""

import json
import signal
import sys
import threading
import time
from pathlib import Path

from agent.control.broker import Broker
from agent.control.messages import (
    ConfigReported,
    Info,
    ModelInfo,
    ModelReported,
    Override,
    Streams,
    StreamState,
    StreamTele,
    Tele,
)
from agent.control.ops import OPS
from agent.control.plane import ControlPlane
from agent.control.refusal import Refusal
from agent.control.terms import Terms
from agent.wall_clock import WallClock

MODEL = ModelInfo(name="world", version=1, digest="0" * 64, precision="fp32", runtime="none")


class SimulatedAgent:
    """Streams that can be paused, a model that passes its test, a configuration that takes all.

    What is paused and what it was configured by outlive it, in `folder`, as a real agent's do;
    `done` there has a line for each op that was done, by whichever process.

    Attributes:
        done: ops with their arguments, in the order in which they were done.
        models: that it was last told to run, by group; None: none any more.
    """

    def __init__(self, folder, streams=("door", "yard")):
        self._path, self._rev_path = folder / "paused.json", folder / "rev"
        self._log = folder / "done"
        self._names = streams
        self._began_s = time.monotonic()
        self._lock = threading.Lock()
        self.done, self.models = [], {}

    @property
    def _rev(self):
        return int(self._rev_path.read_text()) if self._rev_path.exists() else 0

    @property
    def _paused(self):
        return json.loads(self._path.read_text()) if self._path.exists() else []

    def info(self):
        return Info(
            agent="0.0",
            schema_digest="0" * 64,
            hardware="simulated",
            l4t=None,
            model=MODEL,
            ops=dict.fromkeys(OPS, "0" * 64),
            signed=False,
            certificate_end=None,
            groups=(),
        )

    def streams(self):
        paused = self._paused
        return Streams(
            streams={
                name: StreamState(
                    state="paused" if name in paused else "running",
                    reason="",
                    since=0.0,
                    size=(1280, 720),
                    rate=25.0,
                    model="world v1",
                    covered=False,
                )
                for name in self._names
            }
        )

    def config_reported(self):
        overrides = tuple(Override(stream=name, paused=True, until=None) for name in self._paused)
        return ConfigReported(
            rev=self._rev,
            applied=True,
            digest="0" * 64,
            errors={},
            overrides=overrides,
            needs_restart=(),
        )

    def model_reported(self):
        return ModelReported(
            rev=0, state="idle", progress=0, reason="", active=MODEL, previous=None, refused=()
        )

    def tele(self, control, boot_id):
        stream = StreamTele(
            state="running",
            frames_in=1,
            frames_out=1,
            dropped=0,
            damaged=0,
            detections=0,
            objects=0,
            whole={},
            last_frame_age_s=0.0,
            reconnections=0,
        )
        return Tele(
            ts=time.time(),
            boot_id=boot_id,
            uptime_s=time.monotonic() - self._began_s,
            streams=dict.fromkeys(self._names, stream),
            control=control,
            celsius={},
            throttled={},
            power_mode=None,
            recordings_bytes=None,
            free_bytes=None,
            resident_bytes=None,
        )

    def do(self, op, args):
        with self._lock:
            self.done.append((op, args))
            with self._log.open("a") as log:
                log.write(f"{op}\n")
            if op == "restart" and args.stream is None:
                return None
            if op in ("pause", "resume"):
                names = self._names if args.stream is None else (args.stream,)
                if not set(names) <= set(self._names):
                    raise Refusal("not_found", f"there is no stream {args.stream}")
                others = set(self._paused) - set(names)
                paused = others | set(names) if op == "pause" else others
                _replace(self._path, json.dumps(sorted(paused)))
                return {"paused": sorted(paused)}
            if op == "rollback":
                raise Refusal("precondition_failed", "there is no previous model")
            return {"op": op}

    def was_done(self, op, args):
        if op in ("pause", "resume"):
            names = self._names if args.stream is None else (args.stream,)
            paused = self._paused
            if all((name in paused) == (op == "pause") for name in names):
                return {"paused": sorted(paused)}
        if op == "restart" and args.stream is None:
            return {"op": op}
        return None

    def want_model(self, group, desired):
        with self._lock:
            self.models[group] = desired

    def apply(self, desired):
        _replace(self._rev_path, str(desired.rev))


def _replace(path, text):
    part = path.with_suffix(".part")
    part.write_text(text)
    part.replace(path)


def terms_of(port, device, **more):
    """Of a broker on this machine; `username` and `version` are the connection's."""
    login = {name: more.pop(name) for name in ("username", "version") if name in more}
    terms = {
        "device": device,
        "broker": Broker("127.0.0.1", port, jitter_s=0.0, **login),
        "root": "sfumato/v1",
        "operators": (),
        "ops": frozenset(OPS),
        "tele_interval_s": 60.0,
        "home_assistant": False,
        "outbox_bytes": 256 << 20,
    }
    return Terms(**{**terms, **more})


def main(folder, port, device, terms="{}"):
    """Run until SIGTERM, or until nobody tells it anything any more.

    What happens is told on standard input, in JSON, a line each:
        {"events": [FIRST, COUNT]}   so many things happen, numbered, as fast as can be
        {"clock": SECONDS}           wall time is off by so much
        {"terms": {...}}             it goes by other terms
    """
    folder = Path(folder)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    agent, off_s = SimulatedAgent(folder), 0.0
    wall = WallClock(lambda: time.time() + off_s, synced=lambda: False)
    started = terms_of(int(port), device, **json.loads(terms))
    plane = ControlPlane(started, agent, folder / "control.db", wall, f"b{time.time_ns():016x}")
    plane.start()
    try:
        for line in sys.stdin:
            ((what, value),) = json.loads(line).items()
            if what == "events":
                for number in range(value[0], value[0] + value[1]):
                    plane.tell("track", {"number": number})
            elif what == "clock":
                off_s = value
            else:
                plane.change(terms_of(int(port), device, **value))
    finally:
        plane.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
