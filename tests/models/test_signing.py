"""Keys and signatures."""

import stat

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import TrustError
from models.signing import PrivateKey, PublicKey, Signature, load_private, load_public

KEY = PrivateKey.generate()


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_a_signature_fits_what_was_signed(data):
    Signature.from_line(KEY.sign(data).to_line()).verify(data, KEY.public)


@settings(deadline=None)
@given(st.binary(min_size=1, max_size=50), st.integers(0), st.integers(0, 7))
def test_one_changed_bit_breaks_a_signature(data, place, bit):
    changed = bytearray(data)
    changed[place % len(data)] ^= 1 << bit
    with pytest.raises(TrustError, match="changed after signing"):
        KEY.sign(data).verify(bytes(changed), KEY.public)


def test_another_key_does_not_fit():
    with pytest.raises(TrustError, match="does not fit"):
        KEY.sign(b"a").verify(b"a", PrivateKey.generate().public)


def test_a_key_pair_survives_its_files(tmp_path):
    KEY.write(tmp_path / "k.key")
    (tmp_path / "k.pub").write_text(KEY.public.to_line())
    key, public = load_private(tmp_path / "k.key"), load_public(tmp_path / "k.pub")
    assert public == key.public == KEY.public
    key.sign(b"x").verify(b"x", public)


def test_a_private_key_is_its_owners_alone(tmp_path):
    KEY.write(tmp_path / "k.key")
    assert stat.S_IMODE((tmp_path / "k.key").stat().st_mode) == 0o600


def test_a_private_key_is_never_overwritten_nor_shown(tmp_path):
    (tmp_path / "k.key").write_text("precious")
    with pytest.raises(FileExistsError):
        KEY.write(tmp_path / "k.key")
    assert (tmp_path / "k.key").read_text() == "precious"
    assert "Ed25519" not in repr(KEY)


def damaged_id(line):
    return line[:-3] + ("00\n" if line[-3:] != "00\n" else "11\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "this is not one"),
        ("ssh-ed25519 AAAA me", "this is not one"),
        ("sfumato-ed25519 !!!! 0011223344556677", "not base64"),
        ("sfumato-ed25519 AAAA 0011223344556677", "has 32 bytes, not 3"),
        pytest.param(damaged_id(KEY.public.to_line()), "damaged", id="damaged"),  # KEY is random
        ("\xff", "not a public key file"),
        ("a" * 5000, "too large"),
    ],
)
def test_what_is_no_public_key_is_refused(tmp_path, text, message):
    path = tmp_path / "k.pub"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(TrustError, match=rf"k\.pub: .*{message}"):
        load_public(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not an unencrypted private key in PEM$"),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "not an unencrypted"),
        pytest.param(KEY.public.to_line(), "this is the public half", id="public"),
    ],
)
def test_what_is_no_private_key_is_refused(tmp_path, text, message):
    path = tmp_path / "k.key"
    path.write_text(text)
    with pytest.raises(TrustError, match=message):
        load_private(path)


def test_a_private_key_of_another_kind_is_refused(tmp_path):
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    pem = X25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    (tmp_path / "k.key").write_bytes(pem)
    with pytest.raises(TrustError, match="not an Ed25519 key"):
        load_private(tmp_path / "k.key")


def test_a_missing_key_is_named(tmp_path):
    with pytest.raises(TrustError, match=r"gone\.pub: can't read the key \(No such file"):
        load_public(tmp_path / "gone.pub")


@pytest.mark.parametrize(
    "line", ["", "sfumato-rsa AAAA 00", "sfumato-ed25519 AAAA 00", "sfumato-ed25519 ! 00"]
)
def test_what_is_no_signature_is_refused(line):
    with pytest.raises(TrustError):
        Signature.from_line(line)


def test_a_public_key_of_the_wrong_length_is_refused():
    with pytest.raises(TrustError, match="32 bytes"):
        PublicKey(b"short")
