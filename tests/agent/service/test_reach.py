"""By which broker a device is reached, and what its log says of it."""

import pytest

from agent.config.loading import load
from agent.config.secrets import Secrets
from agent.service.reach import terms_of

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
