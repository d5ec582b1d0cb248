"""How many devices a broker and an operator can have: real control planes for simulated agents.

Connected over mTLS to one mosquitto that is configured by configs/mosquitto, all on this machine.
"""

from __future__ import annotations

import os
import random
import resource
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from tests.bench.commander import Broker, Commander
from tests.bench.devices import Devices, name_of, usage_of
from tests.bench.outcome import Outcome, Table, Target
from tests.world.authority import Authority

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Sequence

    from agent.control.broker import Tls

CONNECTED_S, ANSWERED_MS = 15.0, 100.0
"""All devices, and the 99th percentile of a command: what the design asks of 500."""

MEMORY = Path("/dev/shm")  # noqa: S108
"""Where the devices' databases are: hundreds of devices don't write to one disk."""
_DOCUMENTS = ("conn", "info", "streams", "config/reported", "model/reported")
_IDLE_S = 10.0
_TIMES, _MESSAGES, _BYTES = 3, 10_000, 330
"""Of the broker alone; it keeps no more messages than these for who is slower than it."""
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
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = _DESCRIPTORS * args.sessions + 200
    if hard < needed:
        raise SystemExit(f"{args.sessions} devices need {needed} descriptors: ulimit -Hn {needed}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, needed), hard))
    with TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as temporary:
        folder = Path(temporary)
        authority = Authority(folder / "certificates")
        _tell(f"sessions: {args.sessions} certificates")
        for number in range(args.sessions):
            authority.issue(name_of(number))
        (folder / "broker").mkdir()
        with Broker(folder / "broker", authority=authority) as broker:
            outcome = Outcome()
            ceiling = _ceiling(broker, authority)
            operator = authority.issue("operator")
            _fleet(args, folder, broker, operator, outcome)
            outcome.tables.append(ceiling)
    return outcome


def _fleet(
    args: argparse.Namespace, folder: Path, broker: Broker, operator: Tls, outcome: Outcome
) -> None:
    filters = [(f"sfumato/v1/+/{document}", 0) for document in _DOCUMENTS]
    address = broker.address(tls=operator)
    with ExitStack() as stack:
        commander = stack.enter_context(
            Commander(address, "operator", [*filters, ("sfumato/v1/+/res/+", 1)])
        )
        processes = []
        for number in range(args.sessions_processes):
            devices = Devices(
                folder,
                folder / "certificates",
                broker.port,
                range(
                    *(args.sessions * n // args.sessions_processes for n in (number, number + 1))
                ),
            )
            stack.callback(devices.end)
            processes.append(devices)
        bench = _Bench(broker, processes)
        empty_mb = bench.resident_mb
        _tell(f"sessions: {args.sessions} connect")
        began = bench.spent()
        for devices in processes:
            devices.start()
        commander.until(lambda: _heard(commander, "conn") >= args.sessions, "all connected")
        connected_s = time.monotonic() - began.at_s
        wanted = len(_DOCUMENTS) * args.sessions
        commander.until(lambda: len(commander.heard) >= wanted, "all documents")
        stages = [("connect, say all", bench.spent().since(began))]
        full_mb = bench.resident_mb
        _tell("sessions: nothing, commands at a rate, and one for each at once")
        before = bench.spent()
        time.sleep(_IDLE_S)
        stages.append(("nothing", bench.spent().since(before)))
        before = bench.spent()
        steady = commander.round_trips_s(_at_a_rate(commander, args))
        stages.append((f"{args.sessions_rate:g} commands/s", bench.spent().since(before)))
        before = bench.spent()
        at_once = commander.round_trips_s(
            [commander.order(name_of(number), "ping") for number in range(args.sessions)]
        )
        stages.append((f"{args.sessions} commands at once", bench.spent().since(before)))
        if commander.failed:
            raise SystemExit(f"not done: {commander.failed[0].decode()}")
    memory = (full_mb[0] - empty_mb[0], full_mb[1] - empty_mb[1])
    outcome.tables += [
        _stages(stages, connected_s, memory, args),
        _delays({"at a rate": steady, "at once": at_once}),
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


def _at_a_rate(commander: Commander, args: argparse.Namespace) -> list[str]:
    """To devices drawn by lot; late ones count from when they were due."""
    lot = random.Random(0)  # noqa: S311
    began_s = time.monotonic()
    ids = []
    for number in range(round(args.sessions_rate * args.sessions_window)):
        due_s = began_s + number / args.sessions_rate
        time.sleep(max(0.0, due_s - time.monotonic()))
        ids.append(commander.order(name_of(lot.randrange(args.sessions)), "ping", due_s=due_s))
    return ids


def _ceiling(broker: Broker, authority: Authority) -> Table:
    """What a broker does by programs of its own, in C: from one connection to another one."""
    topic = "sfumato/v1/nobody/cmd/ping"
    reader, writer = authority.issue("nobody"), authority.issue("viewer")
    lines = (b"x" * _BYTES + b"\n") * _MESSAGES
    rates, cores = [], []
    for _ in range(_TIMES):
        hear = _client("mosquitto_sub", broker, reader, topic, "-C", str(_MESSAGES), "-W", "60")
        say = _client("mosquitto_pub", broker, writer, topic, "-l")
        with subprocess.Popen(hear, stdout=subprocess.DEVNULL) as ear:
            time.sleep(1.0)  # it doesn't tell when it has subscribed
            began_s, cpu_s = time.monotonic(), usage_of(broker.pid)[0]
            subprocess.run(say, input=lines, check=True, timeout=60)
            if ear.wait(60):
                raise SystemExit("mosquitto_sub did not hear all of it")
            took_s = time.monotonic() - began_s
        rates.append(_MESSAGES / took_s)
        cores.append((usage_of(broker.pid)[0] - cpu_s) / took_s)
    table = Table(
        f"The broker alone: {_MESSAGES} messages of {_BYTES} bytes, QoS 1, mosquitto_pub to "
        "mosquitto_sub, mTLS",
        ("", "messages/s", "min", "max", "broker's cores"),
        note=f"Median of {_TIMES} times.",
    )
    table.rows.append(("mosquitto", median(rates), min(rates), max(rates), median(cores)))
    return table


def _client(program: str, broker: Broker, tls: Tls, topic: str, *more: str) -> list[str]:
    shown = ["--cafile", str(tls.ca), "--cert", str(tls.cert), "--key", str(tls.key)]
    return [
        *(program, "-h", broker.host, "-p", str(broker.port), *shown),
        *("-V", "5", "-q", "1", "-t", topic, *more),
    ]


def _stages(
    stages: Iterable[tuple[str, Spent]],
    connected_s: float,
    memory_mb: tuple[float, float],
    args: argparse.Namespace,
) -> Table:
    count = args.sessions
    devices_kb, broker_kb = (1000 * each_mb / count for each_mb in memory_mb)
    table = Table(
        f"{count} devices in {args.sessions_processes} processes, "
        f"{len(os.sched_getaffinity(0))} cores for everybody",
        ("", "seconds", "cores: broker", "devices", "operator", "all"),
        note=f"All were connected after {connected_s:.1f} s, without jitter (jitter_s 0), and an "
        f"operator had all five documents of each at the end of the first row. A device takes "
        f"{devices_kb:.0f} kB, and {broker_kb:.0f} kB of the broker. Cores: CPU seconds a second. "
        f"Databases are in {'memory' if MEMORY.is_dir() else 'files on one disk'}.",
    )
    for name, spent in stages:
        shares = [spent.broker_s, spent.devices_s, spent.operator_s]
        cores = [each_s / spent.at_s for each_s in (*shares, sum(shares))]
        table.rows.append((name, spent.at_s, *cores))
    return table


def _delays(found: dict[str, Sequence[float]]) -> Table:
    table = Table(
        "Round trips of ping, ms",
        ("", "answers", "p50", "p99", "longest"),
        note="From when it was due, where that is late.",
    )
    for name, spent_s in found.items():
        p50, p99 = (1000 * float(each) for each in np.percentile(spent_s, (50, 99)))
        table.rows.append((name, len(spent_s), p50, p99, 1000 * max(spent_s)))
    return table


def _tell(what: str) -> None:
    print(what, file=sys.stderr, flush=True)
