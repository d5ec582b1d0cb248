"""How `ctl` reaches its broker: options, over a profile, over what is usual."""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from agent.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.control.broker import Broker
    from agent.fleet.client import Client
    from agent.fleet.profile import Profile
    from models.signing import PrivateKey

PASSWORD_VARIABLE = "SFUMATO_CTL_PASSWORD"  # noqa: S105 its name
_FILES = ("ca", "cert", "key", "password_file", "sign")


def add_connection_arguments(parser: argparse.ArgumentParser) -> None:
    """Options that stand before a command and after it; the last one counts.

    None of them has a default here: that of the command would undo what stands before it.
    """
    group = parser.add_argument_group("connection")

    def add(option: str, metavar: str, said: str, kind: type = str) -> None:
        group.add_argument(option, metavar=metavar, type=kind, default=argparse.SUPPRESS, help=said)

    add("--broker", "HOST[:PORT]", "port 8883, or 1883 where it is not encrypted")
    add("--ca", "FILE", "certificates that the broker's descends from; default: the system's", Path)
    add("--cert", "FILE", "your certificate, in PEM", Path)
    add("--key", "FILE", "the key that belongs to it", Path)
    add("--username", "NAME", "where the broker wants one")
    add("--password-file", "FILE", f"its first line; else ${PASSWORD_VARIABLE} is looked at", Path)
    add("--root", "TOPIC", "that all topics begin with; default: sfumato/v1")
    add("--sign", "FILE", "your private key, where devices want commands signed", Path)
    add("--profile", "FILE", "these options in YAML; default: ~/.config/sfumato/ctl.yaml", Path)
    group.add_argument(
        "--json",
        action="store_true",
        default=argparse.SUPPRESS,
        help="for programs, on standard output",
    )


@dataclass(frozen=True, slots=True)
class Connection:
    """What a command reaches the fleet with.

    Attributes:
        key: what signs; None: nothing is signed.
        as_json: whether programs read what is printed.
    """

    broker: Broker
    root: str
    key: PrivateKey | None
    as_json: bool

    def client(self, subscriptions: Sequence[tuple[str, int]], name: str | None = None) -> Client:
        """To be entered; see `agent.fleet.client.Client`."""
        from agent.fleet.client import Client

        return Client(self.broker, self.root, subscriptions, name=name)


def connection_of(args: argparse.Namespace) -> Connection:
    """What the options and the profile say.

    Raises:
        UsageError: one of them is not valid, or there is no broker.
        InputError: a file that is named can't be read.
        ModelError: the signing key can't be used.
    """
    profile = _profile(args)
    return Connection(
        profile.to_broker(os.environ.get(PASSWORD_VARIABLE)),
        profile.root,
        profile.signing_key(),
        getattr(args, "json", False),
    )


def _profile(args: argparse.Namespace) -> Profile:
    from agent.fleet.profile import Profile

    from_file = _from_file(args)
    given = {name: getattr(args, name) for name in Profile.model_fields if hasattr(args, name)}
    try:
        return Profile.model_validate({**from_file, **given})
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        where = f"--{name.replace('_', '-')}" if name in given else f"{args.profile}: {name}"
        said = f"no such setting; there are {', '.join(Profile.model_fields)}"
        if first["type"] != "extra_forbidden":
            said = first["msg"]
        raise UsageError(f"{where}: {said}") from error


def _from_file(args: argparse.Namespace) -> dict[str, object]:
    """What a profile says; its paths are relative to it."""
    if not hasattr(args, "profile"):
        home = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")  # noqa: PTH111
        usual = Path(home) / "sfumato" / "ctl.yaml"
        if not usual.is_file():
            return {}
        args.profile = usual
    from agent.cli.ctl.documents import read_yaml

    found = read_yaml(args.profile)
    for name in _FILES:
        if isinstance(path := found.get(name), str):
            found[name] = args.profile.parent / path
    return found
