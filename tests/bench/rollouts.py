"""Fleet: how soon, and how safely, a model gets to many devices: real control planes and updates.

Connected over mTLS to one mosquitto that is configured by configs/mosquitto, all on this machine.
Nothing is downloaded, and nothing is hidden: what of a model is simulated is its fate on a device.
"""

from __future__ import annotations

import json
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise, starmap
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from agent.control.topics import ROOT
from agent.fleet.client import Client
from agent.fleet.inventory import inventory
from agent.fleet.rollout_file import RolloutFile, read_rollout
from agent.fleet.rollout_plan import RolloutPlan
from agent.fleet.rollout_salt import choose_salt
from agent.fleet.rollout_start import begin
from models.claims import read_claims
from tests.bench.ceiling import ceiling
from tests.bench.commander import Broker, Commander
from tests.bench.devices import GROUP, Devices, name_of
from tests.bench.outcome import Outcome, Table, Target
from tests.bench.sessions import (
    ANSWERED_MS,
    CONNECTED_S,
    MEMORY,
    allow_descriptors,
    at_a_rate,
    delays,
)
from tests.world.authority import Authority
from tests.world.driving import Driving, certified
from tests.world.versions import write_version

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from agent.control.broker import Tls
    from agent.fleet.inventory import DeviceState

