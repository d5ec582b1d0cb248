"""Desired: what a device shall be, once it is known who says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from agent.control.messages import ConfigDesired, GroupModelDesired, ModelDesired
from agent.control.refusal import Refusal, invalid
from agent.control.selection import is_selected
from agent.control.signed import authorised

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.signing import PublicKey

MAX_DESIRED_BYTES = 64 * 1024
"""Chosen, not measured: twenty times a configuration of eight streams."""

MAX_MODEL_BYTES = 8 * 1024
"""Of `model/desired`. Chosen, not measured: ten times what it has with the longest names."""


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


def read_model(payload: bytes, device: str, group: str | None) -> ModelDesired | None:
    """Which model this device shall run; None: none, or a group's that is for others of it.

    What may be run is for the repository's signed metadata to say, and not for this.

    Args:
        group: whose topic it stood at; None: the device's own.

    Raises:
        Refusal: `too_large`, `invalid_schema` or, if it is for another device, `unauthorised`.
    """
    if not payload:
        return None
    if len(payload) > MAX_MODEL_BYTES:
        raise Refusal("too_large", f"it may have {MAX_MODEL_BYTES} bytes at most")
    kind = ModelDesired if group is None else GroupModelDesired
    try:
        desired = kind.model_validate_json(payload, strict=True)
    except ValidationError as error:
        raise invalid(error) from None
    if desired.device not in (device, None):
        raise Refusal("unauthorised", f"it is for the device {desired.device}")
    if isinstance(desired, GroupModelDesired):
        return desired if is_selected(device, desired.percent, desired.salt) else None
    return desired
