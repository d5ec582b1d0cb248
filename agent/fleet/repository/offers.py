"""Offers: bundles as targets of a repository, and targets as bundles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError
from tuf.api.metadata import TargetFile

from agent.errors import InputError
from agent.fleet.repository.folder import Folder, measured
from models.bundle import Bundle
from models.offer import Offer, OfferCustom

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tuf.api.metadata import Targets

    from models.signing import PublicKey


def offered(folder: Path) -> list[Offer]:
    """What a repository offers now.

    Raises:
        InputError: there is none, or it is damaged.
    """
    return offers_of(Folder(folder).read().targets.signed)


def offers_of(targets: Targets) -> list[Offer]:
    """By name, then by version.

    Raises:
        InputError: something else is offered, too.
    """
    found = [_offer_of(target) for target in targets.targets.values()]
    return sorted(found, key=lambda one: (one.custom.name, one.custom.version))


def target_of(offer: Offer) -> TargetFile:
    """As it stands in metadata."""
    custom = offer.custom
    more = {"custom": custom.model_dump(exclude_none=True)}
    return TargetFile(offer.length, {"sha256": offer.sha256}, custom.path, more)


def looked_at(path: Path, trusted: Sequence[PublicKey]) -> Offer:
    """A bundle as it will be offered.

    Raises:
        InputError: it can't be read, or no device would take it.
        ModelError: it is damaged, has expired, or isn't signed by a trusted key.
    """
    try:
        sha256, length = measured(path)
        custom = OfferCustom.of(Bundle.open(path, trusted))
        return Offer(custom=custom, length=length, sha256=sha256)
    except OSError as error:
        raise InputError(f"{path}: can't be read ({error.strerror})") from error
    except ValidationError as error:
        raise InputError(f"{path}: can't be offered: {_first(error)}") from error


def _offer_of(target: TargetFile) -> Offer:
    try:
        custom = OfferCustom.model_validate(target.unrecognized_fields.get("custom"))
        return Offer(custom=custom, length=target.length, sha256=target.hashes.get("sha256"))
    except ValidationError as error:
        raise InputError(f"{target.path}: no offer of a bundle: {_first(error)}") from error


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
