"""Repository: what may be installed today, by metadata that are signed, fresh and newer than before.

python-tuf verifies (TUF's client workflow, 5.3 to 5.6 of the specification). What is ours: how
files are asked for, that they are on the disk when we say so, that a device whose clock was never
set installs nothing, and which versions were seen (`agent.update.seen`).

What is an old copy, or has expired, is waited for: a mirror catches up, and an operator who forgot
to sign anew does so. What is signed wrongly is refused.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from pydantic import ValidationError
from tuf.api import exceptions
from tuf.api.metadata import Metadata, Root
from tuf.ngclient import FetcherInterface, Updater, UpdaterConfig

from agent.update.ports import RefusedError, UnavailableError
from agent.update.seen import Seen, SeenRole, read_seen, write_seen
from agent.update.web_server import said
from models.compatibility import check_min_agent
from models.errors import BundleError
from models.manifest import first_problem
from models.offer import METADATA, Offer, OfferCustom, target_path
from models.part_file import sweep, sync

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tuf.api.metadata import TargetFile

    from agent.control.clock import EventClock
    from agent.update.wanted import Wanted
    from agent.update.web_server import Server

CACHE = "tuf"
SEEN = "tuf-seen.json"
"""Places in the folder of models: python-tuf's, and ours."""

_MOST_BYTES = 1 << 20
"""Of any file of metadata, whatever a signed one says of another's length. Chosen, not measured: an
offer takes 500 bytes."""

_LIMITS = UpdaterConfig(
    max_delegations=0,  # only the keys that root names say what is offered
    root_max_length=1 << 16,
    snapshot_max_length=1 << 16,
    targets_max_length=_MOST_BYTES,
)
_TIME_EVERY_S = 86400.0
"""How often a check that shows nothing new is noted all the same."""


