"""State folder: where an agent keeps what outlives it, found from its configuration's file."""

from __future__ import annotations

import os
from pathlib import Path

SERVICES_OWN = "/var/lib/sfumato"
"""Of the service, as its unit has it."""

_SERVICES_FILES = Path("/etc/sfumato")


def given_folder() -> Path | None:
    """The one that systemd made for the service, which may be the first of several."""
    first = os.environ.get("STATE_DIRECTORY", "").split(":")[0]
    return Path(first) if first else None


def state_folder(config: Path) -> Path:
    """Where the agent with this configuration keeps its state; it need not exist yet.

    It is what systemd gave; else the service's, for a file in /etc/sfumato; else a folder beside
    the file, `agent.yaml.state`. So who looks from outside finds what the agent finds.
    """
    if (given := given_folder()) is not None:
        return given
    config = Path(os.path.abspath(config))  # noqa: PTH100 links stay links
    if config.parent == _SERVICES_FILES:
        return Path(SERVICES_OWN)
    return config.with_name(f"{config.name}.state")
