"""Class words: what the name of a class tells of what can be read or recognised in its objects.

Names are whatever a network's maker wrote: `licence_plate`, `License Plate`, `LicensePlates`,
`numberplate`. So a name is cut into words, in the singular, and the words are looked up. In doubt
a word counts: what is hidden too well harms nobody.
"""

from __future__ import annotations

import re
from functools import lru_cache

_READABLE_PART = re.compile(
    r"plate(?!d|au)|licen[cs]e|text(?!ur|il)|screen(?!ed)|card(?!b|i)|document(?!ar)"
)
"""In a word, as in numberplate, touchscreen or textbox; but not in texture, cardboard, cardigan."""

_READABLE = frozenset(
    {"kennzeichen", "kenteken", "matricula", "matrícula", "nummernschild", "placa", "plaque"}
    | {"anpr", "lp", "registration", "targa", "госномер", "номер", "车牌", "車牌"}
    | {"barcode", "caption", "code", "digit", "handwriting", "letter", "number", "ocr", "qr"}
    | {"qrcode", "sign", "signature", "subtitle", "watermark"}
    | {"cellphone", "computer", "display", "laptop", "monitor", "phone", "smartphone", "tablet"}
    | {"television", "tv", "tvmonitor"}
    | {"badge", "book", "certificate", "id", "invoice", "magazine", "newspaper", "page", "paper"}
    | {"passport", "receipt", "whiteboard"}
)
"""A whole word: plates in other words and languages, text, what shows it on a screen, what it is
printed on. Of COCO's classes: tv, laptop, cell phone, book, stop sign. Chosen, not measured."""

_FACES = frozenset({"face", "head", "humanface", "humanhead", "personface", "personhead"})
"""Whole words: neither a surface nor a headlight is one."""

_NAMELESS = frozenset({"class", "label", "none", "obj", "object", "unknown"})
"""What exporters call a class that nobody named, as in `class0`."""


@lru_cache(maxsize=4096)
def is_readable(name: str) -> bool:
    """Whether a class shows something to read, or its name says nothing at all."""
    words = _words(name)
    if words <= _NAMELESS:
        return True
    return bool(words & _READABLE) or any(map(_READABLE_PART.search, words))


@lru_cache(maxsize=4096)
def is_face(name: str) -> bool:
    """Whether a class is named face or head."""
    return bool(_words(name) & _FACES)


def _words(name: str) -> frozenset[str]:
    """The words of a name, small and in the singular, with a camel's humps as words and without.

    Both, since `LicensePlate` is two words and `TVs` is one.
    """
    humps = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
    found = re.findall(r"[^\W\d_]+", f"{name} {humps}".casefold())
    return frozenset(map(_singular, found))


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 2 and word.endswith("s") and not word.endswith("ss") else word
