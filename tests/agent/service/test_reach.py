"""By which broker a device is reached, and what its log says of it."""

import logging
import time

import pytest
from running_agent import free_port
from simulated_agent import SimulatedAgent

from agent.config.loading import load
from agent.config.secrets import Secrets
from agent.service.reach import Reach, terms_of
from agent.wall_clock import WallClock

TIMEOUT_S = 60


@pytest.fixture
def configured(tmp_path):
    def configured(mqtt):
        path = tmp_path / "agent.yaml"
        path.write_text(
            f"model: person.sfm\ntrust: office.pub\nstreams:\n  door: rtsp://h/1\nmqtt: {mqtt}\n"
        )
        return load(path, None).config

    return configured


@pytest.fixture
def secrets():
    return Secrets({}, None)


@pytest.mark.parametrize(
    ("mqtt", "jitter_s"),
    [
        ("broker.example", 10),
        ("{host: 10.0.0.1, jitter_s: 3}", 3),
        ("127.0.0.1", 0),
        ("{host: localhost, jitter_s: 3}", 0),
    ],
)
def test_only_who_shares_a_broker_with_others_waits_before_the_first_connection(
    configured, secrets, mqtt, jitter_s
):
    assert terms_of(configured(mqtt), secrets).broker.jitter_s == jitter_s


def test_why_there_is_no_connection_is_logged_once(tmp_path, configured, secrets, caplog):
    caplog.set_level(logging.INFO, "agent.service.reach")
    port = free_port()
    reach = Reach(SimulatedAgent(tmp_path), secrets, tmp_path, WallClock(), "boot")
    reach.look(0.0)
    reach.go_by(configured(f"{{host: 127.0.0.1, port: {port}}}"))
    try:
        deadline_s, now_s = time.monotonic() + TIMEOUT_S, 0.0
        while not caplog.records:
            assert time.monotonic() < deadline_s
            now_s += 1
            reach.look(now_s)
            time.sleep(0.02)
        for _ in range(100):
            reach.look(now_s)
    finally:
        reach.close()
    (only,) = caplog.messages
    assert only == f"MQTT: nobody listens at 127.0.0.1:{port}; check host and port"
