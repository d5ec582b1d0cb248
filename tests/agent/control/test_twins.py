"""Two agents with one identity at a real broker; and what only looks like that."""

import re
import signal
import time

import pytest
from agent_process import AgentProcess
from broker import Broker
from onlooker import Onlooker, until
from wire import Wire

pytestmark = pytest.mark.slow

SEEN_S = 10
"""Within which both have said so, after the second has come."""
QUIET_S = 6
"""In which two that don't give way would be connected five times, or more."""
NAMED = ("allow_anonymous true", "use_username_as_clientid true")


@pytest.fixture
def broker(tmp_path, request):
    (tmp_path / "broker").mkdir()
    settings = getattr(request, "param", NAMED)
    with Broker(tmp_path / "broker", settings=settings) as broker:
        yield broker


def connections(broker):
    """Of agents, as the broker's log has them."""
    connected = re.compile(r"New client connected from \S+ as (?:sfumato-)?gate ")
    return connected.findall(broker.log.read_text())


def said(onlooker, reason):
    """When each boot first said this of its connection, Unix time."""
    first = {}
    for _, conn in onlooker.heard("conn", retained=True):
        if conn["reason"] == reason:
            first.setdefault(conn["boot_id"], conn["ts"])
    return first


@pytest.mark.parametrize(
    "broker", [NAMED[:1], NAMED], indirect=True, ids=["by client id", "by user name"]
)
def test_two_of_one_name_both_say_so_and_both_give_way(tmp_path, broker):
    with (
        Onlooker(broker) as onlooker,
        AgentProcess(tmp_path / "one", broker.port, username="gate"),
    ):
        onlooker.wait_more("conn", 0)
        with AgentProcess(tmp_path / "other", broker.port, username="gate"):
            onlooker.wait(lambda: len(said(onlooker, "twin")) == 2)
            onlooker.wait(lambda: onlooker.count("evt") == 2)
            kicks = len(connections(broker))
            told = [event for _, event in onlooker.heard("evt/twin")]
            began, seen = said(onlooker, "start"), said(onlooker, "twin")
            assert set(began) == set(seen) == {event["boot_id"] for event in told}
            assert all({e["boot_id"], e["data"]["boot_id"]} == set(seen) for e in told)
            both = [*seen.values(), *(event["ts"] for event in told)]
            assert max(both) - max(began.values()) <= SEEN_S
            time.sleep(QUIET_S)
            assert len(connections(broker)) <= kicks + 1
    assert onlooker.count("evt") == 2


def assert_alone(onlooker, command_id="still"):
    """Nobody was taken for a twin, by all that was heard until now."""
    assert onlooker.ask("ping", command_id)["state"] == "done"
    assert said(onlooker, "twin") == {}
    assert onlooker.heard("evt/twin") == []


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_what_was_killed_and_begins_anew_is_no_twin_of_itself(tmp_path, broker, version):
    """Without MQTT 5 its will is spoken at once; with it, its `conn` says that it is online."""
    with (
        Onlooker(broker) as onlooker,
        AgentProcess(tmp_path / "agent", broker.port, username="gate", version=version) as agent,
    ):
        for start in range(3):
            onlooker.wait(lambda: len(said(onlooker, "start")) > start)  # noqa: B023 at once
            agent.kill()
            agent.start()
        onlooker.wait(lambda: len(said(onlooker, "start")) > start + 1)
        assert_alone(onlooker)
        assert (len(said(onlooker, "lost")) == 0) == (version == "5")


def test_what_a_broker_says_again_of_an_earlier_start_is_no_twin(tmp_path, broker):
    """It wrote down what the first start had said, and was killed once the third had begun."""
    with (
        Onlooker(broker) as onlooker,
        AgentProcess(tmp_path / "agent", broker.port, username="gate") as agent,
    ):
        onlooker.wait(lambda: len(said(onlooker, "start")) == 1)
        broker.term()
        broker.start()
        for start in (2, 3):
            agent.kill()
            agent.start()
            onlooker.wait(lambda: len(said(onlooker, "start")) == start)  # noqa: B023 at once
        assert_alone(onlooker, "third")
        broker.kill()
        broker.start()
        assert_alone(onlooker)


def test_what_a_start_hears_that_the_one_before_it_had_said_is_no_twin(tmp_path, broker):
    """That one was killed before it had acknowledged its own `conn`, which comes again, as news."""
    with (
        Onlooker(broker) as onlooker,
        Wire(broker.port, (f"{onlooker.root}/conn",)) as wire,
        AgentProcess(tmp_path / "agent", wire.port, username="gate") as agent,
    ):
        onlooker.wait(lambda: onlooker.count("conn"))
        until(lambda: len({(way, what) for way, what, _ in wire.passed}) == 4)  # said, and heard
        wire.fault, wire.at = agent.cut, len(wire.passed) + 1
        onlooker.order("refresh", "again")  # has it say its `conn`
        assert agent.wait() == -signal.SIGKILL
        agent.start()
        onlooker.wait(lambda: len(said(onlooker, "start")) == 2)
        assert_alone(onlooker)
