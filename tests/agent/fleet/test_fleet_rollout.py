"""A small fleet: real control planes and real updates, over real MQTT with certificates, and `ctl`.

Its large sister, with figures, is `make bench BENCH=rollouts`.
"""

import json
import time
from contextlib import ExitStack

import pytest
from authority import Authority
from broker import Broker
from driving import Driving, certified
from versions import write_version

from agent.control.topics import ROOT
from agent.fleet.client import Client
from agent.fleet.inventory import inventory
from models.claims import read_claims
from tests.bench.devices import GROUP, Devices, name_of

COUNT = 40
NAMES = [name_of(number) for number in range(COUNT)]
GOOD, BAD = 2, 3
"""Versions."""
FATES = {str(BAD): dict(zip(NAMES, ("test", "bad") * COUNT, strict=False))}
TIMEOUT_S = 60
pytestmark = pytest.mark.slow


class Operator:
    """Somebody with the certificate of the role `release`, who drives roll-outs."""

    def __init__(self, broker, tls, folder):
        self._address = broker.address(tls=tls)
        self._connection = certified(broker.port, tls.ca, tls.cert, tls.key)
        self._folder = folder
        self._state = str(folder / "state.json")

    def rolled_out(self, version, *words):
        """Exit code and what it printed as JSON."""
        bundle = str(write_version(self._folder, version))
        state = ["--state", self._state]
        with Driving(self._connection, "start", GROUP, bundle, *state, *words) as driving:
            return driving.ended()[:2]

    def devices(self):
        return inventory(lambda filters: Client(self._address, ROOT, filters), ROOT)

    def running(self, version):
        """How many devices run a version, out of probation."""
        digest = read_claims(self._folder / f"world-v{version}.sfm").digest
        models = [device.info.model for device in self.devices() if device.info]
        return sum(model.bundle == digest for model in models)


@pytest.fixture
def fleet(tmp_path):
    (tmp_path / "broker").mkdir()
    (tmp_path / "fates.json").write_text(json.dumps(FATES))
    authority = Authority(tmp_path / "certificates")
    for name in NAMES:
        authority.issue(name)
    release = authority.issue("release")
    with ExitStack() as stack:
        broker = stack.enter_context(Broker(tmp_path / "broker", authority=authority))
        for numbers in (range(COUNT // 2), range(COUNT // 2, COUNT)):
            devices = Devices(
                tmp_path, authority.ca.parent, broker.port, numbers, tmp_path / "fates.json"
            )
            stack.callback(devices.end)
            devices.start()
        operator = Operator(broker, release, tmp_path)
        deadline_s = time.monotonic() + TIMEOUT_S
        while sum(device.model_reported is not None for device in operator.devices()) < COUNT:
            assert time.monotonic() < deadline_s
        yield operator


def test_a_small_fleet_takes_what_is_good_and_goes_back_where_it_is_not(fleet):
    code, said = fleet.rolled_out(GOOD, "--to", "5,100")
    assert (code, said["tally"]) == (0, {"succeeded": COUNT})
    assert [stage["devices"] for stage in said["stages"]] == [2, COUNT]
    assert fleet.running(GOOD) == COUNT

    code, said = fleet.rolled_out(BAD, "--to", "5,100")
    assert (code, said["state"]) == (7, "aborted")
    assert 1 <= len(said["failed"]) <= 2
    assert fleet.running(GOOD) == COUNT  # also those that tried it
