"""Files that a broker is spoken to with are looked at before a device needs them."""

import pytest
import trustme

from agent.config.loading import load
from agent.config.mqtt_files import unusable
from agent.config.secrets import Secrets
from models.signing import PrivateKey

DOOR = "model: person.sfm\ntrust: office.pub\nstreams:\n  door: rtsp://h/1\n"
MQTT = "mqtt: {host: h, ca: ca.crt, cert: device.crt, key: device.key}\n"


@pytest.fixture(scope="module")
def issued():
    """A certificate's own CA, the certificate, its key, and another certificate's key."""
    ca = trustme.CA(key_type=trustme.KeyType.ECDSA)
    one, other = (ca.issue_cert(common_name=name) for name in ("gate-7", "gate-8"))
    return {
        "ca.crt": ca.cert_pem.bytes(),
        "device.crt": one.cert_chain_pems[0].bytes(),
        "device.key": one.private_key_pem.bytes(),
        "other.key": other.private_key_pem.bytes(),
    }


@pytest.fixture
def said(write, tmp_path, issued):
    """What is wrong with files, by key, once some of them are others."""
    for name, content in issued.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "ops.pub").write_text(PrivateKey.generate().public.to_line())

    def said(more=MQTT, credentials=None, **others):
        for name, content in others.items():
            path = tmp_path / name.replace("_", ".")
            path.write_bytes(content) if content is not None else path.unlink()
        config = load(write(DOOR + more), None).config
        return dict(unusable(config, Secrets({}, credentials)))

    return said


def test_what_is_right_is_not_spoken_of(said):
    assert said() == {}
    assert said("") == {}
    assert said("mqtt: h\n") == {}
    assert said("mqtt: {identity: nothing-there-yet}\n") == {}
    assert said("control: {operators: [ops.pub]}\n") == {}


@pytest.mark.parametrize(
    ("others", "key", "message"),
    [
        ({"ca_crt": None}, "mqtt.ca", r"can't read .*/ca.crt (No such file or directory)"),
        ({"ca_crt": b""}, "mqtt.ca", "/ca.crt holds no certificates in PEM"),
        ({"device_crt": None}, "mqtt.cert", "/device.crt (No such file or directory)"),
        ({"device_crt": b"-----BEGIN CERTIFICATE-----\n"}, "mqtt.cert", "holds no certificates in PEM"),
        ({"device_key": None}, "mqtt.key", "/device.key (No such file or directory)"),
        ({"device_key": b"x"}, "mqtt.key", "holds no key in PEM, or one that needs a password"),
    ],
)  # fmt: skip
def test_a_file_that_can_not_be_used_is_named(said, others, key, message):
    (wrong,) = said(**others).items()
    assert wrong[0] == key
    assert message.split(".*")[-1] in wrong[1]


def test_a_key_of_another_certificate_is_seen(said, issued):
    assert set(said(device_key=issued["other.key"])) == {"mqtt.key"}
    assert said()["mqtt.key"].endswith("/device.key doesn't belong to mqtt.cert")


def test_a_key_that_needs_a_password_asks_nobody(said, issued):
    from cryptography.hazmat.primitives import serialization as form

    key = form.load_pem_private_key(issued["device.key"], None)
    locked = key.private_bytes(
        form.Encoding.PEM, form.PrivateFormat.PKCS8, form.BestAvailableEncryption(b"s3cret")
    )
    assert said(device_key=locked)["mqtt.key"].endswith("or one that needs a password")


def test_a_key_may_be_a_credential(said, tmp_path):
    text = MQTT.replace("key: device.key", "key: '${credential:device.key}'")
    assert said(text, credentials=tmp_path) == {}
    wrong = said(text, credentials=tmp_path / "gone")
    assert "LoadCredential=device.key:FILE" in wrong["mqtt.key"]


def test_an_operators_key_that_is_none_is_named(said):
    wrong = said("control: {operators: [ops.pub]}\n", ops_pub=b"sfumato-ed25519 AAAA 00\n")
    assert set(wrong) == {"control.operators"}
    wrong = said("control: {operators: [gone.pub]}\n")
    assert "gone.pub" in wrong["control.operators"]


def test_where_models_come_from_is_known_before_one_comes(said, tmp_path):
    update = "update: {repository: https://models.example/, root: root.json}\n"
    assert said(update) == {
        "update.root": f"can't read {tmp_path}/root.json (No such file or directory)"
    }
    assert said(update, root_json=b"{}") == {}
