"""Any sequence of what can happen to a device and its broker: what holds in the end."""

import os
import random
import time

import pytest
from agent_process import AgentProcess
from broker import Broker
from collector_process import CollectorProcess
from onlooker import Onlooker, until

pytestmark = pytest.mark.slow

STEPS = 200
SEEDS = [int(os.environ["SFUMATO_SEED"])] if "SFUMATO_SEED" in os.environ else [1, 2]
OPS = [
    ("ping", {}),
    ("pause", {"stream": "door"}),
    ("pause", {"stream": "yard"}),
    ("resume", {}),
    ("rollback", {}),
    ("restart", {}),
    ("pause", {"stream": "nowhere"}),
]
TERMS = [{}, {"home_assistant": True}, {"tele_interval_s": 10.0}, {"version": "3.1.1"}]
"""The last ones make another connection."""
STEP_S = [0, 3600, -3600, 86400 * 365, -50 * 365 * 86400]
"""By how much a clock is off; with the last one nobody believes it."""


class Device:
    """A device, its broker, whoever collects, and what happens to them.

    Attributes:
        events: how many were told of.
        rev: of the configuration that was desired last.
    """

    def __init__(self, dice, broker, agent, collector, onlooker):
        self._dice, self._broker, self._agent = dice, broker, agent
        self._collector, self._onlooker = collector, onlooker
        self._commands = self._meetings = self.events = self.rev = 0
        self._is_frozen = False

    def publish(self):
        count = self._dice.randrange(1, 40)
        self._agent.happen(events=[self.events, count])
        self.events += count

    def command(self):
        """A new one, or one of before once more."""
        self.thaw()
        sent = self._onlooker.sent
        if sent and self._dice.random() < 0.2:
            name = self._dice.choice(sorted(sent))
            self._onlooker.order(sent[name][0], name, sent[name][1])
            return
        self._commands += 1
        op, args = self._dice.choice(OPS)
        self._onlooker.order(op, f"c{self._commands}", args)

    def configure(self):
        self.thaw()
        self.rev += 1
        self._onlooker.configure(self.rev)

    def kill(self):
        self._agent.kill()
        self._agent.start()

    def restart(self):
        self._agent.stop()
        self._agent.start()

    def disconnect(self):
        self.thaw()
        (self._broker.kill if self._dice.random() < 0.5 else self._broker.term)()
        self._broker.start()

    def freeze(self):
        self._broker.freeze()
        self._is_frozen = True

    def thaw(self):
        if self._is_frozen:
            self._broker.thaw()
            self._is_frozen = False

    def clock(self):
        self._agent.happen(clock=self._dice.choice(STEP_S))

    def reload(self):
        self._agent.happen(terms=self._dice.choice(TERMS))

    def collect(self):
        self._collector.kill()
        self._collector.start()

    def meet(self):
        """Wait until it is connected, and has said and done what there was by then."""
        self.thaw()
        self._meetings += 1
        name, asked_s = f"meet-{self._meetings}", 0.0

        def answered():
            nonlocal asked_s
            if time.monotonic() - asked_s > 1:  # a broker that was killed has forgotten it
                asked_s = time.monotonic()
                self._onlooker.order("ping", name)
            return self._onlooker.answers(name)

        until(answered)

    def step(self):
        often = {self.publish: 6, self.command: 8, self.configure: 2, self.kill: 1}
        often |= {self.restart: 1, self.disconnect: 2, self.freeze: 1, self.thaw: 2}
        often |= {self.clock: 2, self.reload: 2, self.collect: 0.5, self.meet: 4}
        self._dice.choices([*often], [*often.values()])[0]()


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_happens_nothing_is_lost_and_nothing_is_answered_twice(tmp_path, seed):
    print(f"SFUMATO_SEED={seed}")  # noqa: T201 for whoever wants to see it again
    dice = random.Random(seed)  # noqa: S311 nothing secret
    (tmp_path / "broker").mkdir()
    with (
        Broker(tmp_path / "broker", persistence="debian_default") as broker,
        Onlooker(broker) as onlooker,
        CollectorProcess(tmp_path / "collector", broker.port) as collector,
        AgentProcess(tmp_path / "agent", broker.port) as agent,
    ):
        device = Device(dice, broker, agent, collector, onlooker)
        for _ in range(STEPS):
            device.step()
        settle(device)

        for name, (op, args) in onlooker.sent.items():  # a killed broker forgets them
            if not onlooker.answers(name):
                onlooker.order(op, name, args)
        check_answers(agent, onlooker)
        check_state(onlooker, device)
        agent.kill()
        written = agent.committed()
        numbered = {key: data for key, data in written.items() if "number" in data}
        assert [seq for _, seq in sorted(written)] == list(range(1, len(written) + 1))
        numbers = [data["number"] for _, data in sorted(numbered.items())]
        assert numbers == sorted(set(numbers))
        agent.start()
        until(lambda: written.keys() <= collector.events().keys())
        collected = collector.events()
        assert {key: collected[key] for key in numbered} == numbered
        assert not [each for each in collector.said("lost") if not each["before"]]


def settle(device):
    """Have everything there, connected, and at rest."""
    device.thaw()
    device.restart()
    device.meet()
    device.collect()
    device.configure()
    device.publish()
    device.meet()


def check_answers(agent, onlooker):
    """One end each; what an op that changes something was done for is no more than was asked."""

    def open_ones():
        return [name for name in onlooker.sent if not onlooker.answers(name)]

    for turn in range(100):  # a restart of the agent ends with the next start
        if not (left := open_ones()):
            break
        if any(onlooker.sent[name][0] == "restart" for name in left):
            agent.stop()
            agent.start()
        onlooker.ask("ping", f"turn-{turn}")
    assert open_ones() == []
    for name in onlooker.sent:
        ends = [
            answer
            for answer in onlooker.answers(name)
            if not (answer["error"] and answer["error"]["code"] == "conflict")
        ]
        assert all(end == ends[0] for end in ends), (name, ends)
    done = [onlooker.sent[name][0] for name in onlooker.sent]
    for op in ("rollback", "restart"):
        assert agent.runs.count(op) <= done.count(op), op


def check_state(onlooker, device):
    """What the broker retains is how the agent is."""
    paused = onlooker.ask("pause", "last", {"stream": "door"})["result"]["paused"]
    onlooker.wait(
        lambda: (
            onlooker.newest("config/reported")["rev"] == device.rev
            and onlooker.newest("config/reported")["applied"]
            and states(onlooker.newest("streams"))
            == {name: "paused" if name in paused else "running" for name in ("door", "yard")}
        )
    )
    assert onlooker.newest("conn")["online"]
    assert (
        sorted(each["stream"] for each in onlooker.newest("config/reported")["overrides"]) == paused
    )


def states(streams):
    return {name: stream["state"] for name, stream in streams["streams"].items()}
