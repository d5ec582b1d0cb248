"""`sfumato model stage|activate|commit|rollback|list`: the models of a device, by hand."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from agent.cli.arguments import add_command
from agent.errors import AbortedError, InputError, OutputError, UnansweredError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from agent.update.store import Store

_CONFIG = Path("/etc/sfumato/agent.yaml")

_EPILOG = """\
  sudo sfumato model stage person-v4.sfm         # checks its signature, and prints its digest
  sudo sfumato model activate DIGEST             # the agent tries it, switches to it, watches it
  sudo sfumato model list
  sudo sfumato model rollback                    # to what ran before

They do by hand what the agent does when it is told over MQTT to run another model. A running agent
sees within a second what they ask for, and one that does not run goes on with it at its next start.
No stream has a gap: the new model is tried by its own golden frames in a process of its own, takes
over between two frames, and gives its place back if in its first ten minutes (update.probation_s)
it does worse than the one before. Each may be given twice.

exit codes: 0 done, 2 the configuration is invalid, 3 the file or the record can't be read, 4 the
store can't be written to, 5 the bundle is damaged or no trusted key has signed it, 7 it can't be
done or did not go well, 8 --wait was not long enough
"""


def add_store(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register what concerns the models of a device."""
    stage = add_command(commands, "stage", "put a bundle into this device's store", _EPILOG)
    stage.add_argument("bundle", type=Path, metavar="X.sfm")
    stage.set_defaults(run=_stage)

    activate = add_command(commands, "activate", "have the agent switch to a bundle", _EPILOG)
    activate.add_argument("digest", metavar="DIGEST", help="as stage and list print it; or as much")
    activate.add_argument(
        "--wait", type=float, metavar="S", help="seconds, in which it has to have proved itself"
    )
    activate.set_defaults(run=_activate)

    commit = add_command(commands, "commit", "keep what is on probation", _EPILOG)
    commit.set_defaults(run=_commit)

    rollback = add_command(commands, "rollback", "go back to what ran before", _EPILOG)
    rollback.add_argument(
        "digest",
        nargs="?",
        default="",
        metavar="DIGEST",
        help="only from this one; if it does not run, nothing is done",
    )
    rollback.set_defaults(run=_rollback)

    shown = add_command(commands, "list", "the bundles of this device, and their change", _EPILOG)
    shown.add_argument("--json", action="store_true", help="all that is known, for programs")
    shown.set_defaults(run=_list)

    for command in (stage, activate, commit, rollback, shown):
        command.add_argument(
            "--config",
            type=Path,
            default=_CONFIG,
            metavar="AGENT.yaml",
            help="of the agent (default: %(default)s)",
        )


def _stage(args: argparse.Namespace) -> int:
    from agent.config.loading import load
    from agent.update.record import Held
    from agent.update.verbs import stage
    from models.bundle import Bundle
    from models.signing import load_public

    model = load(args.config, None).config.model
    trusted = [load_public(path) for path in model.trust]
    bundle = Bundle.open(args.bundle, trusted, allow_unsigned=model.allow_unsigned)
    manifest = bundle.manifest
    held = Held(digest=bundle.digest, name=manifest.name, version=manifest.version)
    try:
        source = args.bundle.open("rb")  # by whoever may, before it is written by whoever owns
    except OSError as error:
        raise InputError(f"{args.bundle}: can't be read ({error.strerror})") from error
    with source, _store(args) as store:
        stage(store, source, held)
    print(held.digest)
    return 0


def _activate(args: argparse.Namespace) -> int:
    from agent.update.verbs import activate, wait_for

    with _store(args) as store:
        held = activate(store, args.digest)
        print(f"{held.name} version {held.version} is to run; see `sfumato model list`")
        if args.wait is not None and not wait_for(store, held, args.wait):
            raise UnansweredError(f"it has not proved itself in {args.wait:g} s; is the agent up?")
    return 0


def _commit(args: argparse.Namespace) -> int:
    from agent.update.verbs import commit

    with _store(args) as store:
        held = commit(store)
    print(f"{held.name} version {held.version} stays")
    return 0


def _rollback(args: argparse.Namespace) -> int:
    from agent.update.verbs import rollback

    with _store(args) as store:
        held = rollback(store, args.digest)
    runs = f"{held.name} version {held.version}" if held else "what the configuration names"
    print(f"{runs} runs from now on")
    return 0


def _list(args: argparse.Namespace) -> int:
    from agent.update.verbs import listed

    with _store(args) as store:
        record = store.read()
    change = record.change
    if args.json:
        said = record.model_dump(mode="json", include={"change", "floor", "refused"})
        print(json.dumps({"models": [asdict(row) for row in listed(record)], **said}, indent=2))
        return 0
    for row in listed(record):
        name, version = row.name or "model.bundle", "-" if row.version is None else row.version
        print(row.role, name, version, row.digest or "-", sep="\t")
    if change is not None:
        print(change.state, change.held.name, change.held.version, change.reason or "-", sep="\t")
    return 0


@contextmanager
def _store(args: argparse.Namespace) -> Iterator[Store]:
    """The store, as whom it belongs to."""
    from agent.cli.owner import as_owner_of
    from agent.config.state_folder import state_folder
    from agent.update.record_file import DamagedRecordError
    from agent.update.store import Store
    from agent.update.verbs import RefusedVerbError

    state = state_folder(args.config)
    try:
        with as_owner_of(state):
            yield Store(state)
    except RefusedVerbError as error:
        raise AbortedError(str(error)) from error
    except DamagedRecordError as error:
        raise InputError(str(error)) from error
    except OSError as error:
        where = error.filename or state
        raise OutputError(f"{where}: can't be written ({error.strerror})") from error
