"""Repository: what an operator does with one; each change is published by one file, the last."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from tuf.api.metadata import Metadata, MetaFile, Root, Signed, Snapshot, Targets, Timestamp

from agent.errors import UsageError
from agent.fleet.repository.folder import Folder
from agent.fleet.repository.keys import is_signed, may_sign, sign
from agent.fleet.repository.offers import looked_at, offers_of, target_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from agent.fleet.repository.folder import Published
    from agent.fleet.repository.keys import RepositoryKey
    from models.offer import Offer
    from models.signing import PublicKey

LIFE = {
    "root": timedelta(days=365),
    "targets": timedelta(days=365),
    "snapshot": timedelta(days=14),
    "timestamp": timedelta(days=14),
}
"""How long a device believes each. Chosen, not measured: the last two are renewed each week, so that
one week may be missed, and that long a mirror can hide a withdrawal; the others need keys that lie
in a drawer."""


class Repository:
    """One in a folder, changed with the keys at hand.

    Every change raises UsageError if a key is missing, OutputError if the folder can't be written
    to, InputError if it is damaged or no repository; what was published stays then.
    """

    def __init__(self, folder: Path, keys: Sequence[RepositoryKey]) -> None:
        self._folder, self._keys = Folder(folder), keys

    def init(self, root: Root) -> bool:
        """Make one that offers nothing; whether it was not there yet.

        Args:
            root: whose keys sign what.

        Raises:
            UsageError: it is there, with other keys.
        """
        with self._folder.changing(new=True):
            first = Metadata(root)
            if self._folder.newest("root"):
                first = self._folder.root(1)
                if first.signed.roles != root.roles:
                    raise UsageError(
                        f"{self._folder.path}: a repository of other keys; change them with "
                        "`sfumato ctl repo rotate`, or make another one in another folder"
                    )
                if self._folder.is_published:
                    return False
            else:
                _renew(root, 1)
                sign(first, self._keys, [root])
            files = self._files([first.signed], Metadata(Targets()), renewed=True)
            self._put([first, *files])
            return True

    def add(self, bundles: Sequence[Path], trusted: Sequence[PublicKey]) -> list[Offer]:
        """Offer bundles; those of them that were not offered as they are.

        Raises:
            ModelError: one is damaged, has expired, or isn't signed by a trusted key.
            UsageError: one has name and version of another that is offered.
        """
        looked = [(path, looked_at(path, trusted)) for path in bundles]
        with self._folder.changing():
            now = self._folder.read()
            targets, added = now.targets.signed, {}
            for path, offer in looked:
                _check_version(path, offer, offers_of(targets))
                target = target_of(offer)
                if targets.targets.get(target.path) != target:
                    targets.targets[target.path] = target
                    added[path] = offer
            files = self._files_after(now, renewed=True) if added else []
            for path, offer in added.items():
                self._folder.put_bundle(path, offer.custom.path, offer.sha256)
            self._put(files)
            self._folder.sweep_bundles(targets)
            return [*added.values()]

    def withdraw(self, name: str, version: int | None) -> list[Offer]:
        """No longer offer a version, or all of a name; those that were offered."""
        with self._folder.changing():
            now = self._folder.read()
            targets = now.targets.signed
            gone = [
                offer
                for offer in offers_of(targets)
                if offer.custom.name == name and version in {None, offer.custom.version}
            ]
            for offer in gone:
                del targets.targets[offer.custom.path]
            if gone:
                self._put(self._files_after(now, renewed=True))
            self._folder.sweep_bundles(targets)
            return gone

    def refresh(self) -> Published:
        """Renew what expires soon, and what is offered where the keys at hand sign that, too."""
        with self._folder.changing():
            now = self._folder.read()
            renewed = may_sign(self._keys, now.root.signed, Targets.type)
            self._put(self._files_after(now, renewed=renewed))
            return self._folder.read()

    def rotate(self, root: Root) -> Published:
        """Have other keys sign from now on; root's old keys and its new ones must sign that.

        Where a key that signed the rest is replaced, devices forget what they have seen signed by
        it: an attacker's version numbers, which no honest ones would ever reach, included.

        Args:
            root: the next one's roles and keys.
        """
        with self._folder.changing():
            old = self._folder.root().signed
            now = self._folder.read(also_by=self._folder.root(max(1, old.version - 1)).signed)
            _renew(root, old.version + 1)
            signed = Metadata(root)
            sign(signed, self._keys, [old, root])
            renewed = not is_signed(now.targets, root)
            if not renewed and is_signed(now.snapshot, root) and is_signed(now.timestamp, root):
                self._put([signed])
                return self._folder.read()
            # What both roots' keys have signed is good before the root is there, and after it.
            roles = [Snapshot.type, Timestamp.type, *([Targets.type] if renewed else [])]
            both = all(may_sign(self._keys, old, role) for role in roles)
            roots = [old, root] if both else [root]
            *named, timestamp = self._files(roots, now.targets, now.timestamp, renewed=renewed)
            last = [timestamp, signed] if both else [signed, timestamp]
            self._put([*named, *last])
            return self._folder.read()

    def _put(self, files: Sequence[Metadata[Any]]) -> None:
        for file in files:
            self._folder.put(file)

    def _files_after(self, now: Published, *, renewed: bool) -> list[Metadata[Any]]:
        return self._files([now.root.signed], now.targets, now.timestamp, renewed=renewed)

    def _files(
        self,
        roots: Sequence[Root],
        targets: Metadata[Targets],
        timestamp: Metadata[Timestamp] | None = None,
        *,
        renewed: bool,
    ) -> list[Metadata[Any]]:
        """What is to be written, in that order, all signed before any of it is.

        Args:
            roots: whose keys must have signed it.
            targets: what is offered.
            timestamp: the last one.
            renewed: whether `targets` have to be signed anew.
        """
        files: list[Metadata[Any]] = []
        if renewed:
            _renew(targets.signed, self._folder.newest(Targets.type) + 1)
            sign(targets, self._keys, roots)
            files.append(targets)
        meta = {f"{Targets.type}.json": MetaFile(targets.signed.version)}
        snapshot = Metadata(Snapshot(meta=meta))
        _renew(snapshot.signed, self._folder.newest(Snapshot.type) + 1)
        sign(snapshot, self._keys, roots)
        stamp = Metadata(Timestamp(snapshot_meta=MetaFile(snapshot.signed.version)))
        _renew(stamp.signed, timestamp.signed.version + 1 if timestamp else 1)
        sign(stamp, self._keys, roots)
        return [*files, snapshot, stamp]


def _renew(part: Signed, version: int) -> None:
    part.version = version
    part.expires = datetime.now(timezone.utc).replace(microsecond=0) + LIFE[part.type]


def _check_version(path: Path, offer: Offer, others: Sequence[Offer]) -> None:
    """See that a version is one bundle's: an older device may have it already."""
    custom = offer.custom
    for other in (one.custom for one in others):
        same = (other.name, other.version) == (custom.name, custom.version)
        if same and other.digest != custom.digest:
            raise UsageError(
                f"{path}: another bundle is offered as {custom.name} version {custom.version}; "
                "give this one a higher version, or withdraw that one first"
            )
