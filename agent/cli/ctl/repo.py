"""`sfumato ctl repo`: what a fleet may install, as a folder of files for any web server."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from agent.cli.arguments import add_command
from agent.cli.ctl.text import table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from agent.fleet.repository.folder import Published
    from agent.fleet.repository.keys import RepositoryKey
    from models.offer import Offer

_EPILOG = """\
Once, with keys of `sfumato model keygen`:

  sfumato ctl repo init models --root-key a.key --root-key b.key --threshold 2 \\
          --release-key release.key --online-key online.key

Then, as often as there is a new bundle, and each week (a timer does it):

  sfumato ctl repo add models street.sfm --trust office.pub --key release.key --key online.key
  sfumato ctl repo refresh models --key online.key

Any web server serves the folder. Devices get models/metadata/1.root.json as their `update.root`, and
install nothing that is not offered there today. docs/repository.md has the rest.

exit codes: 0 done, 2 invalid arguments, a key that is missing, 3 no repository, or it is damaged,
4 it can't be written to, 5 a bundle or a key can't be used
"""
_WARN = timedelta(days=30)
"""So long before its end a root is spoken of, and what is offered. Chosen, not measured."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `repo` and what stands below it; each sets `run(args) -> exit code`."""
    repo = add_command(subparsers, "repo", "say what devices may install today", _EPILOG)
    commands = repo.add_subparsers(metavar="COMMAND", required=True)

    init = add_command(commands, "init", "make a repository that offers nothing yet")
    rotate = add_command(commands, "rotate", "have other keys sign, or renew the root")
    for command in (init, rotate):
        _add_folder(command)
        _add_roles(command, required=command is init)
    _add_keys(rotate, "that sign: enough of the old root keys, and what signs the rest now")
    init.set_defaults(run=_init)
    rotate.set_defaults(run=_rotate)

    add = add_command(commands, "add", "offer bundles")
    _add_folder(add)
    add.add_argument("bundles", nargs="+", type=Path, metavar="X.sfm")
    add.add_argument(
        "--trust", type=Path, action="append", required=True, metavar="KEY.pub",
        help="a key that may have signed them, as devices trust it; can be given several times",
    )  # fmt: skip
    _add_keys(add, "the release key's and the online key's private halves")
    add.set_defaults(run=_add)

    withdraw = add_command(commands, "withdraw", "offer a bundle no longer")
    _add_folder(withdraw)
    withdraw.add_argument("name", metavar="NAME", help="the bundle's, as `list` has it")
    withdraw.add_argument("version", nargs="?", type=int, metavar="VERSION", help="default: all")
    _add_keys(withdraw, "the release key's and the online key's private halves")
    withdraw.set_defaults(run=_withdraw)

    refresh = add_command(commands, "refresh", "say that all is as it was, for two more weeks")
    _add_folder(refresh)
    _add_keys(refresh, "the online key; with the release key, offers are renewed for a year, too")
    refresh.set_defaults(run=_refresh)

    listed = add_command(commands, "list", "what is offered, and until when it is believed")
    _add_folder(listed)
    listed.add_argument(
        "--json", action="store_true", default=argparse.SUPPRESS, help="for programs"
    )
    listed.set_defaults(run=_list)


def _add_folder(command: argparse.ArgumentParser) -> None:
    command.add_argument("folder", type=Path, metavar="FOLDER")


def _add_keys(command: argparse.ArgumentParser, said: str) -> None:
    command.add_argument(
        "--key", type=Path, action="append", default=[], metavar="KEY.key", help=said
    )


def _add_roles(command: argparse.ArgumentParser, *, required: bool) -> None:
    """Who signs what; a .pub will do where enough others sign."""
    kept = "" if required else "; default: as before"
    for role, said in (
        ("root", "says which keys count"),
        ("release", "says what is offered"),
        ("online", "says each week that this still holds"),
    ):
        command.add_argument(
            f"--{role}-key", type=Path, action="append", default=[], required=required,
            metavar="KEY", help=f"{said}; can be given several times{kept}",
        )  # fmt: skip
    command.add_argument(
        "--threshold", type=int, metavar="N", help="root keys that it takes (default: 1)" if required
        else "root keys that it takes (default: as before)",
    )  # fmt: skip


