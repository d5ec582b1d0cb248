"""A stream that is lost and comes back again and again: what is left of it?

Its sessions are the service's own, on a file that no codec has packed; only the detector is one of
the tests'. `python tireless.py RECONNECTIONS FRAMES` prints, as JSON, what the process holds after a tenth of
the sessions and after all of them: resident memory, open descriptors, threads.
"""

import json
import sys
import threading
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

from worlds import Eyes, Thing, World, world_bundle

from agent.config.secrets import Secrets
from agent.config.tree import RecordConfig, SinkConfig, SourceConfig, StreamConfig
from agent.detect.pool import DetectorPool
from agent.errors import InputError
from agent.service.model import Model
from agent.service.plan import Plan
from agent.service.recorder import Recorder
from agent.service.resident import resident_bytes
from agent.service.stream_session import StreamSession, Surroundings
from agent.service.supervisor import Supervisor
from agent.settings import Hiding, Looking
from agent.video.verdicts import Verdicts

NO_NETWORK = SimpleNamespace(chosen=SimpleNamespace(precision=None), gpu=None)
"""In the place of a detector of the bundle's network: eyes that know its classes' own scores."""


class Impatient:
    """A clock for which waiting takes no time."""

    def __init__(self):
        self._now_s = 0.0

    def now_s(self):
        return self._now_s

    def wait(self, changed, most_s):
        if most_s is None:
            changed.wait()
        else:
            self._now_s += most_s


class Lost:
    """A session whose end is a fault, as a camera's is."""

    def __init__(self, session):
        self._session = session

    def run(self):
        self._session.run()
        raise InputError("ended the stream")

    def __getattr__(self, name):
        return getattr(self._session, name)


def held():
    return {
        "resident_bytes": resident_bytes(),
        "descriptors": len(list(Path("/proc/self/fd").iterdir())),
        "threads": threading.active_count(),
    }


def watch(reconnections, frames, folder):
    """What is held after a tenth, and after all."""
    thing = Thing(lambda i: (4 + i % 30, 6), size=(8, 8))
    world = World(thing, frames=frames // reconnections, size=(64, 32))
    clip = world.write(folder / "clip.nut", codec="rawvideo")
    pool = DetectorPool(Eyes(world), 1, 60.0)
    model, record = (
        Model(world_bundle(folder), NO_NETWORK, pool),
        RecordConfig(dir=folder / "video"),
    )
    around = Surroundings(model, Recorder(record), Secrets({}, None), 1, Verdicts(None))
    config = StreamConfig(
        source=SourceConfig(url=str(clip)),
        sink=SinkConfig(record=False),
        hide=Hiding(effect="solid"),
        look=Looking(every=30, max_gap_s=10),
    )
    sessions, readings, over = 0, [], threading.Event()

    def open_session():
        nonlocal sessions
        if sessions in (reconnections // 10, reconnections):
            readings.append(held())
        if sessions == reconnections:
            over.set()
        sessions += 1
        return Lost(StreamSession("gate", config, around))

    supervisor = Supervisor("gate", Plan(open_session, lambda: True, 10.0), Impatient())
    supervisor.start()
    over.wait()
    supervisor.stop()
    supervisor.join(60)
    status = supervisor.status()
    pool.close()
    return {
        "frames": status.frames_out,
        "whole": dict(status.whole),
        "reconnections": status.reconnections,
        "early": readings[0],
        "late": readings[1],
    }


if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        json.dump(watch(int(sys.argv[1]), int(sys.argv[2]), Path(folder)), sys.stdout)
