"""What passes between an agent and its broker, step by step, with a broker that is simulated."""

import json

import pytest
from simulated_agent import SimulatedAgent, terms_of

from agent.control.delivery import Received
from agent.control.discovery import removal
from agent.control.exchange import BIRTH_S, COMMIT_S, DESIRED_S, Exchange
from agent.control.messages import Conn, Result
from agent.control.ops import PauseArgs
from agent.control.presence import ANSWER_S, CONN_S, TWIN_HOLD_OFF_S, TWIN_S, conn_of
from agent.control.records import Records
from agent.control.signed import sign
from agent.control.window import EVENTS_IN_FLIGHT, IN_FLIGHT
from agent.wall_clock import WallClock
from models.signing import PrivateKey

PREFIX = "sfumato/v1/gate"


class SimulatedBroker:
    """A connection that keeps what it was handed, and answers when it is told to.

    Attributes:
        steps: what happened, in order.
        waiting: messages that it has not answered for, with their tokens.
    """

    def __init__(self):
        self.steps, self.waiting = [], []

    def publish(self, message, token):
        self.steps.append(("published", message.topic.removeprefix(f"{PREFIX}/")))
        self.waiting.append((message, token))
        return True

    def acknowledge(self, receipt):
        self.steps.append(("acknowledged", receipt))

    def reconnect(self, reason):
        self.steps.append(("reconnect", reason))

    def hold_off(self, seconds):
        self.steps.append(("hold off", seconds))

    def named(self, topic):
        """What waits for an answer at a topic."""
        full = topic if topic.startswith("homeassistant") else f"{PREFIX}/{topic}"
        return [message for message, _ in self.waiting if message.topic == full]


class SimulatedWorkers:
    """Do a command when it is taken, and tell of it later."""

    def __init__(self, agent, steps):
        self._agent, self._steps = agent, steps
        self.results = []

    def take(self, order):
        self._steps.append(("did", order.op))
        if order.op == "restart":
            result = Result(id=order.id, op=order.op, state="accepted")
        else:
            said = self._agent.do(order.op, order.args)
            result = Result(id=order.id, op=order.op, state="done", result=said)
        self.results.append(result)


class World:
    """An exchange, its broker, workers, and a clock that stands still."""

    def __init__(self, folder, **terms):
        self.now_s = 1000.0
        self.broker, self.agent = SimulatedBroker(), SimulatedAgent(folder)
        wall = WallClock(
            lambda: 1.8e9 + self.now_s, lambda: self.now_s, lambda: True, boot_id="machine"
        )
        self.records = Records.open(folder / "control.db", 1 << 20, wall, "boot")
        self.workers = SimulatedWorkers(self.agent, self.broker.steps)
        self.terms = terms_of(1883, "gate", **terms)
        self.exchange = Exchange(self.terms, self.agent, self.broker, self.workers, self.records)

    def close(self):
        self.records.database.close()

    def connect(self):
        self.exchange.connected()
        self.settle()

    def settle(self, code=0):
        """The broker answers for everything, until nothing comes any more."""
        self.tend()
        while self.broker.waiting:
            _, token = self.broker.waiting.pop(0)
            self.exchange.published(token, code)
            self.tend()

    def tend(self, later_s=0.0):
        self.now_s += later_s
        self.exchange.report()
        self.exchange.tend()

    def order(self, op, number, args=None):
        """A command comes, and is worked on."""
        body = {"v": 1, "id": number, "args": args or {}}
        topic, payload = f"{PREFIX}/cmd/{op}", json.dumps(body).encode()
        self.exchange.received(
            Received(topic, payload, 1, retained=False, expiry_s=None, receipt=number)
        )
        while self.workers.results:
            self.exchange.finished(self.workers.results.pop())

    def say_conn(self, boot_id, *, retained=False, online=True):
        """Somebody says something on the device's own `conn`."""
        conn = Conn(online=online, boot_id=boot_id, reason="start", ts=None, clock_synced=False)
        payload = conn.model_dump_json().encode()
        self.exchange.received(Received(f"{PREFIX}/conn", payload, 1, retained, None, boot_id))

    def undelivered(self):
        return [entry.id for entry in self.records.inbox.undelivered()]


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    yield world
    world.close()


