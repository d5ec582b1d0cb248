"""Tracker: a service of a person's choice that hears of a run's figures; nobody does unasked.

We tell figures only: no pictures, no weights, no names of files. That is why what Ultralytics has for
such services stays off, which sends all of these. What W&B would gather by itself is switched off as
far as it lets one; MLflow notes the user and the program, on this machine unless it is told of a
server.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal, get_args

from distill.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Service = Literal["wandb", "mlflow", "tensorboard"]
SERVICES = get_args(Service)
_PROJECT = "sfumato"
_QUIET = {
    "WANDB_CONSOLE": "off",  # else it sends what is printed
    "WANDB_DISABLE_CODE": "true",
    "WANDB_DISABLE_GIT": "true",
    "WANDB__DISABLE_META": "true",  # program, arguments, user, host
    "WANDB__DISABLE_STATS": "true",
    "WANDB__DISABLE_MACHINE_INFO": "true",
    "WANDB__SAVE_REQUIREMENTS": "false",
    "WANDB_ERROR_REPORTING": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
}
"""What the services are told of themselves unless a person's environment says otherwise."""
EVERY_STEPS = 20
"""Steps between those whose losses are told; every evaluation is. Chosen, not measured."""


def check_tracker(service: Service | None) -> None:
    """See that a service's package is there.

    Raises:
        UsageError: it is not installed.
    """
    if service and find_spec(service) is None:
        raise UsageError(f"--logger {service} needs its package; pip install {service}")


class Tracker:
    """Tells a service, until that fails: then it says so once, and the run goes on.

    Args:
        service: wandb or mlflow, through accelerate's trackers; what has to be known of the service,
            such as where it is and who asks, is in the environment, as its own documentation says.
        folder: the run's; what the service keeps on this machine is in it.
        settings: of the run, to tell; numbers and short words.
    """

    def __init__(self, service: Service, folder: Path, settings: Mapping[str, Any]) -> None:
        self._service, self._tracker = service, None
        try:
            self._tracker = _begun(service, folder)
            self._tracker.store_init_configuration(dict(settings))
        except Exception as error:  # noqa: BLE001 whatever a service of others may raise
            self._give_up(error)

    def log(self, values: Mapping[str, float], step: int) -> None:
        """Figures of a step."""
        if self._tracker is None:
            return
        try:
            self._tracker.log({_plain(name): value for name, value in values.items()}, step=step)
        except Exception as error:  # noqa: BLE001 likewise
            self._give_up(error)

    def close(self) -> None:
        """It was the last."""
        if self._tracker is None:
            return
        try:
            self._tracker.finish()
        except Exception as error:  # noqa: BLE001 likewise
            self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        self._tracker = None
        said = " ".join(str(error).split())[:200] or type(error).__name__
        print(  # noqa: T201 for the person who watches
            f"warning: {self._service} hears nothing from here on ({said}); the run goes on",
            file=sys.stderr,
        )


def _plain(name: str) -> str:
    """A figure's name without what MLflow does not allow in one, such as in `mAP50(B)`."""
    return re.sub(r"[^\w./ -]", "", name)


def _begun(service: Service, folder: Path) -> Any:
    """One of accelerate's trackers, begun."""
    from accelerate import PartialState  # noqa: PLC0415 takes seconds, and mostly nobody asks
    from accelerate.tracking import MLflowTracker, WandBTracker  # noqa: PLC0415

    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        PartialState(cpu=True)  # which its trackers ask who is first; else it would choose a GPU
    for variable, value in _QUIET.items():
        os.environ.setdefault(variable, value)
    if service == "wandb":
        place = hashlib.sha256(str(folder.absolute()).encode()).hexdigest()[:12]
        tracker: Any = WandBTracker(
            _PROJECT,
            name=folder.name,
            dir=str(folder),
            id=f"{folder.name}-{place}",  # a run that is gone on with is one there, too
            resume="allow",
        )
    else:
        database = (folder / "mlflow.db").absolute()
        os.environ.setdefault("MLFLOW_TRACKING_URI", f"sqlite:///{database}")
        artifacts = (folder / "mlflow").absolute()
        tracker = MLflowTracker(_PROJECT, logging_dir=artifacts.as_uri(), run_name=folder.name)
    tracker.start()
    return tracker
