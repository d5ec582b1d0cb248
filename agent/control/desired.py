"""Desired: what a device shall be, once it is known who says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from agent.control.messages import ConfigDesired
from agent.control.refusal import Refusal, invalid
from agent.control.signed import authorised

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.signing import PublicKey

MAX_DESIRED_BYTES = 64 * 1024
"""Chosen, not measured: twenty times a configuration of eight streams."""


def read_desired(payload: bytes, device: str, keys: Sequence[PublicKey]) -> ConfigDesired:
    """What `config/desired` asks of this device.

    Args:
        keys: of operators; where there are some, it has to be signed.

    Raises:
        Refusal: `too_large`, `unauthorised` or `invalid_schema`.
    """
    if len(payload) > MAX_DESIRED_BYTES:
        raise Refusal("too_large", f"it may have {MAX_DESIRED_BYTES} bytes at most")
    body = authorised(payload, keys, needed=bool(keys))
    try:
        desired = ConfigDesired.model_validate_json(body, strict=True)
    except ValidationError as error:
        raise invalid(error) from None
    if desired.device is None and keys:
        raise Refusal("unauthorised", "what is signed has to say which device it is for")
    if desired.device not in (device, None):
        raise Refusal("unauthorised", f"it is for the device {desired.device}")
    return desired
