"""Updates: a device whose models change, in a world without any network."""

import hashlib
import os
import threading
from dataclasses import dataclass, field

from agent.update.ports import Health, RefusedError, UnavailableError
from agent.update.record import UNDER_WAY
from agent.update.store import Own, Store
from agent.update.updater import Terms, Updater
from agent.update.wanted import Wanted
from models.offer import Offer, OfferCustom

PROBATION_S = 600.0
OWN = 1
"""Version of the bundle that the configuration names."""


def bundle_of(version, name="person"):
    """Digest and bytes of something that stands for a bundle."""
    data = f"{name} {version} ".encode() * 100
    return hashlib.sha256(data).hexdigest(), data


def digest_of(version, name="person"):
    return bundle_of(version, name)[0]


def wanted(version, rev, group=None, name="person", window=None):
    return Wanted(
        rev=rev,
        name=name,
        version=version,
        digest=digest_of(version, name),
        group=group,
        window=window,
    )


@dataclass
class Machine:
    """A clock that the test turns; `synced` False: nobody should believe what day it is."""

    boot_s: float = 100.0
    unix_s: float = 1_800_000_000.0
    machine_boot: str = "first"
    synced: bool = True

    def turn(self, seconds):
        self.boot_s += seconds
        self.unix_s += seconds

    def reboot(self, off_s=0.0):
        self.machine_boot += "+"
        self.boot_s = 0.0
        self.unix_s += off_s

    def monotonic(self):
        return self.boot_s

    def now(self):
        return self.unix_s if self.synced else None


@dataclass
class Office:
    """A repository, and what is found out about what it offers.

    Attributes:
        offered: name, version and bytes, by digest.
        away: nothing can be reached.
        bad: digests that don't pass the test.
        done: what was done, and with which digest, in order.
        gate: while it is not set, work waits for it, or to be ended.
    """

    offered: dict = field(default_factory=dict)
    away: bool = False
    bad: set = field(default_factory=set)
    done: list = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self):
        self.gate.set()
        self._is_ended = False

    def offer(self, *versions, name="person"):
        for version in versions:
            digest, data = bundle_of(version, name)
            self.offered[digest] = name, version, data

    def check(self, wanted):
        self._work("check", wanted.digest)
        if wanted.digest not in self.offered:
            raise RefusedError("it is not offered")
        name, version, data = self.offered[wanted.digest]
        custom = OfferCustom(name=name, version=version, digest=wanted.digest)
        return Offer(custom=custom, length=len(data), sha256=hashlib.sha256(data).hexdigest())

    def fetch(self, offer, part, progress):
        self._work("fetch", offer.custom.digest)
        _, _, data = self.offered[offer.custom.digest]
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        progress(1.0)

    def test(self, bundle, progress):
        digest = hashlib.sha256(bundle.read_bytes()).hexdigest()
        self._work("test", digest)
        progress(0.5)
        if digest in self.bad:
            raise RefusedError("it sees nothing")

    def end(self):
        self._is_ended = True
        self.gate.set()

    def _work(self, what, digest):
        self._is_ended = False
        self.done.append((what, digest))
        self.gate.wait()
        if self._is_ended or (self.away and what != "test"):
            raise UnavailableError("the office is away")


class Killed(BaseException):
    """The agent's process is no more."""


class Cameras:
    """An agent: which bundle it runs, and how that does.

    Attributes:
        runs: digest; None: no model, every frame is covered whole.
        ran: every one that ran, in order.
        broken: digests that can't be loaded.
        deadly: digests that end the process that loads them.
        sick: digests that are no good once they run.
        told: what was noted.
    """

    def __init__(self, machine):
        self.machine, self.runs, self.ran = machine, None, []
        self.since_s = machine.monotonic()
        self.broken, self.deadly, self.sick, self.told = set(), set(), set(), []

    def restart(self):
        self.runs, self.since_s = None, self.machine.monotonic()

    def switch(self, bundle):
        digest = None if bundle is None else hashlib.sha256(bundle.read_bytes()).hexdigest()
        if digest in self.broken:
            raise RefusedError("it can't be loaded")
        if digest in self.deadly:
            raise Killed
        self.runs = digest
        self.ran.append(digest)
        self.since_s = self.machine.monotonic()

    def health(self):
        ran_s = self.machine.monotonic() - self.since_s
        whole = 100 if self.runs in self.sick else 0
        return Health(ran_s, 100, whole, 100, 100, 1.0, 0)

    def changed(self):
        pass

    def noted(self, what):
        self.told.append(dict(what))


def judge(before, now, probation_s):
    """As simple as a rule can be."""
    if now.whole > before.whole:
        return "every frame is covered whole"
    return "good" if now.ran_s >= probation_s else "wait"


class UpdatedDevice:
    """A device; nothing happens on it but in `turns`, or where `threaded`, by itself.

    It is killed by starting it again.

    Args:
        folder: its disk.
        own: whether the configuration names a bundle.
    """

    def __init__(self, folder, *, own=True, threaded=False):
        self.folder, self.threaded = folder, threaded
        self.office, self.machine = Office(), Machine()
        self.cameras = Cameras(self.machine)
        self.own = None
        if own:
            digest, data = bundle_of(OWN)
            path = folder / "own.sfm"
            if not path.exists():
                path.write_bytes(data)
            self.own = Own(digest, path)
        self.terms = Terms(self.own, PROBATION_S)
        self.start()

    def start(self):
        """As the agent does it."""
        self.cameras.restart()
        self.store = Store(self.folder)
        for start in self.store.at_start(self.own and self.own.digest):
            path = start.path or (self.own and self.own.path)
            if path is None:
                continue
            try:
                self.cameras.switch(path)
            except RefusedError as error:
                self.store.would_not_start(start, str(error))
            else:
                break
        self.updater = Updater(
            self.store, self.office, self.cameras, judge, self.machine, self.terms
        )
        if self.threaded:
            self.updater.begin(self.cameras.runs)
        else:
            self.updater.take_up(self.cameras.runs)

    @property
    def position(self):
        return self.updater.position()

    def want(self, *args, **options):
        self.updater.want(wanted(*args, **options))

    def turns(self, count=1, seconds=0.0):
        for _ in range(count):
            self.updater.turn()
            self.machine.turn(seconds)
        return self.position

    def until(self, state, most=40):
        """Turn until it is there."""
        for _ in range(most):
            if self.position.state == state:
                return self.position
            self.turns()
        raise AssertionError(self.position)

    def to_its_end(self, most=40):
        """Turn until nothing is under way, by a minute each."""
        for _ in range(most):
            position = self.turns(seconds=60.0)
            if position.state not in UNDER_WAY | {"active"}:
                return self.turns(2)
        raise AssertionError(self.position)