def _init(args: argparse.Namespace) -> int:
    from agent.fleet.repository.repository import Repository
    from agent.fleet.repository.roles import root_of

    root, release, online = _role_keys(args)
    made = root_of(root, release, online, args.threshold)
    new = Repository(args.folder, [*root, *release, *online]).init(made)
    first = args.folder / "metadata" / "1.root.json"
    print(f"{args.folder} is a repository" + ("" if new else " already; nothing was changed"))
    print(f"Serve it, and give devices {first} as their update.root")
    return 0


def _rotate(args: argparse.Namespace) -> int:
    from agent.fleet.repository.folder import Folder
    from agent.fleet.repository.repository import Repository
    from agent.fleet.repository.roles import root_of

    root, release, online = _role_keys(args)
    before = Folder(args.folder).root().signed
    made = root_of(root, release, online, args.threshold, before)
    keys = [*root, *release, *online, *_keys(args.key)]
    now = Repository(args.folder, keys).rotate(made)
    print(f"{args.folder}: root {now.root.signed.version} counts now")
    _warn(now)
    return 0


def _add(args: argparse.Namespace) -> int:
    from agent.fleet.repository.repository import Repository
    from models.signing import load_public

    trusted = [load_public(path) for path in args.trust]
    added = Repository(args.folder, _keys(args.key)).add(args.bundles, trusted)
    _say("offered", added)
    if not added:
        print("all of it was offered already; nothing was changed")
    return 0


def _withdraw(args: argparse.Namespace) -> int:
    from agent.fleet.repository.repository import Repository

    gone = Repository(args.folder, _keys(args.key)).withdraw(args.name, args.version)
    _say("withdrawn", gone)
    if not gone:
        of = "" if args.version is None else f" version {args.version}"
        print(f"{args.name}{of} is not offered; nothing was changed")
    return 0


def _refresh(args: argparse.Namespace) -> int:
    from agent.fleet.repository.repository import Repository

    now = Repository(args.folder, _keys(args.key)).refresh()
    print(f"{args.folder}: believed until {_ends(now)['timestamp']:%Y-%m-%d %H:%M} UTC")
    _warn(now)
    return 0


def _list(args: argparse.Namespace) -> int:
    from agent.fleet.repository.folder import Folder
    from agent.fleet.repository.offers import offers_of

    now = Folder(args.folder).read()
    offers, ends = offers_of(now.targets.signed), _ends(now)
    if getattr(args, "json", False):
        until = {role: f"{end:%Y-%m-%dT%H:%M:%SZ}" for role, end in ends.items()}
        each = [offer.model_dump() | {"path": offer.custom.path} for offer in offers]
        print(json.dumps({"root": now.root.signed.version, "until": until, "offers": each}))
        return 0
    rows = [(o.custom.name, o.custom.version, o.custom.digest[:12], o.length) for o in offers]
    print(table(("NAME", "VERSION", "DIGEST", "BYTES"), rows))
    print(f"root {now.root.signed.version} until {ends['root']:%Y-%m-%d}", end=", ")
    print(f"offers until {ends['targets']:%Y-%m-%d}, refreshed until {ends['timestamp']:%Y-%m-%d}")
    _warn(now)
    return 0


def _keys(paths: Iterable[Path]) -> list[RepositoryKey]:
    from agent.fleet.repository.keys import RepositoryKey

    return [RepositoryKey.read(path) for path in paths]


def _role_keys(args: argparse.Namespace) -> tuple[list[RepositoryKey], ...]:
    return _keys(args.root_key), _keys(args.release_key), _keys(args.online_key)


def _say(what: str, offers: Sequence[Offer]) -> None:
    for offer in offers:
        custom = offer.custom
        print(f"{custom.name} version {custom.version} is {what}, digest {custom.digest}")


def _ends(now: Published) -> dict[str, datetime]:
    parts = (now.root, now.targets, now.snapshot, now.timestamp)
    return {part.signed.type: part.signed.expires for part in parts}


def _warn(now: Published) -> None:
    """Say on standard error what ends soon, and how it is renewed."""
    how = {
        "root": "sfumato ctl repo rotate FOLDER --key, once for each root key",
        "targets": "sfumato ctl repo refresh FOLDER --key RELEASE --key ONLINE",
        "timestamp": "sfumato ctl repo refresh FOLDER --key ONLINE",
    }
    today = datetime.now(timezone.utc)
    for role, end in _ends(now).items():
        soon = end - today < (_WARN if role != "timestamp" else timedelta(days=3))
        if role in how and soon:
            print(
                f"sfumato: warning: {role} ends on {end:%Y-%m-%d}: then devices install nothing; "
                f"renew with {how[role]}",
                file=sys.stderr,
            )
