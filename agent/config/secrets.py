"""Secrets: what a configuration only refers to, read when it is used, and kept out of every text."""

from __future__ import annotations

import os
import re
import threading
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from agent.config.address import check_address, password, user_info, without_passwords
from agent.config.reference import REFERENCE
from agent.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

LEAST_HIDDEN = 4
"""Letters from which on a value is hidden wherever it stands. Chosen, not measured: a password of
`1` would blank every 1 in a log, and thereby tell what it is. A shorter one is hidden where it is
told as a password, in the user-info of a URL."""

_MOST_BYTES = 1 << 16
"""Of a credential. Chosen: many times a password."""

_HIDDEN = "***"


class Secrets:
    """Credentials that systemd hands to the service, and variables of its environment.

    Callable from any thread: what is logged is hidden while a stream is opened.

    Args:
        environment: of the process.
        credentials: the folder `$CREDENTIALS_DIRECTORY`; None where there is none.
    """

    def __init__(self, environment: Mapping[str, str], credentials: Path | None) -> None:
        self._environment, self._credentials = environment, credentials
        self._lock = threading.Lock()
        self._known: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    @classmethod
    def of_process(cls) -> Secrets:
        """Those that this process was given."""
        folder = os.environ.get("CREDENTIALS_DIRECTORY")
        return cls(os.environ, Path(folder) if folder else None)

    def fill(self, template: str) -> str:
        """The source's URL that a template stands for; what it is filled with is never shown.

        In a URL's user-info (what stands before the @) values are percent-encoded, elsewhere they
        are taken as they are.

        Raises:
            UsageError: a secret is missing or empty, or what comes out is no URL that can be
                opened.
        """
        filled = self.filled(template)
        if filled == template:
            return filled
        try:
            check_address(filled)
        except ValueError as error:
            raise UsageError(f"{error} (once its secrets are filled in)") from error
        if "://" not in filled and not filled.startswith("/"):
            raise UsageError("should begin with / or rtsp:// once its secrets are filled in")
        return filled

    def filled(self, template: str) -> str:
        """Likewise, of any URL: whoever opens it sees whether it is one.

        Raises:
            UsageError: a secret is missing or empty.
        """
        encoded = user_info(template)
        values: list[str] = []

        def value_of(found: re.Match[str]) -> str:
            value = self._read(found)
            values.append(value)
            inside = encoded and encoded.start() <= found.start() < encoded.end()
            return quote(value, safe="") if inside else value

        filled = REFERENCE.sub(value_of, template)
        if values and (inside := password(filled)):  # of a URL that is a secret as a whole
            values += inside, unquote(inside)
        if values:
            self._remember(values)
        return filled

    def value_of(self, template: str) -> str:
        """What `${credential:NAME}` or `${env:NAME}` stands for, which is never shown.

        Raises:
            UsageError: it is missing or empty, or no line of text.
        """
        found = REFERENCE.fullmatch(template)
        if found is None:
            raise UsageError("should be ${credential:NAME} or ${env:NAME}")
        value = self._read(found)
        self._remember([value])
        return value

    def path_of(self, template: str) -> Path:
        """The file of `${credential:NAME}`; of another text, the file that it names.

        Raises:
            UsageError: there is no such credential.
        """
        found = REFERENCE.fullmatch(template)
        if found is None:
            return Path(template)
        path, _ = self._credential(found["credential"])
        return path

    def hide(self, text: str) -> str:
        """The text with *** for every value that was filled in, and for every URL's user-info.

        A value is found as it is, percent-encoded, and escaped as Python shows texts.
        """
        if self._pattern is not None:
            text = self._pattern.sub(_HIDDEN, text)
        return without_passwords(text)

    def _remember(self, values: list[str]) -> None:
        with self._lock:
            for value in values:
                self._known |= {value, quote(value, safe=""), quote(value), repr(value)[1:-1]}
            long = sorted((v for v in self._known if len(v) >= LEAST_HIDDEN), key=len, reverse=True)
            if long:  # the longest first: another value may be a part of it
                self._pattern = re.compile("|".join(map(re.escape, long)))

    def _read(self, found: re.Match[str]) -> str:
        if found["env"]:
            value = self._environment.get(found["env"])
            if value is None:
                raise UsageError(f"{found[0]}: the environment has no {found['env']}")
        else:
            path, data = self._credential(found["credential"])
            try:
                value = data.decode().removesuffix("\n").removesuffix("\r")
            except UnicodeDecodeError as error:
                raise UsageError(f"{found[0]}: {path} is no text") from error
        if not value:
            raise UsageError(f"{found[0]}: it is empty")
        if not value.isprintable():
            raise UsageError(f"{found[0]}: it holds more than one line of text")
        return value

    def _credential(self, name: str) -> tuple[Path, bytes]:
        """Its file, and what that holds."""
        if self._credentials is None:
            raise UsageError(
                f"${{credential:{name}}}: there are no credentials, since $CREDENTIALS_DIRECTORY is "
                f"not set; LoadCredential={name}:FILE in the unit sets it, and by hand it is the "
                f"folder that holds the file {name}"
            )
        path = self._credentials / name
        try:
            with path.open("rb") as file:
                data = file.read(_MOST_BYTES + 1)
        except OSError as error:
            raise UsageError(
                f"${{credential:{name}}}: can't read {path} ({error.strerror}); "
                f"LoadCredential={name}:FILE in the unit puts it there"
            ) from error
        if len(data) > _MOST_BYTES:
            raise UsageError(f"${{credential:{name}}}: {path} is larger than {_MOST_BYTES} bytes")
        return path, data
