"""A control plane at a real broker: what it says by itself, and how much of it at once."""

import re
import sqlite3
import statistics
import time

import pytest
from agent_process import AgentProcess
from broker import Broker
from onlooker import Onlooker, until
from ports import free_port
from simulated_agent import SimulatedAgent, terms_of
from wire import DOWN, UP, Wire

from agent.control.plane import ControlPlane
from agent.control.topics import place_of
from agent.control.window import EVENTS_IN_FLIGHT, IN_FLIGHT
from agent.wall_clock import WallClock

pytestmark = pytest.mark.slow

ROOT = "sfumato/v1"
RETAINED = ("conn", "info", "streams", "config", "model")


@pytest.fixture
def broker(tmp_path):
    (tmp_path / "broker").mkdir()
    settings = "allow_anonymous true", "log_type all"
    with Broker(tmp_path / "broker", persistence="none", settings=settings) as broker:
        yield broker


def test_a_state_is_told_within_two_seconds(tmp_path, broker):
    with Onlooker(broker) as onlooker, AgentProcess(tmp_path / "agent", broker.port) as agent:
        onlooker.wait_more("streams", 0)
        took_s = []
        for paused in ('["door"]', "[]") * 3:
            before, began_s = onlooker.count("streams"), time.monotonic()
            (agent.folder / "paused.json").write_text(paused)
            onlooker.wait_more("streams", before)
            took_s.append(time.monotonic() - began_s)
    assert statistics.median(took_s) < 2


def test_a_broker_that_has_forgotten_hears_all_of_it_again(tmp_path, broker):
    with Onlooker(broker) as onlooker, AgentProcess(tmp_path / "agent", broker.port):
        onlooker.wait(lambda: all(onlooker.count(topic) for topic in RETAINED))
        for stop in (broker.kill, broker.term):
            stop()
            onlooker.wait(lambda: not onlooker.client.session.connected)
            before = {topic: len(onlooker.heard(topic, retained=True)) for topic in RETAINED}
            broker.start()
            onlooker.wait(
                lambda: all(
                    len(onlooker.heard(topic, retained=True)) > before[topic]  # noqa: B023 at once
                    for topic in RETAINED
                )
            )


def test_a_device_hears_nothing_that_it_says_but_its_conn(tmp_path, broker):
    with Onlooker(broker) as onlooker, AgentProcess(tmp_path / "agent", broker.port):
        onlooker.wait_more("conn", 0)
    log = broker.log.read_text()
    filters = set(re.findall(rf"^\d+: sfumato-gate \d ({ROOT}\S+)", log, re.MULTILINE))
    assert filters == {f"{ROOT}/gate/{each}" for each in ("conn", "config/desired", "cmd/+")}
    assert place_of(f"{ROOT}/gate/cmd/ping", ROOT).topic.direction == "down"
    assert place_of(f"{ROOT}/gate/config/desired", ROOT).topic.direction == "down"


def test_after_an_outage_no_more_is_in_flight_than_a_broker_answers_for(tmp_path, broker):
    with (
        Onlooker(broker) as onlooker,
        Wire(broker.port, (f"{ROOT}/gate/",)) as wire,
        AgentProcess(tmp_path / "agent", wire.port) as agent,
    ):
        onlooker.wait_more("conn", 0)
        broker.term()
        until(lambda: wire.connections == 0)  # the agent knows by now
        wire.passed.clear()
        agent.happen(events=[0, 1000])
        broker.start()
        onlooker.wait(lambda: onlooker.count("evt") >= 1000)
        flying, most, events, most_events = 0, 0, 0, 0
        for way, what, topic in wire.passed:
            step = {(UP, "PUBLISH"): 1, (DOWN, "PUBACK"): -1}.get((way, what), 0)
            flying, events = flying + step, events + step * ("/evt/" in topic)
            most, most_events = max(most, flying), max(most_events, events)
        assert EVENTS_IN_FLIGHT <= most <= IN_FLIGHT
        assert most_events == EVENTS_IN_FLIGHT


def test_what_is_too_much_at_once_is_counted_and_told(tmp_path):
    """Ten thousand wait, and one more; there is no broker meanwhile."""
    most, more = 10_000, 500
    path = tmp_path / "control.db"
    terms = terms_of(free_port(), "gate")
    plane = ControlPlane(terms, SimulatedAgent(tmp_path), path, WallClock(), "boot")
    for number in range(most + 1 + more):
        plane.tell("stream", {"number": number})
    plane.start()
    until(lambda: plane.counts and plane.counts.dropped == more)
    plane.stop()
    sql = sqlite3.connect(path)
    said = "SELECT kind, count(*), max(CAST(data AS TEXT)) FROM event GROUP BY kind"
    (drop, kept) = sql.execute(said).fetchall()
    sql.close()
    assert drop[:2] == ("drop", 1)
    assert f'"count":{more}' in drop[2]
    assert kept[:2] == ("stream", most + 1)
