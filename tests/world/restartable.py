"""`sfumato run` that begins anew on SIGUSR1, as it does when it is told to over MQTT.

python restartable.py run --config AGENT.yaml
"""

import os
import signal
import sys
from pathlib import Path

from agent.cli.process import run
from agent.cli.run import serve
from agent.config.secrets import Secrets
from agent.service.agent import Agent
from agent.service.logs import start_logging
from agent.service.notify import Notifier


def command() -> int:
    secrets = Secrets.of_process()
    start_logging(secrets.hide)
    state = os.environ.get("STATE_DIRECTORY", "")
    agent = Agent(Path(sys.argv[-1]), secrets, Notifier(os.environ), Path(state) if state else None)
    signal.signal(signal.SIGUSR1, lambda *_: agent.errands.put("restart"))
    return serve(agent)


if __name__ == "__main__":
    sys.exit(run(command))
