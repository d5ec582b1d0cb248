"""JSON files: read with one line about what is wrong, written whole or not at all."""

from __future__ import annotations

import json
from typing import IO, TYPE_CHECKING, Any

from distill.errors import InputError
from distill.files import reading, text_of, writing
from models.whole_file import whole_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path


def read_json(path: Path) -> Any:
    """A JSON file's content.

    Raises:
        InputError: it can't be read, or is cut off or damaged.
    """
    with reading(path):
        if path.is_dir():
            raise InputError(f"{path} is a folder; name the JSON file in it")
        data = path.read_bytes()
    return parse_json(data, path)


def parse_json(data: bytes, path: Path) -> Any:
    """The content of a JSON file's bytes.

    Raises:
        InputError: it is cut off or damaged.
    """
    try:
        text = text_of(data)
        return json.loads(text)
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is no JSON: it is not text in UTF-8") from error
    except json.JSONDecodeError as error:
        if not text.strip():
            raise InputError(f"{path} is empty; write it again") from error
        if text.lstrip()[0] not in "{[":
            raise InputError(f"{path} is no JSON: it does not begin with {{ or [") from error
        if error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated"):
            raise InputError(
                f"{path} is cut off after {len(data)} bytes; copy or write it again"
            ) from error
        raise InputError(
            f"{path} is damaged JSON in line {error.lineno}: {error.msg.lower()}; write it again"
        ) from error
    except ValueError as error:  # a number of thousands of digits
        raise InputError(f"{path} is no COCO file: {error}") from error
    except RecursionError as error:
        raise InputError(f"{path} is no COCO file: it is nested without end") from error


def write_json(path: Path, head: Mapping[str, Any], lists: Mapping[str, Iterable[Any]]) -> None:
    """Write a JSON object, its long lists one record a line, whole or not at all.

    Raises:
        OutputError: it can't be written; what was there stays.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as file:
            parts = [f"{_json(key)}: {_json(value)}".encode() for key, value in head.items()]
            file.write(b"{" + b",\n".join(parts))
            for position, (key, records) in enumerate(lists.items()):
                file.write(f"{',' if parts or position else ''}\n{_json(key)}: ".encode())
                _write_list(file, records)
            file.write(b"}\n")


def write_json_list(path: Path, records: Iterable[Any]) -> None:
    """Write a JSON list, one record a line, whole or not at all.

    Raises:
        OutputError: it can't be written; what was there stays.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as file:
            _write_list(file, records)
            file.write(b"\n")


def _write_list(file: IO[bytes], records: Iterable[Any]) -> None:
    file.write(b"[")
    for number, record in enumerate(records):
        file.write(b",\n" if number else b"\n")
        file.write(_json(record).encode())
    file.write(b"\n]")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
