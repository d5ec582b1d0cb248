"""Which broker a device is reached by, and what it lets itself be told."""

from pathlib import Path

import pytest

from agent.config.listing import listing
from agent.config.mqtt import DEFAULT_OPS, ControlConfig
from agent.config.secrets import Secrets
from agent.control.ops import OPS
from agent.errors import UsageError

DOOR = "model: person.sfm\ntrust: office.pub\nstreams:\n  door: rtsp://h/1\n"


@pytest.fixture
def mqtt(loaded):
    """Loads what stands after `mqtt:`, with an environment for its secrets."""
    return lambda text, **environment: loaded(f"{DOOR}mqtt: {text}\n", **environment).config.mqtt


@pytest.fixture
def said(loaded):
    """The one line that says what is wrong, from its key on."""

    def said(line):
        with pytest.raises(UsageError) as caught:
            loaded(f"{DOOR}{line}\n", PW="s3cret")
        (only,) = str(caught.value).splitlines()
        return only.partition("agent.yaml:5: ")[2]

    return said


def test_without_a_broker_there_is_none(loaded):
    for more in ("", "mqtt:\n", "mqtt: null\n"):
        config = loaded(DOOR + more).config
        assert config.mqtt is None
        assert config.control == ControlConfig()
        assert config.groups == ()
        assert (config.telemetry.interval_s, config.telemetry.home_assistant) == (60, False)
        assert config.limits.outbox == 256 << 20


def test_a_host_is_a_whole_broker(mqtt):
    assert mqtt("broker.example") == mqtt("{host: broker.example}")
    broker = mqtt("broker.example")
    assert (broker.host, broker.port, broker.version) == ("broker.example", 8883, 5)
    assert (broker.root, broker.session_expiry_s, broker.jitter_s) == ("sfumato/v1", 604800, 10)
    assert mqtt("{host: h, version: 3.1.1}").version == "3.1.1"


def test_files_of_a_broker_are_beside_the_file(mqtt, tmp_path):
    broker = mqtt("{host: h, ca: ca.crt, cert: /etc/x/d.crt, key: keys/d.key}")
    assert (broker.ca, broker.cert) == (tmp_path / "ca.crt", Path("/etc/x/d.crt"))
    assert broker.key == str(tmp_path / "keys/d.key")
    assert mqtt("{identity: identity}").identity == tmp_path / "identity"


