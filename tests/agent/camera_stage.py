"""Cameras as `sfumato live` has them, and a browser that sends and watches, in one process."""

import dataclasses
import itertools
import time

from pushes import STEP_US, Told
from watching import Watching
from worlds import (
    Thing,
    World,
    linear,
    until,
)

from agent.detect.pool import DetectorPool
from agent.hidden import Hidden
from agent.live.cameras import BrowserCameras
from agent.live.capacity import Capacity
from agent.live.show import CameraHello
from agent.live.showing import Analysis, live_encoder
from agent.settings import Hiding, Looking

HELLO = CameraHello("h264", 160, 96)
HIDDEN = Hidden({0: "person"}, {0: 0.3}, {0: 0.3})
DARK, PALE, BITS = 20, 110, 8


class Counted(World):
    """A world that carries the frame's index in blocks along its upper edge."""

    def luma(self, i):
        picture = super().luma(i)
        for bit in range(BITS):
            picture[:12, 12 * bit : 12 * bit + 12] = PALE if i >> bit & 1 else DARK
        return picture


def counter_of(picture):
    blocks = [picture[3:9, 12 * bit + 3 : 12 * bit + 9].mean() for bit in range(BITS)]
    return sum((mean > (DARK + PALE) / 2) << bit for bit, mean in enumerate(blocks))


WALKER = Counted(Thing(linear(10, 40, 1), luma=200), frames=60)


class Clock:
    """By which nothing is late, however slow the machine is, until it is let run."""

    def __init__(self):
        self._ticks, self._runs_from = itertools.count(), None

    def __call__(self):
        if self._runs_from is None:
            return next(self._ticks) / 1e6
        return time.monotonic() - self._runs_from

    def run(self):
        self._runs_from = time.monotonic() - self()


class Stage:
    """Cameras that share a detector, as `sfumato live` has them."""

    def __init__(self, eyes, *, every=3, latency="short", encoder=live_encoder):
        self.pool = DetectorPool(eyes, 1, 600.0)  # longer than any test waits
        self.analysis = Analysis(
            lambda name: self.pool.lane(name, live=True),
            HIDDEN,
            Hiding(effect="solid", margin=0.03),
            Looking(every=every, latency=latency),
            encoder,
        )
        self.capacity, self.clock = Capacity(2), Clock()
        self.cameras = BrowserCameras(5, self.analysis, self.capacity, self.clock)

    def open(self, codec="h264"):
        return Client(self.cameras, codec)

    def let_time_run(self, client, coded):
        """Once the client has sent these, and all but the last, which waits for more, were taken."""
        client.send(coded)
        until(lambda: client.number - 1 in client.told.answered)
        self.clock.run()

    def close(self):
        self.cameras.close("over")
        self.pool.close()


class Client:
    """A browser that sends as the rule says, and watches what comes back."""

    def __init__(self, cameras, codec):
        self.told, self.number = Told(), 0
        self.camera = cameras.open(dataclasses.replace(HELLO, codec=codec), self.told)
        self.watching = Watching(self.camera.show.fanout)

    def send(self, coded):
        """At most four are not taken; no clock is looked at."""
        for time_us, data in coded:
            until(lambda: self.number - len(self.told.answered) < 4)
            self.number += 1
            self.camera.push(self.number, time_us, False, data)

    def send_again_until(self, reached, coded):
        """Send these time and again, each time two seconds later, until that is so."""
        laps = itertools.count(1)

        def is_so():
            if not reached():
                later_us = next(laps) * 60 * STEP_US
                self.send([(us + later_us, data) for us, data in coded])
            return reached()

        until(is_so)

    @property
    def numbers(self):
        return [self.camera.number_of(pts) for pts in self.watching.times]

    def until_shown(self, number):
        """Until this or a later frame came out, and was told of."""
        until(lambda: self.has_shown(number))

    def has_shown(self, number):
        return any(said["number"] >= number for said in list(self.watching.said))

    @property
    def reasons(self):
        return [said["whole"] for said in list(self.watching.said) if said["number"]]
