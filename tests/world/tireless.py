"""A stream that is lost and comes back again and again, without a codec: what is left of it?

`python tireless.py RECONNECTIONS FRAMES` prints, as JSON, what the process holds after a tenth of
the sessions and after all of them: resident memory, open descriptors, threads.
"""

import json
import sys
import threading
from collections import Counter
from pathlib import Path

import worlds
from worlds import CLASSES, Eyes, Thing, World

from agent.detect.pool import DetectorPool
from agent.errors import InputError
from agent.frames.repairs import Repairs
from agent.hidden import Hidden
from agent.pipeline.window_journal import WindowJournal
from agent.service.counts import Counts
from agent.service.resident import resident_bytes
from agent.service.supervisor import Plan, Supervisor
from agent.settings import Hiding, Looking
from agent.stream import Stream, redactor_of
from agent.video.no_sink import NoSink

SCORES = {spec.id: 0.25 for spec in CLASSES}
HIDDEN = Hidden({spec.id: spec.name for spec in CLASSES}, SCORES, SCORES)


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


class Camera:
    """Gives so many frames of a world that repeats itself, and is gone."""

    def __init__(self, world, frames):
        self._frames = [world.frame(i) for i in range(world.frames)]
        self._count = frames
        self.info = worlds.info_of(world)
        self.damaged = self.deinterlaced = self.resized = 0
        self.left_out, self.repairs = (), Repairs()

    def __iter__(self):
        colour = self._frames[0].colour
        for i in range(self._count):
            planes = self._frames[i % len(self._frames)].planes
            yield worlds.CpuFrame(planes, i, i, worlds.Fraction(1, 25), colour)

    def close(self):
        pass


class Run:
    """A session on such a camera."""

    def __init__(self, world, pool, frames):
        source = Camera(world, frames)
        hiding = Hiding(effect="solid")
        self._journal = WindowJournal(window_frames=1000)
        self._stream = Stream(
            source,
            pool.lane("gate"),
            HIDDEN,
            hiding,
            Looking(every=30, max_gap_s=10),
            redactor_of(source, hiding).redact,
            NoSink(),
            self._journal,
            worlds.noop,
        )

    @property
    def last_in_s(self):
        return None

    last_out_s = last_in_s

    def run(self):
        self._stream.run()
        raise InputError("ended the stream")

    def cancel(self):
        self._stream.pipeline.cancel()

    def counts(self):
        pipeline = self._stream.pipeline
        return Counts(pipeline.frames_in, pipeline.frames_out, whole=Counter(self._journal.whole))

    def queues(self):
        return self._stream.pipeline.queues


def held():
    return {
        "resident_bytes": resident_bytes(),
        "descriptors": len(list(Path("/proc/self/fd").iterdir())),
        "threads": threading.active_count(),
    }


def watch(reconnections, frames):
    """What is held after a tenth, and after all."""
    world = World(Thing(lambda i: (4 + i % 30, 6), size=(8, 8)), frames=60, size=(64, 32))
    pool = DetectorPool(Eyes(world), 1, 60.0)
    sessions, readings, over = 0, [], threading.Event()

    def open_session():
        nonlocal sessions
        if sessions in (reconnections // 10, reconnections):
            readings.append(held())
        if sessions == reconnections:
            over.set()
        sessions += 1
        return Run(world, pool, frames // reconnections)

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
    json.dump(watch(int(sys.argv[1]), int(sys.argv[2])), sys.stdout)
