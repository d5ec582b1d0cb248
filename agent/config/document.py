"""Document: a YAML file as it was written, every value with its line.

Nothing of YAML's type system is used. A tag is refused, and plain words are read as YAML 1.2 has
it: `no`, `on` and `22:22` are words, and so are keys, whatever they look like.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from yaml import MappingNode, MarkedYAMLError, ScalarNode, SequenceNode, YAMLError
from yaml.composer import Composer, ComposerError
from yaml.parser import Parser
from yaml.reader import Reader, ReaderError
from yaml.resolver import BaseResolver
from yaml.scanner import Scanner

from agent.config.address import without_passwords
from agent.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from yaml import Node

_MOST_BYTES = 1 << 18
"""Of a file. Chosen: a stream takes about 300 bytes, with every setting."""

MOST_VALUES = 20_000
"""Of a file, anchors written out. Chosen: a stream has 25, with every setting."""

MOST_DEPTH = 12
"""Of lists and mappings within each other. Chosen: twice what any setting needs."""

MOST_LETTERS = 200
"""Of a key. Chosen: three times the longest name of a stream, so that a message stays a line."""

_TAGS = {
    BaseResolver.DEFAULT_SCALAR_TAG,
    BaseResolver.DEFAULT_SEQUENCE_TAG,
    BaseResolver.DEFAULT_MAPPING_TAG,
}
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Written:
    """A value as it stands in the file.

    Attributes:
        key: where, as in `streams.door.every`; empty for the whole file.
        line: of the key, from 1; None: it came from afar and stands in no file.
    """

    value: bool | int | float | str | list[Written] | dict[str, Written] | None
    key: str
    line: int | None


def read_document(path: Path) -> Written:
    """The mapping that a file holds.

    Raises:
        UsageError: it can't be read, is too large, is no YAML, has a key twice, or holds no
            settings; the message names the file and, where there is one, the line.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL
        reason = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"{path}: can't read the configuration ({reason})") from error
    if len(data) > _MOST_BYTES:
        raise UsageError(f"{path}: larger than a configuration ever is; is it the right file?")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise UsageError(f"{path}:{line}: no UTF-8 text") from error
    try:
        node = _Loader(text).get_single_node()
    except YAMLError as error:
        raise UsageError(
            f"{path}:{_line_of(error, text)}: no valid YAML: {_said(error)}"
        ) from error
    except (ValueError, OverflowError) as error:  # escapes and versions that PyYAML doesn't check
        raise UsageError(f"{path}: no valid YAML: a number in it is too large") from error
    if not isinstance(node, MappingNode):
        raise UsageError(f"{path}: holds no settings; it begins with `key: value` lines")
    return _Reading(path).written(node, "", 1)


class _Loader(Reader, Scanner, Parser, Composer, BaseResolver):
    """YAML into nodes; with no resolver and no constructor, all that is plain is text."""

    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)
        Composer.__init__(self)
        BaseResolver.__init__(self)
        self._depth = 0

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise ComposerError(None, None, "too many things within each other", self.get_mark())
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


class _Reading:
    """Nodes into values; what an anchor stands for counts each time that it is named."""

    def __init__(self, path: Path) -> None:
        self._path, self._left = path, MOST_VALUES

    def written(self, node: Node, key: str, line: int, depth: int = 0) -> Written:
        self._left -= 1
        if self._left < 0 or depth > MOST_DEPTH:
            raise self._fault(line, key, "holds more than a configuration ever does")
        if node.tag not in _TAGS:
            raise self._fault(line, key, "has a tag (!...); take it out")
        if isinstance(node, MappingNode):
            return Written(self._mapping(node, key, depth), key, line)
        if isinstance(node, SequenceNode):
            items = [
                self.written(item, f"{key}.{index}", item.start_mark.line + 1, depth + 1)
                for index, item in enumerate(node.value)
            ]
            return Written(items, key, line)
        return Written(self._scalar(node, key, line), key, line)

    def _mapping(self, node: MappingNode, key: str, depth: int) -> dict[str, Written]:
        entries: dict[str, Written] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            name = str(key_node.value) if isinstance(key_node, ScalarNode) else ""
            if not 0 < len(name) <= MOST_LETTERS or UNPRINTABLE.search(name):
                raise self._fault(line, key, "has a key that is no plain word")
            where = f"{key}.{name}" if key else name
            if name in entries:
                first = entries[name].line
                raise self._fault(line, where, f"stands there twice, first in line {first}")
            entries[name] = self.written(value_node, where, line, depth + 1)
        return entries

    def _scalar(self, node: Node, key: str, line: int) -> bool | int | float | str | None:
        text = str(node.value)
        if isinstance(node, ScalarNode) and node.style is None:
            if text in _WORDS:
                return _WORDS[text]
            if _INTEGER.fullmatch(text):
                return int(text)
            if _FLOAT.fullmatch(text):
                return float(text)
        if UNPRINTABLE.search(text):
            raise self._fault(line, key, "has several lines, or a character that can't be printed")
        return text

    def _fault(self, line: int, key: str, said: str) -> UsageError:
        where = f"{self._path}:{line}: {key}: " if key else f"{self._path}:{line}: "
        return UsageError(f"{without_passwords(where)}{said}")


def _line_of(error: YAMLError, text: str) -> int:
    if isinstance(error, MarkedYAMLError) and error.problem_mark is not None:
        return error.problem_mark.line + 1
    if isinstance(error, ReaderError):
        return text.count("\n", 0, error.position) + 1
    return 1


def _said(error: YAMLError) -> str:
    if isinstance(error, ReaderError):
        return "a character that YAML doesn't allow"
    said = error.problem if isinstance(error, MarkedYAMLError) else None
    return " ".join(str(said or error).split())
