"""`sfumato config`: check, show, begin and take back the configuration of a device."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from agent.cli.arguments import add_command
from agent.errors import AgentError, UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from agent.config.live import LiveConfig
    from agent.config.loading import Loaded
    from models.bundle import Bundle

_EPILOG = """\
One YAML file tells a device everything. Four lines will do:

  model: person.sfm
  trust: office.pub
  streams:
    door: rtsp://10.0.0.5/stream1

  sfumato config example > agent.yaml
  sfumato config check agent.yaml
  sfumato config show agent.yaml --origin   # with what was sent from afar over it

Passwords stand elsewhere: ${credential:NAME} is a credential that systemd hands to the service
(LoadCredential=NAME:FILE), ${env:NAME} a variable of its environment. To check a file by hand:

  CREDENTIALS_DIRECTORY=/etc/sfumato/credentials sfumato config check agent.yaml
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `config` and what stands below it; each sets `run(args) -> exit code`."""
    config = add_command(subparsers, "config", "check and show a device's configuration", _EPILOG)
    commands = config.add_subparsers(metavar="COMMAND", required=True)

    check = add_command(commands, "check", "say whether a device could run with a configuration")
    check.add_argument("file", type=Path, metavar="FILE")
    check.set_defaults(run=_check)

    show = add_command(commands, "show", "print a configuration in full, without its secrets")
    show.add_argument("file", type=Path, metavar="FILE")
    show.add_argument("--origin", action="store_true", help="and where each value came from")
    show.set_defaults(run=_show)

    reset = add_command(
        commands, "reset-remote", "drop what was sent from afar, so that the file alone counts"
    )
    reset.add_argument("file", type=Path, metavar="FILE")
    reset.set_defaults(run=_reset_remote)

    example = add_command(commands, "example", "print a configuration to begin with")
    example.add_argument("--full", action="store_true", help="every setting with its default")
    example.set_defaults(run=_example)

    schema = add_command(commands, "schema", "print the JSON Schema of the file, for editors")
    schema.set_defaults(run=_schema)


def _check(args: argparse.Namespace) -> int:
    from agent.config.loading import line_of, load
    from agent.config.mqtt_files import unusable
    from agent.config.secrets import Secrets
    from agent.service.admitted import verified

    secrets = Secrets.of_process()
    loaded = load(args.file, secrets)
    model, streams = loaded.config.model, loaded.config.streams
    bundle = None if model.bundle is None else verified(model)
    wrong = [] if bundle is None else [*_unknown_classes(args.file, loaded, bundle)]
    for key, said in unusable(loaded.config, secrets):
        wrong.append(f"{line_of(args.file, loaded, key)}: {said}")
    if loaded.config.live is not None:
        for key, said in _unusable_page(loaded.config.live):
            wrong.append(f"{line_of(args.file, loaded, key)}: {said}")
    if wrong:
        raise UsageError("\n".join(wrong))
    said = f"{len(streams)} streams" if len(streams) > 1 else "1 stream"
    if bundle is None:
        print(f"{args.file} is right: {said}, and a model that comes over the air")
        return 0
    manifest = bundle.manifest
    print(f"{args.file} is right: {said}, model {manifest.name} v{manifest.version}")
    if manifest.has_expired():  # no reason to refuse a reload: one that ran here runs on
        print(
            f"sfumato: warning: the bundle expired on {manifest.expires:%Y-%m-%d}", file=sys.stderr
        )
    return 0


def _unusable_page(live: LiveConfig) -> Iterator[tuple[str, str]]:
    """The key of a file that the page can't be served with, and why."""
    from agent.service.live_display import live_server

    alone = live.model_copy(update={"tls_cert": None, "tls_key": None})
    for key, config in (("live.token_file", alone), ("live.tls_cert", live)):
        try:
            live_server(config, dict)
        except AgentError as error:
            yield key, str(error)
            return


def _unknown_classes(path: Path, loaded: Loaded, bundle: Bundle) -> Iterator[str]:
    """A line for each stream that is to hide what the bundle can't find."""
    from agent.config.loading import line_of
    from agent.hidden import hidden_classes

    for name, stream in loaded.config.streams.items():
        try:
            hidden_classes(bundle, stream.hide)
        except UsageError as error:
            yield f"{line_of(path, loaded, f'streams.{name}.hide.classes')}: {error}"


def _show(args: argparse.Namespace) -> int:
    from agent.config.listing import listing
    from agent.config.overlay import overridden
    from agent.config.remote import RemoteConfig
    from agent.config.state_folder import state_folder
    from agent.service.override_file import OverrideFile

    state = state_folder(args.file)
    remote = RemoteConfig(args.file, None, state)
    loaded = overridden(remote.load(), OverrideFile(state).load().paused)
    remote.accept()
    for key, said in remote.errors.items():
        print(f"sfumato: warning: sent from afar: {key}: {said}", file=sys.stderr)
    print(listing(loaded.config, loaded.origins if args.origin else None), end="")
    return 0


def _reset_remote(args: argparse.Namespace) -> int:
    from agent.cli.owner import as_owner_of
    from agent.config.remote_file import RemoteFile
    from agent.config.state_folder import state_folder

    state = state_folder(args.file)
    with as_owner_of(state):  # who has to read and replace it
        dropped = RemoteFile(state).reset().accepted
    if dropped is None:
        print("nothing from afar is in force")
        return 0
    print(
        f"rev {dropped.rev} from afar is dropped; {args.file} alone counts, until a newer one comes"
    )
    print("the agent takes it on with its next reload: systemctl reload sfumato-agent")
    return 0


def _example(args: argparse.Namespace) -> int:
    from agent.config.example import TYPICAL, full

    print(full() if args.full else TYPICAL, end="")
    return 0


def _schema(args: argparse.Namespace) -> int:  # noqa: ARG001 every command has the same form
    from agent.config.schema import schema

    print(json.dumps(schema(), indent=2))
    return 0
