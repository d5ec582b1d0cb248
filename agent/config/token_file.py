"""Token file: what clients of a page must say, in a file of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

_MOST_BYTES = 256


def token_of(path: Path) -> str:
    """The first line of a file.

    Raises:
        InputError: it can't be read, or holds no token.
    """
    try:
        with path.open("rb") as file:
            line = file.readline(_MOST_BYTES + 2).strip()
            token = line.decode("ascii")
    except OSError as error:
        raise InputError(f"{path}: the token can't be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: a token is of ASCII letters") from error
    if not token or len(token) > _MOST_BYTES:
        raise InputError(f"{path}: its first line holds no token of 1 to {_MOST_BYTES} bytes")
    return token