def test_a_command_is_acknowledged_then_done_then_answered(world):
    world.connect()
    world.broker.steps.clear()
    world.order("pause", "one", {"stream": "door"})
    world.tend()
    assert [step for step in world.broker.steps if step != ("published", "streams")][:4] == [
        ("acknowledged", "one"),
        ("did", "pause"),
        ("published", "config/reported"),
        ("published", "res/one"),
    ]
    assert world.undelivered() == ["one"]
    world.settle()
    assert world.undelivered() == []


def test_an_answer_that_is_not_kept_is_kept_by_the_broker(world):
    """Until that has the answer the command is not acknowledged, and so comes again."""
    world.connect()
    world.order("dance", "odd")
    world.tend()
    (answer,) = world.broker.named("res/odd")
    assert json.loads(answer.payload)["error"]["code"] == "unknown_op"
    assert ("acknowledged", "odd") not in world.broker.steps
    world.settle()
    assert ("acknowledged", "odd") in world.broker.steps


def test_a_conflict_is_not_the_delivery_of_the_result(world):
    world.connect()
    world.order("pause", "one", {"stream": "door"})
    world.tend()
    world.broker.waiting = [each for each in world.broker.waiting if "res" not in each[0].topic]
    world.order("pause", "one", {"stream": "yard"})
    world.tend()
    (conflict,) = world.broker.named("res/one")
    assert json.loads(conflict.payload)["error"]["code"] == "conflict"
    world.settle()
    assert world.undelivered() == ["one"]


def test_what_is_accepted_is_not_yet_delivered(world, tmp_path):
    world.connect()
    world.order("restart", "again")
    world.settle()
    assert ("published", "res/again") in world.broker.steps
    world.close()
    later = World(tmp_path)
    later.agent.was_done = lambda _op, _args: {}
    later.connect()
    assert later.broker.steps.count(("published", "res/again")) == 1
    later.close()


def test_what_a_start_finds_unfinished_is_interrupted(world, tmp_path):
    world.connect()
    topic, payload = f"{PREFIX}/cmd/ping", b'{"v":1,"id":"cut"}'
    world.exchange.received(Received(topic, payload, 1, False, None, "cut"))
    world.close()
    later = World(tmp_path)
    later.exchange.connected()
    later.tend()
    (result,) = later.broker.named("res/cut")
    error = json.loads(result.payload)["error"]
    assert (error["code"], error["retryable"]) == ("interrupted", True)
    later.close()


def test_everything_retained_is_published_at_each_connection_and_when_it_changes(world):
    retained = ["conn", "info", "streams", "config/reported", "model/reported"]
    world.connect()
    assert sorted(topic for _, topic in world.broker.steps) == sorted([*retained, "tele"])
    world.broker.steps.clear()
    world.settle()
    assert world.broker.steps == []
    world.agent.do("pause", PauseArgs(stream="door"))
    world.settle()
    assert world.broker.steps == [("published", "streams"), ("published", "config/reported")]
    world.exchange.disconnected("gone")
    world.broker.steps.clear()
    world.connect()
    assert {topic for _, topic in world.broker.steps} == set(retained)


def test_events_are_written_down_together_and_only_then_published(world):
    world.connect()
    world.exchange.tell("track", {"n": 1})
    world.tend()
    assert world.broker.named("evt/track") == []
    world.exchange.tell("track", {"n": 2})
    world.tend(later_s=COMMIT_S)
    first, second = (json.loads(each.payload) for each in world.broker.named("evt/track"))
    assert (first["seq"], first["data"], second["seq"]) == (1, {"n": 1}, 2)


def test_how_far_events_are_written_down_is_said_every_minute(world):
    def said():
        (conn,) = world.broker.named("conn")
        return Conn.model_validate_json(conn.payload)

    epoch = world.records.outbox.epoch
    world.exchange.connected()
    world.tend()
    assert (said().epoch, said().seq) == (epoch, None)
    world.settle()
    for _ in range(2):
        world.exchange.tell("track", {})
    world.tend(later_s=COMMIT_S)
    world.settle()
    world.tend(later_s=CONN_S)
    assert (said().epoch, said().seq) == (epoch, 2)
    world.settle()
    world.exchange.tell("track", {})  # what a kill takes with it never had a number
    for reason, told in (("clean", (epoch, 2)), ("lost", (None, None))):
        conn = Conn.model_validate_json(conn_of(world.terms, world.records, reason).payload)
        assert (conn.epoch, conn.seq) == told