ROLLED_OUT_S = 60.0
"""To all of 500 devices in four stages, without downloads: what the design asks for."""
STAGES = (1.0, 5.0, 25.0, 100.0)
GOOD, BAD, SILENT, KILLED = 2, 3, 4, 5
"""Versions, in the order in which they are rolled out."""
_LEAST = 3
"""Outcomes before failures count, by default."""
_SILENT_S = 20.0
"""After which a silent device counts as timed out. Chosen, not measured: a stage takes 7 s here."""
_RATE, _WINDOW_S = 100.0, 10.0
_POLL_S = 0.02


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of this program."""
    group = parser.add_argument_group("fleet")
    add = group.add_argument
    add("--fleet", type=int, default=500, metavar="N", help="devices (%(default)s)")
    add("--fleet-processes", type=int, default=20, metavar="N", help="of these (%(default)s)")
    add("--fleet-rollouts", default=",".join(_ROLL_OUTS), metavar="A,B...", help="(%(default)s)")


def run(args: argparse.Namespace) -> Outcome:
    """Everybody connects, is commanded, gets models; and then the broker alone."""
    allow_descriptors(args.fleet)
    names = [name_of(number) for number in range(args.fleet)]
    fates = {
        str(BAD): {name: "test" if n % 20 == 3 else "bad" for n, name in enumerate(names) if n % 10 == 3},
        str(SILENT): {name: "hangs" for n, name in enumerate(names) if n % 25 == 7},
    }  # fmt: skip
    with (
        TemporaryDirectory() as temporary,
        TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as databases,
    ):
        folder = Path(temporary)
        (folder / "fates.json").write_text(json.dumps(fates))
        authority = Authority(folder / "certificates")
        _tell(f"fleet: {args.fleet} certificates")
        for name in names:
            authority.issue(name)
        (folder / "broker").mkdir()
        with (
            Broker(folder / "broker", authority=authority) as broker,
            ExitStack() as stack,
        ):
            outcome = Outcome()
            alone = ceiling(broker, authority)
            bounds = [
                args.fleet * n // args.fleet_processes for n in range(args.fleet_processes + 1)
            ]
            processes = []
            for numbers in starmap(range, pairwise(bounds)):
                devices = Devices(
                    Path(databases), authority.ca.parent, broker.port, numbers,
                    folder / "fates.json",
                )  # fmt: skip
                processes.append(devices)
                stack.callback(devices.end)
            _command(names, broker, authority.issue("operator"), processes, outcome)
            place = _Place(broker, authority.issue("release"), folder, names, fates)
            _roll_out(place, args.fleet_rollouts.split(","), outcome)
            outcome.tables.append(alone)
    return outcome


def _command(
    names: Sequence[str],
    broker: Broker,
    operator: Tls,
    processes: Sequence[Devices],
    outcome: Outcome,
) -> None:
    """All connect, and are told something."""
    filters = [("sfumato/v1/+/conn", 0), ("sfumato/v1/+/res/+", 1)]
    with Commander(broker.address(tls=operator), "operator", filters) as commander:
        _tell(f"fleet: {len(names)} connect")
        began_s = time.monotonic()
        for devices in processes:
            devices.start()
        commander.until(
            lambda: sum(topic.endswith("/conn") for topic in commander.heard) >= len(names),
            "all connected",
        )
        connected_s = time.monotonic() - began_s
        time.sleep(5.0)  # until all documents are said
        _tell(f"fleet: commands, {_RATE:g} a second")
        spent_s = commander.round_trips_s(at_a_rate(commander, len(names), _RATE, _WINDOW_S))
    outcome.tables.append(delays({f"{_RATE:g} a second": spent_s}))
    p99_ms = 1000 * float(np.percentile(spent_s, 99))
    outcome.targets += [
        Target(f"{len(names)} devices connected, s", connected_s, "<=", CONNECTED_S),
        Target(f"commands at {_RATE:g}/s, p99, ms", p99_ms, "<=", ANSWERED_MS),
    ]


@dataclass(frozen=True, slots=True)
class _Place:
    """What roll-outs have to do with; one operator, with the certificate of the role `release`."""

    broker: Broker
    release: Tls
    folder: Path
    names: Sequence[str]
    fates: Mapping[str, Mapping[str, str]]

    @property
    def state(self) -> Path:
        """How far the last one is."""
        return self.folder / "state.json"

    def driving(self, *words: str) -> Driving:
        """A process of `ctl rollout`."""
        tls = self.release
        assert tls.ca is not None
        assert tls.cert is not None
        assert tls.key is not None
        connection = certified(self.broker.port, tls.ca, tls.cert, tls.key)
        return Driving(connection, *words, "--state", str(self.state))

    def start(self, version: int) -> Driving:
        """One that begins, or goes on."""
        return self.driving("start", GROUP, str(write_version(self.folder, version)))

    def prepare(self, version: int, away: set[str]) -> None:
        """One that is about to begin, with a salt that is the same in each run."""
        claims = read_claims(write_version(self.folder, version))
        plan = RolloutPlan(
            group=GROUP, name=claims.manifest.name, version=version, digest=claims.digest,
            stages=STAGES, success=95, abort_failed=5, least=_LEAST, timeout_s=_SILENT_S,
        )  # fmt: skip
        state, _ = begin(self.client, ROOT, plan)
        state = state.moved(salt=choose_salt(plan, self.names, away, "bench"))
        RolloutFile(self.state).write(state)

    def client(self, filters: Sequence[tuple[str, int]]) -> Client:
        """A connection of the operator's."""
        return Client(self.broker.address(tls=self.release), ROOT, filters)

    def devices(self) -> list[DeviceState]:
        """All of them, as they report."""
        return inventory(self.client, ROOT)

    def digest(self, version: int) -> str:
        """Of a bundle that was rolled out."""
        return read_claims(self.folder / f"world-v{version}.sfm").digest


def _roll_out(place: _Place, wanted: Sequence[str], outcome: Outcome) -> None:
    table = Table(
        f"Roll-outs to {len(place.names)} devices in stages of 1, 5, 25 and 100 %",
        ("", "exit", "seconds", "told", "succeeded", "failed", "timed out", "began", "run it", "not good"),
        note="Seconds are those of `sfumato ctl rollout`, from its start to its end. Began: devices that "
        "fetched it or more, by what they report in the end. Run it, not good: devices that run it "
        "in the end, and those that run one which fails there, or none. A device looks at what it is told every 2 s, and its "
        f"probation takes 1 s here, so a stage takes 3 s at least. Silent ones count after {_SILENT_S:g} s.",
    )  # fmt: skip
    outcome.tables.insert(0, table)
    for name in wanted:
        outcome.targets.append(_ROLL_OUTS[name](table, place))


