"""RecordingName: when a recording begins and which one it is, as its file's name says it.

`2026-11-29T08-50-38Z_000123.mp4` begins at that second of UTC; the number rises over the whole
folder, so it orders recordings whatever clocks did. While nobody vouches for the clock it is
`2026-11-29T08-50-38Z~1a2b3c4d.41250_000123.mp4`: about then, and surely 41.25 s after a boot.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timezone

_NAME = re.compile(
    r"(?P<begin>\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ)"
    r"(?:~(?P<boot>[0-9a-f]{8})\.(?P<uptime_ms>\d{1,15}))?"
    r"_(?P<number>\d{6,12})\.mp4",
    re.ASCII,
)
_TIME = "%Y-%m-%dT%H-%M-%SZ"
_BOOT_DIGITS = 8


@dataclass(frozen=True, slots=True)
class SinceBoot:
    """A moment that no wrong clock can move.

    Attributes:
        boot: the beginning of the boot's id, 8 hexadecimal digits.
        uptime_ms: milliseconds since then.
    """

    boot: str
    uptime_ms: int

    @classmethod
    def of(cls, boot_id: str, uptime_s: float) -> SinceBoot:
        """A moment of the boot that the kernel calls `boot_id`."""
        return cls(boot_id.replace("-", "")[:_BOOT_DIGITS].lower(), int(uptime_s * 1000))


@dataclass(frozen=True, slots=True)
class RecordingName:
    """What a recording's name says; `str` is the name.

    Attributes:
        begin_s: Unix time of its first picture, whole seconds; about that where `since_boot` is
            there.
        number: of all recordings in the folder, from 1 on.
        since_boot: when it began, where the clock was not to be believed.
    """

    begin_s: int
    number: int
    since_boot: SinceBoot | None = None

    def __str__(self) -> str:
        begin = datetime.fromtimestamp(max(0, self.begin_s), timezone.utc).strftime(_TIME)
        boot = self.since_boot
        doubt = "" if boot is None else f"~{boot.boot}.{boot.uptime_ms}"
        return f"{begin}{doubt}_{self.number:06}.mp4"

    @property
    def part(self) -> str:
        """The hidden name while it is written."""
        return f".{self}.part"

    @classmethod
    def parse(cls, text: str) -> RecordingName | None:
        """What a file's name says; None for one that is not exactly a recording's."""
        found = _NAME.fullmatch(text)
        if found is None:
            return None
        try:
            date, time = found["begin"][:-1].split("T")  # `strptime` takes ten times as long
            begin = datetime.fromisoformat(f"{date} {time.replace('-', ':')}+00:00")
        except ValueError:  # the 31st of February
            return None
        boot = found["boot"] and SinceBoot(found["boot"], int(found["uptime_ms"]))
        name = cls(int(begin.timestamp()), int(found["number"]), boot or None)
        return name if str(name) == text else None

    @classmethod
    def parse_part(cls, text: str) -> RecordingName | None:
        """Likewise, for one that is being written, or was."""
        if text.startswith(".") and text.endswith(".part"):
            return cls.parse(text[1 : -len(".part")])
        return None

    def told(self, boot: str, booted_s: float) -> RecordingName:
        """The same, now that it is known at which Unix time `boot` was."""
        at = self.since_boot
        if at is None or at.boot != boot:
            return self
        return RecordingName(int(booted_s + at.uptime_ms / 1000), self.number)
