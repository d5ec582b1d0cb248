"""10,000 events, a broker that forgets, an agent that is killed: each is collected once."""

import os
import random

import pytest
from agent_process import AgentProcess
from broker import Broker
from collector_process import CollectorProcess
from onlooker import Onlooker, until

pytestmark = pytest.mark.slow

EVENTS = 10_000
TERMS, KILLS, AGENT_KILLS = 20, 5, 10


class Teller:
    """Has an agent tell `EVENTS` numbered events; each is told again until it was written down."""

    def __init__(self, agent, onlooker):
        self._agent, self._onlooker = agent, onlooker
        self._asked = 0
        self.told, self.written = 0, {}

    def tell(self, count):
        """So many more; they are written down at once, as every command is."""
        self._agent.happen(events=[self.told, count])
        self.told += count
        self._asked += 1
        self._onlooker.order("ping", f"ask-{self._asked}")

    def look(self):
        """What a dead agent has written down."""
        self.written.update(self._agent.committed())
        self.told = len(self.written)


@pytest.mark.usefixtures("all_cores")
def test_each_event_is_collected_once_whatever_is_killed(tmp_path):
    seed = int(os.environ.get("SFUMATO_SEED", "8"))
    print(f"SFUMATO_SEED={seed}")  # noqa: T201 for whoever wants to see it again
    dice = random.Random(seed)  # noqa: S311 nothing secret
    faults = ["term"] * TERMS + ["kill"] * KILLS
    dice.shuffle(faults)
    dying = set(dice.sample(range(len(faults)), AGENT_KILLS))
    share = EVENTS // len(faults)
    (tmp_path / "broker").mkdir()
    with (
        Broker(tmp_path / "broker", persistence="debian_default") as broker,
        Onlooker(broker) as onlooker,
        CollectorProcess(tmp_path / "collector", broker.port) as collector,
        AgentProcess(tmp_path / "agent", broker.port) as agent,
    ):
        teller = Teller(agent, onlooker)
        onlooker.wait_more("conn", 0)
        for turn, fault in enumerate(faults):
            conns, events = onlooker.count("conn"), onlooker.count("evt")
            if fault == "kill":  # so that the broker has acknowledged what nobody has, and forgets
                collector.freeze()
            teller.tell(share)
            onlooker.wait_more("evt", events + (share - 1 if fault == "kill" else 0))
            if turn in dying:
                agent.kill()
                teller.look()
            if fault == "kill":
                broker.kill()
                collector.thaw()
            else:
                broker.term()
            broker.start()
            if turn in dying:
                agent.start()
            onlooker.wait_more("conn", conns)
        teller.tell(EVENTS - teller.told)
        rows = 0
        while rows < EVENTS:  # as slowly as the machine likes
            until(lambda more=rows + 1: collector.rows() >= more)
            rows = collector.rows()
        agent.kill()
        teller.look()
        assert collector.events() == teller.written
    written = sorted(teller.written.items())
    assert [data["number"] for _, data in written] == list(range(EVENTS))
    assert [seq for (_, seq), _ in written] == list(range(1, EVENTS + 1))
    assert len({epoch for (epoch, _), _ in written}) == 1
    assert collector.said("asked"), "no event had to be sent again"
    assert not [each for each in collector.said("lost") if not each["before"]]