def _good(table: Table, place: _Place) -> Target:
    _tell("fleet: a good one")
    began_s = time.monotonic()
    with place.start(GOOD) as driving:
        ended = driving.ended()
    took_s = time.monotonic() - began_s
    _row(table, place, "good", GOOD, ended, took_s)
    return Target("a good one is everywhere, s", took_s, "<=", ROLLED_OUT_S)


def _bad(table: Table, place: _Place) -> Target:
    many = len(place.fates[str(BAD)])
    _tell(f"fleet: one that {many} devices fail at")
    place.prepare(BAD, set())
    began_s = time.monotonic()
    with place.driving("resume", GROUP) as driving:
        ended = driving.ended()
    began = _row(table, place, f"{many} fail", BAD, ended, time.monotonic() - began_s)
    most = 0.05 * len(place.names) + _LEAST
    return Target(f"devices that began where {many} fail", began, "<=", most)


def _silent(table: Table, place: _Place) -> Target:
    silent = place.fates[str(SILENT)]
    _tell(f"fleet: one that {len(silent)} devices never finish")
    place.prepare(SILENT, set(silent))
    began_s = time.monotonic()
    with place.driving("resume", GROUP) as driving:
        ended = driving.ended()
    _row(table, place, f"{len(silent)} silent", SILENT, ended, time.monotonic() - began_s)
    late = len(ended[1]["timed_out"])
    return Target(f"of {len(silent)} silent devices, timed out", late, ">=", len(silent))


def _killed(table: Table, place: _Place) -> Target:
    _tell("fleet: one whose operator is killed in each stage")
    began_s = time.monotonic()
    for stage in range(len(STAGES)):
        with place.start(KILLED) as driving:
            _until_stage(place, stage)
            driving.kill()
    with place.start(KILLED) as driving:
        ended = driving.ended()
    name = f"operator killed {len(STAGES)} times"
    _row(table, place, name, KILLED, ended, time.monotonic() - began_s)
    run_it, count = ended[1]["tally"].get("succeeded", 0), len(place.names)
    return Target("run it, though its operator was killed", run_it, ">=", count)


_ROLL_OUTS = {"good": _good, "bad": _bad, "silent": _silent, "killed": _killed}


def _until_stage(place: _Place, stage: int) -> None:
    """Wait until a stage is told of the last roll-out."""
    digest, deadline_s = place.digest(KILLED), time.monotonic() + 120
    while True:
        state = read_rollout(place.state)
        if state is not None and state.plan.digest == digest and state.stage >= stage:
            return
        if time.monotonic() > deadline_s:
            raise SystemExit(f"stage {stage} was never told: {state}")
        time.sleep(_POLL_S)


def _row(
    table: Table,
    place: _Place,
    what: str,
    version: int,
    ended: tuple[int, Any, list[str]],
    took_s: float,
) -> int:
    """Note how one ended; how many devices began it."""
    code, said, err = ended
    if said is None:
        raise SystemExit("\n".join(err))
    time.sleep(5.0)  # whoever is on the way back
    digest = place.digest(version)
    devices = place.devices()
    models = {each.name: each.info.model for each in devices if each.info and each.info.model}
    runs = [model.bundle for model in models.values()]
    stuck = len(place.names) - sum(
        place.fates.get(str(model.version), {}).get(name) is None for name, model in models.items()
    )
    began = sum(
        each.model_reported is not None and each.model_reported.digest == digest for each in devices
    )
    tally = said["tally"]
    ends = [tally.get(end, 0) for end in ("succeeded", "failed", "timed_out")]
    table.rows.append(
        (what, code, took_s, sum(tally.values()), *ends, began, runs.count(digest), stuck)
    )
    return began


def _tell(what: str) -> None:
    print(what, file=sys.stderr, flush=True)
