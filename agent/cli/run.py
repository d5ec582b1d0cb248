"""`sfumato run`: redact cameras, as a service."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from agent.cli.process import begin_anew, reloading, stopping

if TYPE_CHECKING:
    from agent.service.agent import Agent

_EPILOG = """\
  sfumato config example > agent.yaml       # then say where your model and your cameras are
  sfumato config check agent.yaml
  sfumato run --config agent.yaml

Every stream is looked after on its own: a camera that is away is tried again for ever, and holds up
no other. What can't be redacted with confidence is covered whole. SIGHUP (systemctl reload) reads
the configuration again and touches only what changed; a bad file changes nothing. Ctrl-C or SIGTERM
ends it with the last recordings whole. Where the configuration names a broker, the device tells it
how it is, and takes commands from it: sfumato ctl --help.

exit codes: 0 asked to stop, 2 the configuration is invalid, 3 the token, the certificate or the key
of the page can't be used, 4 metrics or the page can't be served there, 5 no model that may run,
1 a fault
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `run`."""
    parser = subparsers.add_parser(
        "run",
        help="redact cameras, as a service",
        description="Redact the streams of a configuration until it is told to stop.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--config", type=Path, required=True, metavar="AGENT.yaml")
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    from agent.config.secrets import Secrets
    from agent.service.agent import Agent
    from agent.service.logs import start_logging
    from agent.service.notify import Notifier
    from agent.service.recent_logs import RecentLogs

    secrets = Secrets.of_process()
    recent = RecentLogs(secrets.hide)
    start_logging(secrets.hide, recent=recent)
    return serve(Agent(args.config, secrets, Notifier(os.environ), recent))


def serve(agent: Agent) -> int:
    """Run an agent as this process; the exit code, unless it is to begin anew."""
    put = agent.errands.put  # which a signal handler may call at any time

    def stop() -> bool:
        put("stop")
        return True

    with stopping(stop), reloading(lambda: put("reload")):
        code = agent.run()
        return begin_anew(agent.errands.close) if agent.begins_anew else code
