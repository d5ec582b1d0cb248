"""Signed: a message that an operator's key vouches for, and how one is made.

The signature is over the text of the body exactly as it stands, in UTF-8: nobody has to write JSON
in the same way twice. What it is bound to (the device, the op, the time) stands in the body, and
whoever reads that looks at it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, ValidationError

from agent.control.messages import Signed
from agent.control.refusal import Refusal
from models.errors import TrustError
from models.signing import Signature

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.signing import PrivateKey, PublicKey


class _Sealed(BaseModel):
    """Looks as if somebody signed it, rightly or not."""

    model_config = ConfigDict(extra="ignore")

    body: str
    sig: str


def sign(body: str, key: PrivateKey) -> Signed:
    """A message with a signature over its text as it stands."""
    return Signed(body=body, sig=key.sign(body.encode()).to_line().strip())


def opened(payload: bytes, keys: Sequence[PublicKey]) -> str:
    """The text of a signed message, if one of these keys signed it.

    Raises:
        Refusal: `unauthorised`; it is not signed, or not by one of these keys, or was changed.
    """
    try:
        signed = Signed.model_validate_json(payload)
    except ValidationError:
        raise Refusal("unauthorised", "it has to be signed by an operator's key") from None
    if not keys:
        raise Refusal("unauthorised", "it is signed, and this device has no operator's key")
    try:
        signature = Signature.from_line(signed.sig)
    except TrustError as error:
        raise Refusal("unauthorised", str(error)) from None
    # base64 has several texts for the same bytes: one is enough
    if signature.to_line().strip() != signed.sig:
        raise Refusal("unauthorised", "the signature is not written as sfumato writes it")
    for key in keys:
        if key.id == signature.key_id:
            return _verified(signed.body, signature, key)
    raise Refusal("unauthorised", "the key that signed it is none of control.operators")


def authorised(payload: bytes, keys: Sequence[PublicKey], *, needed: bool) -> str | bytes:
    """What a message says, signed or not; a signature that is there has to be right, too.

    Args:
        needed: whether it has to be signed.

    Raises:
        Refusal: `unauthorised`.
    """
    return opened(payload, keys) if needed or sealed_body(payload) is not None else payload


def sealed_body(payload: bytes) -> str | None:
    """What a message that looks signed says, whoever made it; None: it doesn't look so."""
    try:
        return _Sealed.model_validate_json(payload).body
    except ValidationError:
        return None


def _verified(body: str, signature: Signature, key: PublicKey) -> str:
    try:
        signature.verify(body.encode(), key)
    except TrustError:  # which speaks of bundles
        raise Refusal(
            "unauthorised", f"the signature by key {key.id} does not fit: the text was changed"
        ) from None
    return body