def test_an_outage_piles_up_events_and_no_more_than_twenty_messages_are_in_flight(world):
    for number in range(50):
        world.exchange.tell("track", {"n": number})
    world.tend(later_s=COMMIT_S)
    world.exchange.connected()
    world.tend()
    assert len(world.broker.waiting) <= IN_FLIGHT
    assert len(world.broker.named("evt/track")) <= EVENTS_IN_FLIGHT
    world.order("ping", "between")
    world.settle()
    steps = [topic for kind, topic in world.broker.steps if kind == "published"]
    assert steps.count("evt/track") == 50
    assert steps.index("res/between") < len(steps) - 20


def test_what_the_broker_did_not_answer_for_comes_again(world):
    world.connect()
    for number in range(3):
        world.exchange.tell("track", {"n": number})
    world.tend(later_s=COMMIT_S)
    _, token = world.broker.waiting.pop(0)
    world.exchange.published(token, 0x10)
    world.exchange.disconnected("gone")
    world.broker.waiting.clear()
    world.connect()
    world.broker.steps.clear()
    assert world.exchange.counts().queued == 0
    assert world.exchange.counts().unheard == 1


def test_a_broker_that_does_not_answer_is_left(world):
    world.connect()
    world.tend(later_s=CONN_S)
    assert len(world.broker.named("conn")) == 1
    world.tend(later_s=ANSWER_S)
    assert not [step for step in world.broker.steps if step[0] == "reconnect"]
    world.tend(later_s=1)
    assert [step for step in world.broker.steps if step[0] == "reconnect"]


def test_a_twin_is_told_of_once_and_shown_for_as_long_as_it_may_be_there(world):
    world.connect()
    world.say_conn("other", retained=True)
    world.say_conn("other", online=False)
    world.settle()
    assert ("published", "evt/twin") not in world.broker.steps
    world.say_conn("other")
    world.tend()
    assert json.loads(world.broker.named("conn")[-1].payload)["reason"] == "twin"
    (event,) = world.broker.named("evt/twin")
    assert json.loads(event.payload)["data"] == {"boot_id": "other"}
    world.settle()
    assert world.broker.steps[-1] == ("hold off", TWIN_HOLD_OFF_S)
    world.say_conn("other")
    world.settle()
    assert world.broker.steps.count(("published", "evt/twin")) == 1
    world.tend(later_s=TWIN_S)
    assert json.loads(world.broker.named("conn")[-1].payload)["reason"] == "start"


def test_a_twin_that_took_the_name_is_found_at_the_next_connection(world):
    world.connect()
    world.exchange.disconnected("gone")
    world.connect()
    world.say_conn("other", retained=True)
    world.settle()
    assert ("hold off", TWIN_HOLD_OFF_S) in world.broker.steps


def test_home_assistant_is_told_on_request_and_again_when_it_starts(tmp_path):
    topic = "homeassistant/device/gate/config"
    world = World(tmp_path, home_assistant=True)
    world.connect()
    assert world.broker.steps.count(("published", topic)) == 1
    for payload in (b"offline", b"online"):
        world.exchange.received(Received("homeassistant/status", payload, 0, True, None, None))
    world.settle()
    world.tend(later_s=BIRTH_S)
    world.settle()
    assert world.broker.steps.count(("published", topic)) == 2
    world.close()


def test_what_was_retained_on_other_terms_is_taken_back(tmp_path):
    world = World(tmp_path)
    world.exchange = Exchange(
        world.terms, world.agent, world.broker, world.workers, world.records, removal("gate")
    )
    world.exchange.connected()
    world.tend()
    (message,) = world.broker.named("homeassistant/device/gate/config")
    assert (message.payload, message.retain) == (b"", True)
    world.close()


