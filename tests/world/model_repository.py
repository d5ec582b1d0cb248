"""ModelRepository: a repository of bundles as an operator has one, or as an attacker would."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp
from tuf.api.serialization.json import JSONSerializer

from models.bundle import Bundle
from models.offer import METADATA, TARGETS, OfferCustom

if TYPE_CHECKING:
    from pathlib import Path

    from tuf.api.metadata import Delegations

    from models.signing import PublicKey

ROLES = ("timestamp", "snapshot", "targets")


class ModelRepository:
    """A folder of static files, signed with keys that live as long as this.

    Args:
        folder: of the repository.
        root_threshold: signatures that a root needs, of two keys.

    Attributes:
        keys: by role, those that sign.
        versions: by role, of what is published next.
        snapshot_length: what timestamp says of it; None: nothing.
        delegations: of targets to other roles; None: there are none.
        days: until what is published next expires; less than none: it did.
    """

    def __init__(self, folder: Path, *, root_threshold: int = 1) -> None:
        self.folder, self._threshold = folder, root_threshold
        (folder / METADATA).mkdir(parents=True)
        (folder / TARGETS).mkdir()
        self.keys = {"root": [_key(), _key()]} | {role: [_key()] for role in ROLES}
        self.versions = dict.fromkeys(("root", *ROLES), 0)
        self.days = 30
        self.snapshot_length: int | None = None
        self.delegations: Delegations | None = None
        self._targets: dict[str, TargetFile] = {}
        self.publish_root()
        self.publish()

    @property
    def root(self) -> Path:
        """What a device is given."""
        return self.folder / METADATA / "1.root.json"

    def add(self, path: Path, *trusted: PublicKey, **custom: object) -> TargetFile:
        """Offer a bundle, and say other things of it than are right."""
        bundle = Bundle.open(path, trusted, allow_unsigned=not trusted, allow_expired=True)
        said = OfferCustom.of(bundle)
        target = TargetFile.from_file(said.path, str(path), ["sha256"])
        target.unrecognized_fields["custom"] = said.model_dump(exclude_none=True) | custom
        shutil.copy(path, self.place(target))
        self._targets[said.path] = target
        self.publish()
        return target

    def place(self, target: TargetFile) -> Path:
        """The file of a target."""
        return self.folder / TARGETS / f"{target.hashes['sha256']}.{target.path}"

    def withdraw(self, target: TargetFile) -> None:
        """Offer it no longer; its file stays, as it would on a mirror."""
        del self._targets[target.path]
        self.publish()

    def publish(self, *roles: str) -> None:
        """Sign roles anew, all of them or these only."""
        for role in reversed(ROLES):  # targets first: each names the next one's version
            if not roles or role in roles:
                self.versions[role] += 1
                self._write(self._signed(role), role)

    def publish_root(self, *signers: CryptoSigner) -> None:
        """A new root of the keys that there are, signed by all that sign roots or by these."""
        self.versions["root"] += 1
        root = Root(self.versions["root"], expires=_in_days(self.days), consistent_snapshot=True)
        for role, keys in self.keys.items():
            for key in keys:
                root.add_key(key.public_key, role)
        root.roles["root"].threshold = self._threshold
        self._write(root, "root", signers or tuple(self.keys["root"]))

    def rotate(self, *roles: str) -> None:
        """Give roles other keys, and begin their versions anew."""
        for role in roles:
            self.keys[role] = [_key()]
            self.versions[role] = 0
        self.publish_root()
        self.publish()

    def copied_to(self, folder: Path) -> Path:
        """All that it is now, for whoever wants to say so later."""
        shutil.copytree(self.folder, folder)
        return folder

    def become(self, folder: Path) -> None:
        """Its files are those of a copy."""
        shutil.rmtree(self.folder)
        shutil.copytree(folder, self.folder)

    def _signed(self, role: str) -> Timestamp | Snapshot | Targets:
        version, expires = self.versions[role], _in_days(self.days)
        if role == "targets":
            targets = dict(self._targets)
            return Targets(version, expires=expires, targets=targets, delegations=self.delegations)
        if role == "snapshot":
            meta = {"targets.json": MetaFile(self.versions["targets"])}
            return Snapshot(version, expires=expires, meta=meta)
        return Timestamp(
            version,
            expires=expires,
            snapshot_meta=MetaFile(self.versions["snapshot"], self.snapshot_length),
        )

    def _write(
        self, signed: Root | Timestamp | Snapshot | Targets, role: str, signers: object = None
    ) -> None:
        metadata = Metadata(signed)
        for key in signers or self.keys[role]:
            metadata.sign(key, append=True)
        version = "" if role == "timestamp" else f"{signed.version}."
        path = self.folder / METADATA / f"{version}{role}.json"
        path.write_bytes(metadata.to_bytes(JSONSerializer(compact=True)))


def _key() -> CryptoSigner:
    return CryptoSigner.generate_ed25519()


def _in_days(days: float) -> datetime:
    return (datetime.now(timezone.utc) + timedelta(days=days)).replace(microsecond=0)
