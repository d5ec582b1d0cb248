"""`sfumato ctl export`: a fleet's metrics, for Prometheus."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from agent.cli.arguments import add_command
from agent.cli.ctl.connection import add_connection_arguments, connection_of
from agent.cli.printable import printable

if TYPE_CHECKING:
    import argparse

LISTEN = "127.0.0.1:9465"
_EPILOG = """\
  sfumato ctl export

and in prometheus.yml:

  scrape_configs:
    - job_name: sfumato-fleet
      static_configs: [{targets: ["127.0.0.1:9465"]}]

It tells what devices tell over MQTT, so it sees those that no Prometheus can reach; numbers of streams
are a minute old at most. configs/prometheus/fleet-rules.yml and configs/grafana/sfumato-fleet.json
use it. It runs until it is stopped, and needs a certificate with a name of its own where a broker
gives one name one connection: `sfumato ctl provision person export`.
"""
_TURN_S = 1.0


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `export`."""
    parser = add_command(subparsers, "export", "tell Prometheus how a fleet is", _EPILOG)
    parser.add_argument(
        "--listen", default=LISTEN, metavar="IP:PORT", help="(default: %(default)s)"
    )
    add_connection_arguments(parser)
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    from agent.fleet.export.fleet_collector import FleetCollector
    from agent.fleet.live import LiveFleet
    from agent.telemetry.server import MetricsServer

    connection = connection_of(args)
    with LiveFleet(connection.client, connection.root) as fleet:
        server = MetricsServer(args.listen, FleetCollector(fleet.now), "--listen")
        print(f"sfumato: http://{args.listen}/metrics", file=sys.stderr)
        try:
            said = ""
            while True:
                if (away := fleet.now().away) != said:
                    said = away
                    print(f"sfumato: {printable(away or 'connected again')}", file=sys.stderr)
                time.sleep(_TURN_S)
        finally:
            server.close()
