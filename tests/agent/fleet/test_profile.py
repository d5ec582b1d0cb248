"""Profile: where an operator connects to, and how safely."""

import pytest
from pydantic import ValidationError

from agent.errors import InputError, UsageError
from agent.fleet.profile import Profile
from models.signing import PrivateKey


def broker_of(password=None, **fields):
    return Profile(**fields).to_broker(password)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.0.1", "::1", "[::1]"])
def test_this_machine_is_spoken_to_in_the_clear(host):
    broker = broker_of(broker=host)
    assert (broker.tls, broker.port) == (None, 1883)


@pytest.mark.parametrize(
    "host", ["broker.example", "10.0.0.1", "[2001:db8::1]", "localhost.example"]
)
def test_any_other_is_spoken_to_encrypted(host):
    broker = broker_of(broker=host)
    assert broker.tls is not None
    assert broker.port == 8883


def test_this_machine_is_spoken_to_encrypted_where_a_ca_is_given(tmp_path):
    (tmp_path / "ca.crt").touch()
    broker = broker_of(broker="localhost", ca=tmp_path / "ca.crt")
    assert broker.tls.ca == tmp_path / "ca.crt"
    assert broker.port == 8883


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [("a.example:99", "a.example", 99), ("[::1]:7", "::1", 7), ("10.0.0.1:8883", "10.0.0.1", 8883)],
)
def test_a_port_may_be_given(text, host, port):
    broker = broker_of(broker=text)
    assert (broker.host, broker.port) == (host, port)


@pytest.mark.parametrize("text", ["", "a b", "mqtt://a", "a:0", "a:65536", "a:b", "a:1:2", "[::1"])
def test_what_is_no_address_is_refused(text):
    with pytest.raises(UsageError, match="--broker"):
        broker_of(broker=text)


def test_a_broker_has_to_be_named():
    with pytest.raises(UsageError, match="--broker HOST"):
        broker_of()


def test_a_certificate_needs_its_key(tmp_path):
    (tmp_path / "x").touch()
    with pytest.raises(UsageError, match="belong together"):
        broker_of(broker="a", cert=tmp_path / "x")
    with pytest.raises(UsageError, match="belong together"):
        broker_of(broker="localhost", key=tmp_path / "x")


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match="gone: no such file"):
        broker_of(broker="a", ca=tmp_path / "gone")


def test_the_password_is_the_first_line_of_its_file(tmp_path):
    path = tmp_path / "password"
    written, other = "hunter2", "hunter3"
    path.write_text(f"{written}\nmore\n")
    broker = broker_of(other, broker="a", username="u", password_file=path)
    assert broker.password == written
    assert written not in repr(broker)
    assert broker_of(other, broker="a", username="u").password == other
    with pytest.raises(UsageError, match="no --username"):
        broker_of(broker="a", password_file=path)


@pytest.mark.parametrize("content", [b"\xff", b"x" * 70_000])
def test_what_can_be_no_password_is_refused(tmp_path, content):
    path = tmp_path / "password"
    path.write_bytes(content)
    with pytest.raises(InputError, match="password"):
        broker_of(broker="a", username="u", password_file=path)


@pytest.mark.parametrize("root", ["a/", "/a", "a//b", "a/#", "a/+", "", "a b"])
def test_a_root_is_words_with_slashes_between(root):
    with pytest.raises(ValidationError):
        Profile(root=root)


def test_the_key_that_signs_is_loaded(tmp_path):
    key = PrivateKey.generate()
    key.write(tmp_path / "ops.key")
    assert Profile(sign=tmp_path / "ops.key").signing_key().public == key.public
    assert Profile().signing_key() is None