def test_what_nobody_signed_is_not_applied_where_operators_sign(tmp_path):
    key = PrivateKey.generate()
    world = World(tmp_path, operators=(key.public,))
    world.connect()

    def desire(payload):
        world.exchange.received(Received(f"{PREFIX}/config/desired", payload, 1, True, None, 1))
        world.tend(later_s=DESIRED_S)

    body = '{"v":1,"device":"gate","rev":7,"telemetry":{}}'
    for_another = sign(body.replace("gate", "yard"), key)
    for payload in (body.encode(), b"", for_another.model_dump_json().encode()):
        desire(payload)
    assert world.agent.config_reported().rev == 0
    assert world.exchange.counts().refused == {"config-desired": 2}
    desire(sign(body, key).model_dump_json().encode())
    assert world.agent.config_reported().rev == 7
    world.close()


MODEL = {"v": 1, "rev": 3, "name": "person", "version": 4, "digest": "ab" * 32}
OWN, GROUPS = f"{PREFIX}/model/desired", "sfumato/v1/groups/{}/model/desired"


@pytest.fixture
def taker(tmp_path):
    """A device that lets itself be told which model to run."""
    world = World(tmp_path, takes_models=True, groups=("north", "canary"))
    world.connect()
    yield world
    world.close()


def desire(world, topic, *said):
    for each in said:
        payload = each if isinstance(each, bytes) else json.dumps(each).encode()
        world.exchange.received(Received(topic, payload, 1, True, None, 1))
    world.tend(later_s=DESIRED_S)


def staged(percent, **more):
    return {**MODEL, "percent": percent, "salt": "s", **more}


def test_a_device_and_its_groups_are_told_which_model_to_run(taker):
    desire(taker, OWN, {**MODEL, "device": "gate", "window": "01:00-03:00"})
    desire(taker, GROUPS.format("north"), staged(100, rev=9))
    assert taker.agent.models[None].window == "01:00-03:00"
    assert taker.agent.models["north"].rev == 9
    assert taker.exchange.counts().refused == {}


def test_a_group_speaks_to_a_share_of_it_and_to_more_later(taker):
    """`gate` stands at 53.5 % by the salt `s`."""
    north = GROUPS.format("north")
    for percent, is_meant in ((100, True), (53, False), (54, True), (0, False)):
        desire(taker, north, staged(percent))
        assert (taker.agent.models["north"] is not None) == is_meant, percent


def test_what_is_taken_back_is_wanted_no_more(taker):
    desire(taker, OWN, MODEL)
    desire(taker, OWN, b"")
    assert taker.agent.models == {None: None}


def test_of_several_that_come_at_once_the_last_one_counts(taker):
    desire(taker, OWN, MODEL, {**MODEL, "rev": 4}, {**MODEL, "rev": 5})
    assert taker.agent.models[None].rev == 5
    assert taker.exchange.counts().refused == {"superseded": 2}


@pytest.mark.parametrize(
    "payload",
    [
        b"{",
        b" " * 9000,
        {**MODEL, "v": 2},
        {**MODEL, "digest": "AB" * 32},
        {**MODEL, "window": "25:00-26:00"},
        {**MODEL, "url": "http://evil.example/"},
        {**MODEL, "device": "yard"},
        {**MODEL, "rev": 0},
        {**MODEL, "rev": True},
    ],
    ids=str,
)
def test_what_is_not_exactly_as_described_changes_nothing_and_is_told(taker, payload):
    desire(taker, OWN, payload)
    assert taker.agent.models == {}
    assert taker.exchange.counts().refused == {"model-desired": 1}
    taker.tend(COMMIT_S)
    (event,) = taker.broker.named("evt/model")
    assert "refused" in json.loads(event.payload)["data"]


def test_who_is_no_member_is_not_told(taker, tmp_path):
    desire(taker, GROUPS.format("south"), staged(100))
    assert taker.agent.models == {}
    assert taker.exchange.counts().refused == {"not_subscribed": 1}
    (tmp_path / "other").mkdir()
    world = World(tmp_path / "other")
    world.connect()
    desire(world, OWN, MODEL)
    assert world.agent.models == {}
    world.close()
