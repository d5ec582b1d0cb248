"""Verification: whether a bundle is what its manifest says, and who says so."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from typing import TYPE_CHECKING

from models.archive import MANIFEST, SIGNATURE
from models.claims import signature_of
from models.errors import BundleError, TrustError
from models.onnx_file.whole_model import OutsideError, WholeModel
from models.onnx_file.wire import DamagedOnnxError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from models.manifest import Manifest
    from models.signing import PublicKey

_ANEW = "have the bundle made anew"


def check_signature(
    data: bytes,
    files: Mapping[str, bytes],
    trusted: Sequence[PublicKey],
    *,
    allow_unsigned: bool,
) -> str | None:
    """The id of the key that signed the manifest's bytes; None where nobody did and that is allowed.

    Raises:
        TrustError: nobody did, or a key that is not trusted, or the manifest was changed.
    """
    signature = signature_of(files)
    if signature is None:
        if not allow_unsigned:
            raise TrustError(
                "the bundle is unsigned; sign it with `sfumato model sign`, "
                "or run it anyway with --allow-unsigned"
            )
        return None
    keys = {key.id: key for key in trusted}
    if signature.key_id not in keys:
        raise TrustError(
            f"the bundle is signed by key {signature.key_id}, which is not trusted; "
            "if it should be, pass --trust KEY.pub"
        )
    signature.verify(data, keys[signature.key_id])
    return signature.key_id


def check_files(manifest: Manifest, files: Mapping[str, bytes]) -> dict[str, WholeModel]:
    """See that an archive holds what its manifest lists, and that its networks need nothing else.

    Returns:
        The networks by path, without those that are damaged.

    Raises:
        BundleError: it doesn't, or they do.
    """
    specs = {spec.path: spec for spec in manifest.every_file()}
    if unlisted := files.keys() - specs.keys() - {MANIFEST, SIGNATURE}:
        raise BundleError(f"holds a file that its manifest does not list: {min(unlisted)}; {_ANEW}")
    for path, spec in specs.items():
        if path not in files:
            raise BundleError(f"lacks {path}, which its manifest lists; {_ANEW}")
        if len(files[path]) != spec.bytes or hashlib.sha256(files[path]).hexdigest() != spec.sha256:
            raise BundleError(
                f"{path} is damaged: it is not the file that the manifest describes; "
                "copy or download it again"
            )
    whole = {}
    for model in manifest.files.values():
        # No runtime loads a damaged one, and which kind of damage it is, it will say.
        with suppress(DamagedOnnxError):
            whole[model.path] = _whole(model.path, files[model.path])
    return whole


def _whole(path: str, model: bytes) -> WholeModel:
    try:
        return WholeModel.of(model)
    except OutsideError as error:
        raise BundleError(f"{path} {error}") from error
