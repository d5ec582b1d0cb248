"""TufReader: a device as far as python-tuf goes, whose web server is a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuf.api.exceptions import DownloadHTTPError
from tuf.ngclient import Updater
from tuf.ngclient.fetcher import FetcherInterface

from models.offer import METADATA, TARGETS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_ADDRESS = "http://repository/"


class TufReader:
    """Remembers what it has seen, from one look to the next.

    Args:
        repository: what is served.
        cache: where it remembers.
        root: that it was given; its repository's first, unless it is said.
    """

    def __init__(self, repository: Path, cache: Path, root: bytes | None = None) -> None:
        self._repository, self._cache = repository, cache
        self._root = root or (repository / METADATA / "1.root.json").read_bytes()

    def look(self) -> Updater:
        """A refreshed updater; raises what python-tuf raises."""
        folder, files = self._cache / "metadata", self._cache / "targets"
        for each in (folder, files):
            each.mkdir(parents=True, exist_ok=True)
        updater = Updater(
            str(folder),
            f"{_ADDRESS}{METADATA}/",
            str(files),
            f"{_ADDRESS}{TARGETS}/",
            fetcher=_Folder(self._repository),
            bootstrap=self._root,
        )
        updater.refresh()
        return updater

    def fetched(self) -> dict[str, bytes]:
        """All that is offered, downloaded and verified, by path."""
        updater, found = self.look(), {}
        for path in updater._trusted_set.targets.targets:
            info = updater.get_targetinfo(path)
            assert info is not None
            with open(updater.download_target(info), "rb") as file:  # noqa: PTH123 a string
                found[path] = file.read()
        return found


class _Folder(FetcherInterface):
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def _fetch(self, url: str) -> Iterator[bytes]:
        path = self._folder / url.removeprefix(_ADDRESS)
        if not path.is_file():
            raise DownloadHTTPError(f"{url}: not found", 404)
        return iter([path.read_bytes()])