class Repository:
    """A device's view of it.

    Args:
        server: that has its files.
        root: the first root of trust, a file of the configuration.
        folder: of models, where what was seen is kept.
        clock: of the device; what was seen makes it believe less.
    """

    def __init__(self, server: Server, root: Path, folder: Path, clock: EventClock) -> None:
        self._server, self._root, self._folder, self._clock = server, root, folder, clock

    def offer(self, wanted: Wanted) -> Offer:
        """What is offered for what is wanted.

        Raises:
            UnavailableError: the server is away or an old copy, the clock is not set, or this
                device can't keep what it saw.
            RefusedError: it is not offered, not for this version of the agent, or what is signed
                is not right.
        """
        try:
            return self._offer(wanted)
        except OSError as error:
            place = error.filename or self._folder
            raise UnavailableError(f"{place}: {error.strerror or error}") from error

    def _offer(self, wanted: Wanted) -> Offer:
        sweep(self._folder)
        before = read_seen(self._folder / SEEN)
        self._check_clock(before)
        bootstrap = self._root.read_bytes()
        target = self._target(bootstrap, target_path(wanted.name, wanted.version, wanted.digest))
        self._keep(bootstrap, before)
        if target is None:
            raise RefusedError(
                f"the repository does not offer {wanted.name} version {wanted.version}, "
                "or no longer"
            )
        return _offer_of(target, wanted)

    def _check_clock(self, before: Seen | None) -> None:
        if before is not None:
            self._clock.not_before(before.time_s)
        if not self._clock.believable:
            raise UnavailableError("this device's clock is not set, so nothing can be told fresh")

    def _target(self, bootstrap: bytes, path: str) -> TargetFile | None:
        """Its description; None: there is none."""
        cache = self._folder / CACHE
        cache.mkdir(parents=True, exist_ok=True)
        for left in cache.glob("tmp*"):  # what it was writing when it was killed
            left.unlink()
        try:
            updater = Updater(
                str(cache),
                self._server.url(f"{METADATA}/"),
                fetcher=_Fetcher(self._server),
                config=_LIMITS,
                bootstrap=bootstrap,
            )
        except exceptions.RepositoryError as error:
            raise UnavailableError(f"{self._root}: no root of a repository ({error})") from error
        try:
            updater.refresh()
            return updater.get_targetinfo(path)
        except exceptions.ExpiredMetadataError as error:
            raise UnavailableError(
                f"the repository has expired ({error}): `sfumato ctl repo refresh` there"
            ) from error
        except exceptions.BadVersionNumberError as error:
            raise self._old(str(error)) from error
        except exceptions.DownloadHTTPError as error:
            raise UnavailableError(str(error)) from error
        except (exceptions.RepositoryError, exceptions.DownloadError) as error:
            raise RefusedError(
                f"{self._server.name}: the repository is not right: {error}"
            ) from error

    def _old(self, what: str) -> UnavailableError:
        return UnavailableError(
            f"{self._server.name} has an older copy of the repository than was seen ({what})"
        )

    def _keep(self, bootstrap: bytes, before: Seen | None) -> None:
        """Have on the disk what was seen, and refuse what is older than that."""
        now = self._seen(hashlib.sha256(bootstrap).hexdigest())
        if before is not None and (older := before.older(now)):
            raise self._old(older)
        cache = self._folder / CACHE
        for path in (*cache.rglob("*"), cache):
            sync(path)
        time_s = (self._clock.now() or 0.0) if self._clock.synced else 0.0
        kept_s = 0.0 if before is None else before.time_s
        now = now.model_copy(update={"time_s": max(time_s, kept_s)})
        if (
            before is None
            or now.roles != before.roles
            or now.root != before.root
            or (now.root_sha256 != before.root_sha256 or now.time_s > kept_s + _TIME_EVERY_S)
        ):
            write_seen(self._folder / SEEN, now)

    def _seen(self, root_sha256: str) -> Seen:
        """What was just verified, as python-tuf wrote it."""
        cache = self._folder / CACHE
        root = Metadata[Root].from_file(str(cache / "root.json")).signed
        # A role that vouches for another's version resets that one's, too, with its keys.
        vouched_by = {"timestamp": "timestamp", "snapshot": "timestamp", "targets": "snapshot"}
        roles = {
            role: SeenRole(
                version=_version(cache / f"{role}.json"),
                keys=tuple(sorted(root.roles[keys_of].keyids)),
            )
            for role, keys_of in vouched_by.items()
        }
        return Seen(root_sha256=root_sha256, root=root.version, roles=roles)


class _Fetcher(FetcherInterface):
    """What python-tuf asks for files of metadata."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def _fetch(self, url: str) -> Iterator[bytes]:
        # A cache on the way may hold what was withdrawn since.
        with self._server.get(url, {"Cache-Control": "no-cache"}) as response:
            if response.status_code != 200:
                name = url.rpartition("/")[2]
                raise exceptions.DownloadHTTPError(
                    f"{self._server.name} has no {name} ({said(response)})", response.status_code
                )
            total = 0
            for data in response.iter_raw():
                total += len(data)
                if total > _MOST_BYTES:
                    raise exceptions.DownloadLengthMismatchError(f"more than {_MOST_BYTES} bytes")
                yield data


def _version(path: Path) -> int:
    """Of a file that was verified before it was written."""
    return Metadata.from_file(str(path)).signed.version


def _offer_of(target: TargetFile, wanted: Wanted) -> Offer:
    """A target as an offer.

    Raises:
        RefusedError: it is something else than what is wanted, or needs a newer agent.
    """
    try:
        custom = OfferCustom.model_validate(target.custom)
        offer = Offer(custom=custom, length=target.length, sha256=target.hashes.get("sha256", ""))
    except ValidationError as error:
        raise RefusedError(
            f"the repository offers what can't be read: {first_problem(error)}"
        ) from error
    if (custom.name, custom.version, custom.digest) != (wanted.name, wanted.version, wanted.digest):
        raise RefusedError(
            f"the repository offers {custom.name} version {custom.version} under the name of "
            f"{wanted.name} version {wanted.version}"
        )
    try:
        check_min_agent(custom.min_agent)
    except BundleError as error:
        raise RefusedError(str(error)) from error
    return offer
