"""The beginning of a roll-out: who is in the group, who comes first, and which number is next."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from agent.control.messages import MAX_REV
from agent.errors import AbortedError, UsageError
from agent.fleet.inventory import inventory
from agent.fleet.rollout_file import RolloutState
from agent.fleet.rollout_salt import choose_salt
from agent.fleet.rollout_view import look

if TYPE_CHECKING:
    from agent.fleet.inventory import DeviceState
    from agent.fleet.rollout_plan import RolloutPlan
    from agent.fleet.rollout_view import ClientOf

_NOBODY = "no device says that it belongs to it; see `sfumato ctl devices --json`"


def begin(client_of: ClientOf, root: str, plan: RolloutPlan) -> tuple[RolloutState, list[str]]:
    """A roll-out to all devices of the plan's group, and the devices that have a model of their own.

    Those are left out: what a device is told by itself wins over what its group is told.

    Raises:
        InputError: the broker can't be reached.
        UsageError: the group has no devices, or none for the first stage.
        AbortedError: the group's document has a number that none is above.
    """
    found = [each for each in inventory(client_of, root) if _belongs(each, plan.group)]
    own = [each.name for each in found if each.model_desired is not None]
    devices = [each for each in found if each.model_desired is None]
    if not devices:
        raise UsageError(
            f"{plan.group}: " + ("all its devices have a model of their own" if own else _NOBODY)
        )
    reports = [each.model_reported for each in devices if each.model_reported is not None]
    revs = [reported.rev for reported in reports if reported.group == plan.group]
    standing = look(client_of, root, plan.group, [])[0]
    first_rev = max([standing.rev if standing else 0, *revs]) + 1
    if first_rev >= MAX_REV - 1000:
        raise AbortedError(
            f"{plan.group}: has nearly the highest rev that there is; whoever set it has to be found"
        )
    names = [each.name for each in devices]
    away = {each.name for each in devices if each.presence != "online"}
    salt = choose_salt(plan, names, away, secrets.token_hex(4))
    return RolloutState(plan=plan, salt=salt, devices=tuple(names), first_rev=first_rev), own


def _belongs(device: DeviceState, group: str) -> bool:
    return device.info is not None and group in device.info.groups
