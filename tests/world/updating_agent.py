"""A simulated agent whose models change as real ones do: by the real rules, on the disk.

What is simulated is what would be done with a model: it is fetched out of nothing, and what comes
of its test, and of it on probation, is its fate on this device.
"""

import hashlib
import os
import threading
import time
from types import SimpleNamespace

from simulated_agent import SimulatedAgent

from agent.control.clock import EventClock
from agent.control.messages import ModelInfo
from agent.service.updating import Updating
from agent.update.ports import Health, RefusedError, UnavailableError
from agent.update.store import Own, Store
from models.offer import Offer, OfferCustom

PROBATION_S = 1.0
OWN = "0" * 64
"""Digest of the bundle that every device begins with."""
_BYTES = b"stands for a bundle" * 50


class UpdatingAgent(SimulatedAgent):
    """One of a group; `fates` says, by a bundle's version, what it does here.

    It is `good` by default. One fails its `test`, one is `bad` on probation, one `hangs` while it
    is fetched.
    """

    def __init__(self, folder, group, fates, wall):
        super().__init__(folder)
        self._group = group
        own = Own(OWN, folder / "own.sfm")
        own.path.write_bytes(_BYTES)
        self._running = _Running(fates)
        store, worker = Store(folder), _Worker(fates)
        store.at_start(OWN)
        config = SimpleNamespace(update=SimpleNamespace(probation_s=PROBATION_S, window=None))
        first = SimpleNamespace(model=SimpleNamespace(digest=OWN), own=own)
        self._updating = Updating(config, store, worker, self._running, first, EventClock(wall))
        self._updating.begin([group])

    def info(self):
        return (
            super()
            .info()
            .model_copy(update={"groups": (self._group,), "model": self._running.model})
        )

    def want_model(self, group, desired):
        if desired is not None:
            self._running.versions[desired.digest] = desired.version
        self._updating.want(group, desired)

    def model_reported(self):
        return self._updating.reported(self._running.model)


class _Running:
    """What runs, and how well; the `Host` of an update."""

    def __init__(self, fates):
        self._fates, self._since_s = fates, time.monotonic()
        self.versions = {OWN: 1}
        self.running = OWN

    @property
    def model(self):
        return ModelInfo(
            name="world", version=self.versions[self.running], digest=self.running,
            precision="fp32", runtime="none", bundle=self.running,
        )  # fmt: skip

    def switch(self, bundle):
        self.running = OWN if bundle.name == "own.sfm" else bundle.parent.name
        self._since_s = time.monotonic()

    def health(self):
        ran_s = time.monotonic() - self._since_s
        frames = 100 + round(25 * ran_s)
        is_bad = self._fates.get(self.versions[self.running]) == "bad"
        return Health(ran_s, frames, frames if is_bad else 0, 0, 0, 0.0, 0)

    def tend(self, window_s, *, is_settled):
        pass

    def close(self):
        pass

    def changed(self):
        pass

    def noted(self, what):
        pass


class _Worker:
    """Whose work takes no time; see `agent.update.ports.Worker`."""

    def __init__(self, fates):
        self._fates, self._ended = fates, threading.Event()
        self._version = 0

    def check(self, wanted):
        self._ended.clear()
        self._version = wanted.version
        if self._fates.get(wanted.version) == "hangs":
            self._ended.wait()
            raise UnavailableError("it was ended")
        custom = OfferCustom(name=wanted.name, version=wanted.version, digest=wanted.digest)
        sha256 = hashlib.sha256(_BYTES).hexdigest()
        return Offer(custom=custom, length=len(_BYTES), sha256=sha256)

    def fetch(self, _offer, part, progress):
        with part.open("wb") as file:
            file.write(_BYTES)
            file.flush()
            os.fsync(file.fileno())
        progress(1.0)

    def test(self, _bundle, progress):
        progress(1.0)
        if self._fates.get(self._version) == "test":
            raise RefusedError("it saw nothing")

    def end(self):
        self._ended.set()
