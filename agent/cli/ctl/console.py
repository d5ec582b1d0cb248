"""`sfumato ctl console`: see and steer a fleet in a browser, on this machine."""

from __future__ import annotations

import importlib.util
import json
import webbrowser
from typing import TYPE_CHECKING, Any

from agent.cli.arguments import add_command
from agent.cli.ctl.connection import add_connection_arguments, connection_of
from agent.errors import UsageError
from models.temporary_folder import temporary_folder

if TYPE_CHECKING:
    import argparse

_PORT = 8765
_EPILOG = """\
  pip install 'sfumato[operator]'
  sfumato ctl console

It prints an address that is new at each start, and lets in whoever has it, with your certificate and
your signing key: all devices, their drift, roll-outs as they go, what a device tells as it tells it,
redacted snapshots, streams to pause and resume, and the configuration. It is served to this machine
alone and asks nothing of any other but the broker. From another machine, take the same port:

  ssh -L 8765:127.0.0.1:8765 office sfumato ctl console

It stays connected, so it needs a certificate with a name of its own where a broker gives one name one
connection: `sfumato ctl provision person console`, and in the broker's acl a section for it; to see
roll-outs, a copy of the release's.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `console`."""
    parser = add_command(subparsers, "console", "see and steer a fleet in a browser", _EPILOG)
    parser.add_argument(
        "--port", type=int, default=_PORT, help="of 127.0.0.1; 0: a free one (default: %(default)s)"
    )
    parser.add_argument("--open", action="store_true", help="open it in your browser")
    add_connection_arguments(parser)
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    if importlib.util.find_spec("nicegui") is None:
        raise UsageError("the console needs NiceGUI; install it: pip install 'sfumato[operator]'")
    if not 0 <= args.port <= 65535:
        raise UsageError(f"--port {args.port}: should be 0 to 65535")
    from agent.fleet.console.serve import serve
    from agent.fleet.desk import Desk, filters
    from agent.fleet.live import LiveFleet

    connection = connection_of(args)
    with (
        LiveFleet(connection.client, connection.root, filters(connection.root)) as fleet,
        temporary_folder("console") as private,
    ):

        def ready(address: str) -> None:
            print(json.dumps({"address": address}) if connection.as_json else address, flush=True)
            if args.open:  # by a file: everybody here may read what a browser is started with
                page = private / "console.html"
                page.write_text(f'<meta http-equiv="refresh" content="0; url={address}">')
                webbrowser.open(page.as_uri())

        serve(Desk(fleet, connection.root, connection.key, _schema()), args.port, ready)
    return 0


def _schema() -> dict[str, Any]:
    """Of what can be set from afar, out of that of a whole configuration."""
    from agent.config.schema import schema
    from agent.fleet.drift import SECTIONS

    whole = _without_formats(schema())
    sections = {name: whole["properties"][name] for name in SECTIONS}
    rest = {"additionalProperties": False, "$defs": whole["$defs"]}
    return {"type": "object", "properties": sections, **rest}


def _without_formats(part: Any) -> Any:
    """Without pydantic's `path` and the like, for which the editor gives up."""
    if isinstance(part, dict):
        return {
            key: _without_formats(value)
            for key, value in part.items()
            if key != "format" or not isinstance(value, str)
        }
    return [*map(_without_formats, part)] if isinstance(part, list) else part
