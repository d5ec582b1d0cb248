"""Printable: text of others on a terminal."""

from __future__ import annotations


def printable(text: object) -> str:
    """On one line, with nothing that a terminal would obey."""
    return "".join(letter if letter.isprintable() else "?" for letter in str(text))
