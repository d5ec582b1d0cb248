"""How many devices a broker and an operator can have: real control planes for simulated agents.

Connected over mTLS to one mosquitto that is configured by configs/mosquitto, all on this machine.
"""

from __future__ import annotations

import os
import random
import resource
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise, starmap
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from tests.bench.ceiling import ceiling
from tests.bench.commander import Broker, Commander
from tests.bench.devices import Devices, name_of, usage_of
from tests.bench.outcome import NOTHING, Outcome, Table, Target
from tests.world.authority import Authority

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Mapping, Sequence

    from agent.control.broker import Tls

CONNECTED_S, ANSWERED_MS = 15.0, 100.0
"""All devices, and the 99th percentile of a command: what the design asks of 500."""

MEMORY = Path("/dev/shm")  # noqa: S108
"""Where the devices' databases are: hundreds of devices don't write to one disk."""
_DOCUMENTS = ("conn", "info", "streams", "config/reported", "model/reported")
_IDLE_S = 10.0
_DESCRIPTORS = 8
"""Of a device: two sockets of its mailbox, its selector, its connection, its database and log. Some
are for the processes themselves."""


@dataclass(frozen=True, slots=True)
class Spent:
    """CPU seconds since a process began, or between two moments, by who spent them."""

    at_s: float
    broker_s: float
    devices_s: float
    operator_s: float

    def since(self, before: Spent) -> Spent:
        """What lies between."""
        return Spent(
            self.at_s - before.at_s,
            self.broker_s - before.broker_s,
            self.devices_s - before.devices_s,
            self.operator_s - before.operator_s,
        )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of this program.

    In an interpreter, threads that wait for their turn wake every 5 ms: with 125 devices in each, a
    command took 24 ms of CPU when all are told something at once, with 25 it takes 6.
    """
    group = parser.add_argument_group("sessions")
    add = group.add_argument
    add("--sessions", type=int, default=500, metavar="N", help="devices (%(default)s)")
    add("--sessions-processes", type=int, default=20, metavar="N", help="of these (%(default)s)")
    add("--sessions-rate", type=float, default=100.0, metavar="N", help="commands/s (%(default)s)")
    add("--sessions-window", type=float, default=20.0, metavar="S", help="(%(default)s s)")


def run(args: argparse.Namespace) -> Outcome:
    """The broker alone, then everybody."""
    allow_descriptors(args.sessions)
    with (
        TemporaryDirectory() as temporary,
        TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as databases,
    ):
        folder = Path(temporary)
        authority = Authority(folder / "certificates")
        _tell(f"sessions: {args.sessions} certificates")
        for number in range(args.sessions):
            authority.issue(name_of(number))
        (folder / "broker").mkdir()
        with Broker(folder / "broker", authority=authority) as broker:
            outcome = Outcome()
            alone = ceiling(broker, authority)
            place = _Place(
                broker, authority.issue("operator"), authority.ca.parent, Path(databases)
            )
            _fleet(args, place, outcome)
            outcome.tables.append(alone)
    return outcome


def allow_descriptors(devices: int) -> None:
    """Let this process, and those that it starts, open as many files as so many devices need."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = _DESCRIPTORS * devices + 200
    if hard < needed:
        raise SystemExit(f"{devices} devices need {needed} descriptors: ulimit -Hn {needed}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, needed), hard))


@dataclass(frozen=True, slots=True)
class _Place:
    """What devices and their operator have to do with."""

    broker: Broker
    operator: Tls
    certificates: Path
    databases: Path

    def devices(self, numbers: range) -> Devices:
        """A process of these."""
        return Devices(self.databases, self.certificates, self.broker.port, numbers)


def _fleet(args: argparse.Namespace, place: _Place, outcome: Outcome) -> None:
    filters = [(f"sfumato/v1/+/{document}", 0) for document in _DOCUMENTS]
    address = place.broker.address(tls=place.operator)
    with ExitStack() as stack:
        commander = stack.enter_context(
            Commander(address, "operator", [*filters, ("sfumato/v1/+/res/+", 1)])
        )
        processes = []
        bounds = [
            args.sessions * n // args.sessions_processes for n in range(args.sessions_processes + 1)
        ]
        for numbers in starmap(range, pairwise(bounds)):
            processes.append(place.devices(numbers))
            stack.callback(processes[-1].end)
        bench = _Bench(place.broker, processes)
        empty_mb = bench.resident_mb
        _tell(f"sessions: {args.sessions} connect")
        began = bench.spent()
        for devices in processes:
            devices.start()
        commander.until(lambda: _heard(commander, "conn") >= args.sessions, "all connected")
        connected_s = time.monotonic() - began.at_s
        wanted = len(_DOCUMENTS) * args.sessions
        commander.until(lambda: len(commander.heard) >= wanted, "all documents")
        seen = [("connect, say all", bench.spent().since(began), 0)]
        full_mb = bench.resident_mb
        _tell("sessions: nothing, commands at a rate, and one for each at once")
        before = bench.spent()
        time.sleep(_IDLE_S)
        seen.append(("nothing", bench.spent().since(before), 0))
        before = bench.spent()
        steady = commander.round_trips_s(
            at_a_rate(commander, args.sessions, args.sessions_rate, args.sessions_window)
        )
        seen.append(
            (f"{args.sessions_rate:g} commands/s", bench.spent().since(before), len(steady))
        )
        before = bench.spent()
        at_once = commander.round_trips_s(
            [commander.order(name_of(number), "ping") for number in range(args.sessions)]
        )
        seen.append(
            (f"{args.sessions} commands at once", bench.spent().since(before), len(at_once))
        )
        if commander.failed:
            raise SystemExit(f"not done: {commander.failed[0].decode()}")
    memory = (full_mb[0] - empty_mb[0], full_mb[1] - empty_mb[1])
    outcome.tables += [
        stages(seen, _note(connected_s, memory, args)),
        delays({"at a rate": steady, "at once": at_once}),
    ]
    p99_ms = 1000 * float(np.percentile(steady, 99))
    outcome.targets += [
        Target(f"{args.sessions} devices connected, s", connected_s, "<=", CONNECTED_S),
        Target(f"commands at {args.sessions_rate:g}/s, p99, ms", p99_ms, "<=", ANSWERED_MS),
    ]


class _Bench:
    """Whose CPU and memory counts."""

    def __init__(self, broker: Broker, processes: Sequence[Devices]) -> None:
        self._broker, self._processes = broker, processes

    def spent(self) -> Spent:
        """So far."""
        return Spent(
            time.monotonic(),
            usage_of(self._broker.pid)[0],
            sum(usage_of(each.pid)[0] for each in self._processes),
            usage_of(os.getpid())[0],
        )

    @property
    def resident_mb(self) -> tuple[float, float]:
        """Of all processes of devices, and of the broker."""
        devices_mb = sum(usage_of(each.pid)[1] for each in self._processes)
        return devices_mb, usage_of(self._broker.pid)[1]


def _heard(commander: Commander, document: str) -> int:
    return sum(topic.endswith(f"/{document}") for topic in commander.heard)


def at_a_rate(commander: Commander, devices: int, rate: float, seconds: float) -> list[str]:
    """To devices drawn by lot; late ones count from when they were due."""
    lot = random.Random(0)  # noqa: S311
    began_s = time.monotonic()
    ids = []
    for number in range(round(rate * seconds)):
        due_s = began_s + number / rate
        time.sleep(max(0.0, due_s - time.monotonic()))
        ids.append(commander.order(name_of(lot.randrange(devices)), "ping", due_s=due_s))
    return ids


def stages(spent: Iterable[tuple[str, Spent, int]], note: str) -> Table:
    """Who took how much of the processor in each, and for how many commands."""
    table = Table(
        f"Devices, their broker and their operator on {len(os.sched_getaffinity(0))} cores",
        ("", "seconds", "cores: broker", "devices", "operator", "all", "commands/CPU s"),
        note=f"{note} Cores: CPU seconds a second.".strip(),
    )
    for name, each, commands in spent:
        shares = [each.broker_s, each.devices_s, each.operator_s]
        cores = [share_s / each.at_s for share_s in (*shares, sum(shares))]
        per_s = commands / sum(shares) if commands else NOTHING
        table.rows.append((name, each.at_s, *cores, per_s))
    return table


def delays(found: Mapping[str, Sequence[float]]) -> Table:
    """How long answers took, out of seconds."""
    table = Table(
        "Round trips of ping, ms",
        ("", "answers", "p50", "p99", "longest"),
        note="From when it was due, where that is late.",
    )
    for name, spent_s in found.items():
        p50, p99 = (round(1000 * float(each), 3) for each in np.percentile(spent_s, (50, 99)))
        table.rows.append((name, len(spent_s), p50, p99, 1000 * max(spent_s)))
    return table


def _note(connected_s: float, memory_mb: tuple[float, float], args: argparse.Namespace) -> str:
    devices_kb, broker_kb = (1000 * each_mb / args.sessions for each_mb in memory_mb)
    return (
        f"{args.sessions} devices in {args.sessions_processes} processes; all were connected after "
        f"{connected_s:.1f} s, without jitter (jitter_s 0), and an operator had all "
        f"{len(_DOCUMENTS)} documents of each at the end of the first row. A device takes "
        f"{devices_kb:.0f} kB, and {broker_kb:.0f} kB of the broker. Its database is in "
        f"{'memory' if MEMORY.is_dir() else 'a file, all on one disk'}."
    )


def _tell(what: str) -> None:
    print(what, file=sys.stderr, flush=True)
