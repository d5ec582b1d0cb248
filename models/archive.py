"""The `.sfm` archive: an uncompressed zip, read and written with a limit on everything.

Nothing here knows what the files mean or whether they may be trusted; that is `models.bundle`.
Limits are checked before a byte of content is read: the number of entries and the size of the
directory, then every entry's name, size and storage.
"""

from __future__ import annotations

import os
import struct
import zipfile
from typing import TYPE_CHECKING, BinaryIO

from models.errors import BundleError
from models.manifest import (
    MAX_EXPECTED_BYTES,
    MAX_GOLDEN_FRAMES,
    MAX_GOLDEN_IMAGE_BYTES,
    MAX_MANIFEST_BYTES,
    MAX_MODEL_BYTES,
)
from models.whole_file import whole_file

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MANIFEST = "manifest.json"
SIGNATURE = "manifest.sig"

# Chosen, not measured: a bundle of three networks and all golden frames has 37 entries.
MAX_ENTRIES = 64
_MAX_DIRECTORY_BYTES = 16 << 10
_MAX_SIGNATURE_BYTES = 1 << 10
_MAX_GOLDEN_BYTES = MAX_GOLDEN_FRAMES * (MAX_GOLDEN_IMAGE_BYTES + MAX_EXPECTED_BYTES)
_MAX_ARCHIVE_BYTES = 3 * MAX_MODEL_BYTES + _MAX_GOLDEN_BYTES + (16 << 20)

# "End of central directory" (APPNOTE 4.3.16): signature, this disk, directory's disk, entries
# here, entries, directory size, directory offset, comment length. It ends the file.
_END = struct.Struct("<4s4H2LH")
_ZIP64_LOCATOR_BYTES = 20


def read_archive(path: Path) -> dict[str, bytes]:
    """Every file of the archive, by its place.

    Raises:
        BundleError: the archive can't be read, is damaged, or breaks a limit.
    """
    try:
        with path.open("rb") as file:
            _check_end(file)
            with zipfile.ZipFile(file) as archive:
                entries = archive.infolist()
                _check_entries(entries, path.stat().st_size)
                return {entry.filename: archive.read(entry) for entry in entries}
    except OSError as error:
        raise BundleError(f"{path}: can't read the bundle ({error.strerror or error})") from error
    except (zipfile.BadZipFile, struct.error, RuntimeError, EOFError, ValueError) as error:
        raise BundleError(f"{path}: the bundle is damaged ({error})") from error
    except BundleError as error:
        raise BundleError(f"{path}: {error}") from error


def _check_end(file: BinaryIO) -> None:
    """Check the directory's size and count before `zipfile` reads it."""
    size = file.seek(0, os.SEEK_END)
    if size > _MAX_ARCHIVE_BYTES:
        raise BundleError(f"too large for a bundle ({size} bytes)")
    if size < _END.size:
        raise BundleError("not a bundle, or cut short")
    file.seek(max(0, size - _END.size - _ZIP64_LOCATOR_BYTES))
    tail = file.read()
    magic, *_, entries, directory_bytes, _, comment_bytes = _END.unpack(tail[-_END.size :])
    if magic != b"PK\x05\x06" or comment_bytes or tail.startswith(b"PK\x06\x07"):
        raise BundleError("not a bundle, or cut short")
    if entries > MAX_ENTRIES or directory_bytes > _MAX_DIRECTORY_BYTES:
        raise BundleError(f"more than {MAX_ENTRIES} files")


def _check_entries(entries: list[zipfile.ZipInfo], archive_bytes: int) -> None:
    if sum(entry.file_size for entry in entries) > archive_bytes:
        raise BundleError("its files overlap")
    seen: set[str] = set()
    for entry in entries:
        name = entry.filename
        if name in seen:
            raise BundleError(f"holds {name!r} twice")
        seen.add(name)
        parts = name.split("/")
        if entry.orig_filename != name or "\\" in name or {"", ".", ".."} & set(parts):
            raise BundleError(f"holds a file whose path leaves the archive: {name!r}")
        if entry.compress_type != zipfile.ZIP_STORED or entry.file_size != entry.compress_size:
            raise BundleError(f"{name!r} is compressed; bundles are not")
        limits = {MANIFEST: MAX_MANIFEST_BYTES, SIGNATURE: _MAX_SIGNATURE_BYTES}
        if entry.file_size > limits.get(name, MAX_MODEL_BYTES):
            raise BundleError(f"{name!r} is too large ({entry.file_size} bytes)")


def write_archive(path: Path, files: Mapping[str, bytes]) -> None:
    """Write all or nothing: to a temporary name, to the disk, then in place.

    The same files give the same bytes.

    Raises:
        OSError: the disk is full, or the place can't be written to.
    """
    with whole_file(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data)
