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

# Chosen, not measured: a bundle of four networks, all golden frames and engines has 54 entries.
MAX_ENTRIES = 64
_MAX_DIRECTORY_BYTES = 16 << 10
_MAX_SIGNATURE_BYTES = 1 << 10
_MAX_GOLDEN_BYTES = MAX_GOLDEN_FRAMES * (MAX_GOLDEN_IMAGE_BYTES + MAX_EXPECTED_BYTES)
_MAX_ARCHIVE_BYTES = 3 * MAX_MODEL_BYTES + _MAX_GOLDEN_BYTES + (16 << 20)

# "End of central directory" (APPNOTE 4.3.16): signature, this disk, directory's disk, entries
# here, entries, directory size, directory offset, comment length. It ends the file.
_END = struct.Struct("<4s4H2LH")
_END_MAGIC = b"PK\x05\x06"
_ZIP64_LOCATOR, _ZIP64_LOCATOR_BYTES = b"PK\x06\x07", 20

_AGAIN = "copy or download it again"
_POINTER = b"version https://git-lfs"
"""How a file begins that stands for one that Git LFS keeps."""

_MAX_FOLLOWS = 64 << 10
"""How far from the end an end is looked for, for a message; chosen, not measured."""


def read_archive(path: Path) -> dict[str, bytes]:
    """Every file of the archive, by its place.

    Raises:
        BundleError: the archive can't be read, is damaged, or breaks a limit.
    """
    try:
        with path.open("rb") as file:
            count = _counted(file)
            with zipfile.ZipFile(file) as archive:
                entries = archive.infolist()
                _check_entries(entries, count, path.stat().st_size)
                return {entry.filename: archive.read(entry) for entry in entries}
    except OSError as error:
        raise BundleError(f"{path}: can't read the bundle ({error.strerror or error})") from error
    except (zipfile.BadZipFile, struct.error, RuntimeError, EOFError, ValueError) as error:
        raise BundleError(f"{path}: the bundle is damaged ({error}); {_AGAIN}") from error
    except BundleError as error:
        raise BundleError(f"{path}: {error}") from error


def _counted(file: BinaryIO) -> int:
    """How many files the archive says it holds, before `zipfile` reads of what size they are."""
    size = file.seek(0, os.SEEK_END)
    if size > _MAX_ARCHIVE_BYTES:
        raise BundleError(
            f"too large for a bundle ({size} bytes, of at most {_MAX_ARCHIVE_BYTES}); "
            "pack a smaller network"
        )
    if size < _END.size:
        raise _not_whole(file, size)
    file.seek(max(0, size - _END.size - _ZIP64_LOCATOR_BYTES))
    tail = file.read()
    magic, *_, entries, directory_bytes, _, comment_bytes = _END.unpack(tail[-_END.size :])
    if magic == _END_MAGIC and tail.startswith(_ZIP64_LOCATOR):
        raise BundleError(
            "not a bundle, or cut short: a zip of another kind, such as PyTorch's weights; export "
            "those to ONNX, and `sfumato model import` makes a bundle of that"
        )
    if magic != _END_MAGIC or comment_bytes:
        raise _not_whole(file, size)
    if entries > MAX_ENTRIES or directory_bytes > _MAX_DIRECTORY_BYTES:
        raise BundleError(f"more than {MAX_ENTRIES} files")
    return int(entries)


def _not_whole(file: BinaryIO, size: int) -> BundleError:
    """What a file is that does not end as a bundle does, and what to do."""
    file.seek(0)
    begin = file.read(len(_POINTER))
    file.seek(max(0, size - _MAX_FOLLOWS))
    if not size:
        said = f"it is empty; {_AGAIN}"
    elif begin.startswith(b"PK"):
        more = _END_MAGIC in file.read()[: len(_END_MAGIC) - _END.size]
        said = f"{'more follows its end' if more else f'its {size} bytes have no end'}; {_AGAIN}"
    elif begin == _POINTER:
        said = "it only says where Git LFS keeps the file; get that with git lfs pull"
    elif begin.lstrip().startswith(b"<"):
        said = "it is a web page; download the file itself"
    else:
        said = "`sfumato model import` makes a bundle of an ONNX file"
    return BundleError(f"not a bundle, or cut short: {said}")


def _check_entries(entries: list[zipfile.ZipInfo], count: int, archive_bytes: int) -> None:
    if not entries or len(entries) != count:
        raise BundleError(f"not a bundle, or cut short: lacks its directory; {_AGAIN}")
    if sum(entry.file_size for entry in entries) > archive_bytes:
        raise BundleError("its files overlap")
    if min((entry.header_offset for entry in entries), default=0) > 0:
        raise BundleError(f"not a bundle, or cut short: something precedes its files; {_AGAIN}")
    seen: set[str] = set()
    for entry in entries:
        name = entry.filename
        if name in seen:
            raise BundleError(f"holds {name!r} twice; have the bundle made anew")
        seen.add(name)
        parts = name.split("/")
        if entry.orig_filename != name or "\\" in name or {"", ".", ".."} & set(parts):
            raise BundleError(f"holds a file whose path leaves the archive: {name!r}")
        if entry.compress_type != zipfile.ZIP_STORED or entry.file_size != entry.compress_size:
            raise BundleError(f"{name!r} is compressed; bundles are not")
        limits = {MANIFEST: MAX_MANIFEST_BYTES, SIGNATURE: _MAX_SIGNATURE_BYTES}
        if entry.file_size > limits.get(name, MAX_MODEL_BYTES):
            raise BundleError(
                f"{name!r} is too large ({entry.file_size} bytes); pack a smaller network"
            )


def write_archive(path: Path, files: Mapping[str, bytes]) -> None:
    """Write all or nothing: to a temporary name, to the disk, then in place.

    The same files give the same bytes.

    Raises:
        OSError: the disk is full, or the place can't be written to.
    """
    with whole_file(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data)