@pytest.mark.parametrize(
    ("text", "is_encrypted"),
    [
        *(
            (f"{{host: '{host}'}}", False)
            for host in ("localhost", "LocalHost", "127.0.0.1", "::1")
        ),
        ("{host: 127.8.9.1, port: 1883, username: u, password: '${env:PW}'}", False),
        *((f"{{host: '{host}'}}", True) for host in ("broker.example", "10.0.0.1", "fe80::1")),
        *((f"{{host: '{host}'}}", True) for host in ("localhost.example", "127.0.0.1.example")),
        ("{host: broker.example, port: 1883, username: u, password: '${env:PW}'}", True),
        ("{host: localhost, ca: ca.crt}", True),
        ("{host: localhost, cert: d.crt, key: d.key}", True),
        ("{identity: identity}", True),
    ],
)
def test_only_a_broker_on_this_machine_is_spoken_to_in_the_clear(mqtt, text, is_encrypted):
    assert mqtt(text, PW="s3cret").is_encrypted == is_encrypted


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("mqtt: {}", "mqtt.host: has to be given, or mqtt.identity"),
        ("mqtt: {host: h, identity: i}", "mqtt.host: mqtt.identity holds it; take one of the two out"),
        ("mqtt: {root: a/b, identity: i}", "mqtt.root: mqtt.identity holds it; take one of the two out"),
        ("mqtt: {port: 1883, identity: i}", "mqtt.port: mqtt.identity holds it; take one of the two out"),
        ("mqtt: {ca: c, identity: i}", "mqtt.ca: mqtt.identity holds it; take one of the two out"),
        ("mqtt: {host: h, cert: d.crt}", "mqtt.key: has to be given: the key that mqtt.cert belongs to"),
        ("mqtt: {host: h, key: d.key}", "mqtt.cert: has to be given: the certificate that mqtt.key belongs to"),
        ("mqtt: {host: h, password: '${env:PW}'}", "mqtt.username: has to be given: whose mqtt.password it is"),
        ("mqtt: mqtts://h:8883", "mqtt: should be a host's name or its address alone, such as broker.example"),
        ("mqtt: {host: 'h:8883'}", "mqtt.host: should be a host's name or its address alone, such as broker.example"),
        ("mqtt: {host: h, port: 0}", "mqtt.port: should be greater than or equal to 1"),
        ("mqtt: {host: h, version: 4}", "mqtt.version: should be 5 or '3.1.1'"),
        ("mqtt: {host: h, root: a/#}", "mqtt.root: should be words with / between them, such as sfumato/v1"),
        ("mqtt: {host: h, root: /a}", "mqtt.root: should be words with / between them, such as sfumato/v1"),
        ("mqtt: {host: h, session_expiry_s: 0}", "mqtt.session_expiry_s: should be greater than or equal to 1"),
        ("mqtt: {host: h, jitter_s: 1e999}", "mqtt.jitter_s: should be a finite number"),
        ("mqtt: {hots: h}", "mqtt.hots: there is no such key; did you mean 'host'?"),
        ("mqtt: {host: h, cert: d, key: '${env:KEY}'}", "mqtt.key: should be a file or ${credential:NAME}"),
        ("mqtt: {host: h, cert: d, key: 'x${credential:k}'}", "mqtt.key: should be a file or ${credential:NAME}"),
        ("control: {ops: [pause, show_raw]}", "control.ops.1: 'show_raw': there is no such command; there are ping, refresh, snapshot, logs, pause, resume, restart, self_test, replay, rollback"),
        ("control: {ops: [pasue]}", "control.ops.0: 'pasue': there is no such command; did you mean 'pause'?"),
        ("control: {remote: [model]}", "control.remote.0: 'model': should be 'streams', 'telemetry' or 'update'"),
        ("control: {operator: [ops.pub]}", "control.operator: there is no such key; did you mean 'operators'?"),
        ("groups: [North]", "groups.0: 'North': should be made of a-z, 0-9 and -, at most 64 of them"),
        ("groups: north", "groups: 'north': should be a list, as in [a, b]"),
        ("telemetry: {interval_s: 9}", "telemetry.interval_s: 9: should be greater than or equal to 10"),
        ("telemetry: {interval_s: 3601}", "telemetry.interval_s: 3601: should be less than or equal to 3600"),
        ("limits: {outbox: 1G}", "limits.outbox: '1G': should be a size, such as 50GiB, 500MB or a number of bytes"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(said, line, message):
    assert said(line) == message


@pytest.mark.parametrize(
    "line",
    [
        "mqtt: {host: h, username: u, password: hunter12}",
        "mqtt: {host: h, username: u, password: 'a${env:HOME}hunter12'}",
        "mqtt: {host: h, username: u, password: 77712}",
        "mqtt: u:hunter12@h",
        "mqtt: 'mqtts://u:hunter12@h'",
        "mqtt: {pasword: hunter12}",
    ],
)
def test_a_password_in_the_file_is_refused_and_not_shown(said, line):
    assert said(line).startswith("mqtt")
    assert "12" not in said(line)


def test_what_to_do_with_a_password_is_said(said):
    line = said("mqtt: {host: h, username: u, password: hunter12}")
    assert line == (
        "mqtt.password: should be ${credential:NAME} or ${env:NAME}; it doesn't stand in the file"
    )


@pytest.mark.parametrize("key", ["host", "username", "root", "ca", "cert", "identity"])
def test_no_other_key_takes_a_secret(loaded, key):
    with pytest.raises(UsageError, match=r"stands in a source's URL, mqtt\.key or mqtt\.password"):
        loaded(f"{DOOR}mqtt: {{host: h, {key}: '${{env:PW}}'}}\n".replace("host: h, host", "host"))


def test_secrets_that_are_missing_are_named_with_their_line(loaded):
    text = f"{DOOR}mqtt:\n  host: h\n  username: u\n  password: ${{env:PW}}\n"
    with pytest.raises(UsageError, match=r"agent\.yaml:8: mqtt\.password: .* has no PW$"):
        loaded(text)
    template = "${env:PW}"
    assert loaded(text, PW="s3cret").config.mqtt.password == template
    text = f"{DOOR}mqtt: {{host: h, cert: d.crt, key: '${{credential:d.key}}'}}\n"
    with pytest.raises(UsageError, match=r"agent\.yaml:5: mqtt\.key: .*there are no credentials"):
        loaded(text)


def test_a_listing_shows_where_secrets_are_and_none_of_them(loaded):
    text = f"{DOOR}mqtt: {{host: h, username: u, password: '${{env:PW}}'}}\n"
    first = loaded(text, PW="s3cret")
    shown = listing(first.config, first.origins)
    assert 'password: "${env:PW}"' in shown
    assert "s3cret" not in shown
    assert "s3cret" not in repr(first)
    assert loaded(listing(first.config), PW="s3cret").config == first.config


def test_a_password_of_the_broker_is_hidden_everywhere():
    secrets = Secrets({"PW": "s3cret"}, None)
    assert secrets.value_of("${env:PW}") == "s3cret"
    assert secrets.hide("refused: u, s3cret") == "refused: u, ***"
    with pytest.raises(UsageError, match=r"should be \$\{credential:NAME\} or \$\{env:NAME\}"):
        secrets.value_of("s3cret")


def test_a_key_may_be_a_credential_of_many_lines(tmp_path):
    (tmp_path / "device.key").write_bytes(b"-----BEGIN\n\xff\n")
    secrets = Secrets({}, tmp_path)
    assert secrets.path_of("${credential:device.key}") == tmp_path / "device.key"
    assert secrets.path_of("/etc/sfumato/device.key") == Path("/etc/sfumato/device.key")
    with pytest.raises(UsageError, match=r"can't read .*/other.key"):
        secrets.path_of("${credential:other.key}")


def test_by_itself_a_device_takes_all_commands_but_two():
    assert set(OPS) - set(DEFAULT_OPS) == {"logs", "rollback"}
    assert set(DEFAULT_OPS) <= set(OPS)
