"""Messages that an operator's key vouches for."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.control.messages import Signed
from agent.control.refusal import Refusal
from agent.control.signed import authorised, opened, sign
from models.signing import PrivateKey

KEY, OTHER = PrivateKey.generate(), PrivateKey.generate()
KEYS = [OTHER.public, KEY.public]


def payload_of(body="{}", key=KEY, **changed):
    return sign(body, key).model_copy(update=changed).model_dump_json().encode()


@settings(deadline=None)
@given(st.text(max_size=100))
def test_what_was_signed_is_opened_exactly_as_it_stood(body):
    assert opened(payload_of(body), KEYS) == body


def test_a_signed_message_may_be_laid_out_as_its_sender_likes():
    signed = sign('{"a" : 1}', KEY)
    laid_out = json.dumps({"sig": signed.sig, "body": signed.body}, indent=4)
    assert opened(laid_out.encode(), KEYS) == '{"a" : 1}'


def test_every_flipped_bit_is_refused():
    payload = payload_of('{"v":1,"id":"a","auth":{"device":"gate-7","op":"pause"}}')
    assert opened(payload, KEYS)
    for place in range(len(payload)):
        for bit in range(8):
            changed = bytearray(payload)
            changed[place] ^= 1 << bit
            with pytest.raises(Refusal) as refused:
                opened(bytes(changed), KEYS)
            assert refused.value.code == "unauthorised", (place, bit)


SIGNATURE = sign("{}", KEY).sig


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (b"", "has to be signed"),
        (b'{"v":1,"id":"a"}', "has to be signed"),
        (b'{"body":"{}"}', "has to be signed"),
        (b'{"body":{},"sig":"x"}', "has to be signed"),
        (payload_of()[:-1] + b',"more":1}', "has to be signed"),
        (payload_of(sig=""), "is damaged"),
        (payload_of(sig="sfumato-ed25519 AAAA 0000000000000000"), "64 bytes, not 3"),
        (payload_of(sig="sfumato-ed25519 !!!! 0000000000000000"), "not base64"),
        (payload_of(sig=SIGNATURE.replace("=", "\ufeff")), "not base64"),
        (payload_of(sig=SIGNATURE.replace("ed25519", "rsa")), "of a kind"),
        (payload_of(sig=f" {SIGNATURE}"), "not written as"),
        (payload_of(sig=f"{SIGNATURE}\n"), "not written as"),
        (payload_of(key=PrivateKey.generate()), "none of control.operators"),
        (payload_of(body="{ }", sig=SIGNATURE), "by key [0-9a-f]{16} does not fit"),
        (payload_of(sig=SIGNATURE.replace(KEY.public.id, OTHER.public.id)), "does not fit"),
    ],
)  # fmt: skip
def test_what_no_operator_signed_is_refused_with_the_rule_it_breaks(payload, why):
    with pytest.raises(Refusal, match=why) as refused:
        opened(payload, KEYS)
    assert refused.value.code == "unauthorised"
    assert "\n" not in refused.value.message
    assert "bundle" not in refused.value.message


def test_the_same_bytes_written_in_another_base64_are_refused():
    """Its last letter holds four bits that nobody reads."""
    scheme, encoded, key_id = SIGNATURE.split()
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    last = letters[letters.index(encoded[-3]) ^ 1]
    with pytest.raises(Refusal, match="not written as"):
        opened(payload_of(sig=f"{scheme} {encoded[:-3]}{last}== {key_id}"), KEYS)


def test_without_operators_a_signature_is_refused_and_none_is_needed():
    assert authorised(b'{"v":1}', [], needed=False) == b'{"v":1}'
    with pytest.raises(Refusal, match="no operator's key"):
        authorised(payload_of(), [], needed=False)


def test_a_signature_that_nobody_needs_has_to_be_right_all_the_same():
    assert authorised(b'{"v":1}', KEYS, needed=False) == b'{"v":1}'
    assert authorised(payload_of("hello"), KEYS, needed=False) == "hello"
    with pytest.raises(Refusal, match="does not fit"):
        authorised(payload_of(body="hullo", sig=SIGNATURE), KEYS, needed=False)
    with pytest.raises(Refusal, match="has to be signed"):
        authorised(b'{"v":1}', KEYS, needed=True)


def test_a_signed_message_fits_its_own_model():
    assert Signed.model_validate_json(payload_of()) == sign("{}", KEY)
