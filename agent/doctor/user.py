"""User: as whom the agent opens devices and writes files."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.doctor.machine import Machine

SERVICE = "sfumato"
"""The user of the service, as its unit has it."""

SERVICE_GROUPS = ("video", "render")
"""That the unit adds."""

UNIT = "etc/systemd/system/sfumato-agent.service"


@dataclass(frozen=True, slots=True)
class User:
    """Somebody, by number.

    Attributes:
        is_service: whether it is the service's user.
    """

    uid: int
    groups: frozenset[int]
    is_service: bool

    @classmethod
    def of(cls, machine: Machine) -> User:
        """The service's where the service is installed, else who runs this."""
        users, groups = _numbers(machine, "passwd"), _numbers(machine, "group")
        if (machine.root / UNIT).exists() and SERVICE in users:
            own = {groups[name] for name in (*SERVICE_GROUPS, SERVICE) if name in groups}
            return cls(users[SERVICE], frozenset(own), is_service=True)
        return cls(os.geteuid(), frozenset({*os.getgroups(), os.getegid()}), is_service=False)

    def may(self, status: os.stat_result, bits: int) -> bool:
        """Whether it may do all of this with something.

        Args:
            bits: of `stat`'s S_IRWXO: 4 to read, 2 to write, 1 to look into.
        """
        if self.uid == 0:
            return True
        mode = stat.S_IMODE(status.st_mode)
        if status.st_uid == self.uid:
            mode >>= 6
        elif status.st_gid in self.groups:
            mode >>= 3
        return mode & bits == bits


def _numbers(machine: Machine, name: str) -> dict[str, int]:
    """Users or groups, as the machine's own file has them."""
    fields = (line.split(":") for line in machine.text(f"etc/{name}").splitlines())
    return {each[0]: int(each[2]) for each in fields if len(each) > 2 and each[2].isdigit()}
