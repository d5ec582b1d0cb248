"""Bundle: a network that we know the origin of, and what is needed to run it.

The order of checks, each before what follows is believed:

1. the archive keeps its limits (`models.archive`);
2. a key we trust signed the manifest's bytes, or there is no signature and that is allowed;
3. the manifest does not need a newer Sfumato, then makes sense;
4. the archive holds the manifest's files and no other, each with its size and SHA-256;
5. its networks are whole in their own bytes, so that nothing runs that was not signed;
6. it has not expired, where it comes from outside (`Bundle.open`, not `Bundle.reopen`).
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from models.archive import MANIFEST, SIGNATURE, read_archive, write_archive
from models.claims import manifest_bytes
from models.errors import BundleError, ExpiredError
from models.manifest import Manifest
from models.verification import check_files, check_signature

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from models.manifest import Role
    from models.onnx_file.whole_model import WholeModel
    from models.signing import PrivateKey, PublicKey

_SEAL = object()


class Bundle:
    """A verified bundle. The bytes it gives are those that were verified, not the file's.

    Attributes:
        manifest: what the bundle says about itself.
        digest: SHA-256 of the manifest's bytes, in hex: the name of exactly this bundle.
        signed_by: id of the key that signed it, or None.
    """

    __slots__ = ("_files", "_whole", "digest", "manifest", "signed_by")

    def __init__(
        self,
        seal: object,
        manifest: Manifest,
        digest: str,
        signed_by: str | None,
        files: Mapping[str, bytes],
        whole: Mapping[str, WholeModel],
    ) -> None:
        if seal is not _SEAL:
            raise TypeError("a Bundle is made by Bundle.open, which verifies it")
        self.manifest = manifest
        self.digest = digest
        self.signed_by = signed_by
        self._files, self._whole = files, whole

    @classmethod
    def open(
        cls,
        path: Path,
        trusted: Sequence[PublicKey] = (),
        *,
        allow_unsigned: bool = False,
        allow_expired: bool = False,
    ) -> Bundle:
        """Read and verify what comes from outside.

        Args:
            path: the archive.
            trusted: keys, one of which must have signed it.
            allow_unsigned: a person takes it without a signature.
            allow_expired: a person takes it although it has expired.

        Raises:
            TrustError: unsigned (and that is not allowed), signed by another key, or changed.
            ExpiredError: its time is over (and that is not allowed).
            BundleError: missing, damaged, or for a newer Sfumato.
        """
        bundle = cls._verified(path, trusted, allow_unsigned=allow_unsigned)
        if bundle.manifest.has_expired() and not allow_expired:
            raise ExpiredError(
                f"{path}: the bundle expired on {bundle.manifest.expires:%Y-%m-%d}; get a newer one"
            )
        return bundle

    @classmethod
    def reopen(
        cls, path: Path, trusted: Sequence[PublicKey] = (), *, allow_unsigned: bool = False
    ) -> Bundle:
        """Read and verify what `open` let in before, whether or not it has expired since.

        A camera that ran a bundle before it expired must not go dark at its next start. Whoever
        calls this kept the `digest` of what was opened then, and compares.

        Raises:
            TrustError: unsigned (and that is not allowed), signed by another key, or changed.
            BundleError: missing, damaged, or for a newer Sfumato.
        """
        return cls._verified(path, trusted, allow_unsigned=allow_unsigned)

    @classmethod
    def unsigned(cls, manifest: Manifest, files: Mapping[Role, bytes]) -> Bundle:
        """What was imported just now and never written, so that nobody has signed it.

        Raises:
            BundleError: the files are not those that the manifest describes.
        """
        data = manifest.to_bytes()
        contents = _contents(manifest, files)
        whole = check_files(manifest, contents)
        return cls(_SEAL, manifest, hashlib.sha256(data).hexdigest(), None, contents, whole)

    @classmethod
    def _verified(cls, path: Path, trusted: Sequence[PublicKey], *, allow_unsigned: bool) -> Bundle:
        files = read_archive(path)
        try:
            data = manifest_bytes(files)
            signed_by = check_signature(data, files, trusted, allow_unsigned=allow_unsigned)
            manifest = Manifest.from_bytes(data)
            whole = check_files(manifest, files)
        except BundleError as error:
            raise type(error)(f"{path}: {error}") from error
        return cls(_SEAL, manifest, hashlib.sha256(data).hexdigest(), signed_by, files, whole)

    def model_bytes(self, role: Role) -> bytes:
        """The network of this precision, as verified.

        Raises:
            BundleError: the bundle has none of this precision.
        """
        if role not in self.manifest.files:
            raise BundleError(
                f"bundle {self.manifest.name} has no {role} model, "
                f"only {', '.join(self.manifest.files)}"
            )
        return self._files[self.manifest.files[role].path]

    def engine_bytes(self) -> tuple[bytes, ...]:
        """The engines, as verified; `models.runtime.engine_file` reads them."""
        return tuple(self._files[spec.path] for spec in self.manifest.engines)

    def model(self, role: Role) -> WholeModel | bytes:
        """The network of this precision for a runtime to load; bytes where it is damaged.

        Raises:
            BundleError: the bundle has none of this precision.
        """
        data = self.model_bytes(role)
        return self._whole.get(self.manifest.files[role].path, data)

    def golden_bytes(self) -> tuple[tuple[bytes, bytes], ...]:
        """Image and expectation of every golden frame, as verified; `models.golden` reads them."""
        return tuple(
            (self._files[frame.image.path], self._files[frame.expected.path])
            for frame in self.manifest.golden_files
        )


def _contents(manifest: Manifest, files: Mapping[Role, bytes]) -> dict[str, bytes]:
    return {manifest.files[role].path: model for role, model in files.items()}


def write_bundle(
    path: Path,
    manifest: Manifest,
    files: Mapping[Role, bytes],
    key: PrivateKey | None = None,
    golden: Mapping[str, bytes] | None = None,
    engines: Mapping[str, bytes] | None = None,
) -> None:
    """Pack, sign if there is a key, and put in place all at once.

    Args:
        path: the bundle.
        manifest: what it says.
        files: the network, by precision.
        key: signs it.
        golden: what `manifest.golden_files` lists, by its place.
        engines: what `manifest.engines` lists, likewise.

    Raises:
        BundleError: the files are not those that the manifest describes.
        OSError: the file can't be written.
    """
    data = manifest.to_bytes()
    contents = _contents(manifest, files) | dict(golden or {}) | dict(engines or {})
    check_files(manifest, contents)
    signature = {SIGNATURE: key.sign(data).to_line().encode()} if key else {}
    write_archive(path, {MANIFEST: data, **signature, **contents})


def sign_bundle(source: Path, target: Path, key: PrivateKey) -> Manifest:
    """Sign a bundle's manifest as it stands, byte for byte; a signature it had is replaced.

    Raises:
        BundleError: the bundle is damaged. Nobody should sign what does not hold together.
        OSError: the file can't be written.
    """
    files = read_archive(source)
    try:
        data = manifest_bytes(files)
        manifest = Manifest.from_bytes(data)
        check_files(manifest, files)
    except BundleError as error:
        raise type(error)(f"{source}: {error}") from error
    contents = {name: files[name] for name in files if name not in {MANIFEST, SIGNATURE}}
    write_archive(
        target, {MANIFEST: data, SIGNATURE: key.sign(data).to_line().encode(), **contents}
    )
    return manifest
