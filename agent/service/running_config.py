"""RunningConfig: what an agent runs by, of its own file and of what was sent from afar."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, final

from agent.config.config_digest import digest
from agent.config.difference import difference
from agent.config.remote import RemoteConfig
from agent.control.messages import ConfigReported
from agent.errors import UsageError
from agent.hidden import hidden_classes

if TYPE_CHECKING:
    from pathlib import Path

    from agent.config.difference import Difference
    from agent.config.secrets import Secrets
    from agent.config.tree import AgentConfig
    from agent.control.messages import ConfigDesired, Override
    from models.bundle import Bundle

_log = logging.getLogger(__name__)

_MOST_LETTERS = 500
"""Of what is wrong with a key, by its message."""


@final
class RunningConfig:
    """Loads and checks; what it is told to run by is for the agent to bring about.

    For the agent's main thread; `now` may be read on any.

    Args:
        path: the device's own file.
        state: a folder that outlives the process.

    Attributes:
        now: what is run by; from `begin` on.
    """

    now: AgentConfig

    def __init__(self, path: Path, secrets: Secrets, state: Path) -> None:
        self._secrets = secrets
        self._remote = RemoteConfig(path, secrets, state)
        self._needs_restart: tuple[str, ...] = ()

    @property
    def rev(self) -> int:
        """Of what was sent last; 0: nothing was."""
        return self._remote.rev

    def load(self) -> AgentConfig:
        """Read the file anew, with what was accepted from afar over it.

        Raises:
            UsageError: it is invalid.
        """
        return self._remote.load().config

    def fitting(self, loaded: AgentConfig, bundle: Bundle | None) -> AgentConfig:
        """What was loaded, if it fits the model; else the device's own file alone.

        Raises:
            UsageError: that doesn't fit, either.
        """
        try:
            self._check(loaded, bundle)
        except UsageError as error:
            own = self._remote.refuse({"streams": str(error)}).config
            if own == loaded:
                raise
            _log.error("what was configured from afar doesn't fit any more: %s", error)
            self._check(own, bundle)
            return own
        return loaded

    def offered(self, desired: ConfigDesired, bundle: Bundle | None) -> AgentConfig | None:
        """What was sent, over the file; None: it is known already.

        Raises:
            UsageError: it can't be; that is reported, and it is not tried again.
        """
        offered = self._remote.offer(desired)
        if offered is None:
            return None
        try:
            self._check(offered.config, bundle)
        except UsageError as error:
            self.refuse(error)
            raise
        return offered.config

    def refuse(self, error: Exception) -> None:
        """What was offered can't be brought about."""
        self._remote.refuse({"streams": self._secrets.hide(str(error))})

    def difference(self, wanted: AgentConfig) -> Difference:
        """What changes if it is run by another one."""
        return difference(self.now, wanted)

    def begin(self, config: AgentConfig) -> None:
        """Run by this one from the start."""
        self.now, self._digest = config, digest(config)
        self.accept()

    def become(self, wanted: AgentConfig, change: Difference) -> None:
        """Run by another one, but for what changes at the next start only."""
        before, update = self.now, wanted.update
        if update is not None and before.update is not None:
            origin = {"repository": before.update.repository, "root": before.update.root}
            update = update.model_copy(update=origin)
        else:
            update = before.update
        kept = {
            "device": before.device,
            "model": before.model,
            "limits": before.limits,
            "live": before.live,
            "update": update,
            "control": wanted.control.model_copy(update={"operators": before.control.operators}),
            "record": wanted.record.model_copy(update={"dir": before.record.dir}),
        }
        self.now = wanted.model_copy(update=kept)
        self._digest, self._needs_restart = digest(self.now), change.needs_restart

    def accept(self) -> None:
        """It is brought about, and is to outlive the process."""
        self._remote.accept()

    def reported(self, overrides: tuple[Override, ...]) -> ConfigReported:
        """What is said of it over MQTT."""
        hide = self._secrets.hide  # who sent it may have set a password in the wrong place
        return ConfigReported(
            rev=self._remote.rev,
            applied=self._remote.applied,
            digest=self._digest,
            errors={key: hide(said)[:_MOST_LETTERS] for key, said in self._remote.errors.items()},
            overrides=overrides,
            needs_restart=self._needs_restart,
        )

    def _check(self, config: AgentConfig, bundle: Bundle | None) -> None:
        """Refuse what fits the file's rules, and not the model or what there is of secrets.

        Args:
            bundle: None: there is no model, and all is covered whatever is to be hidden.

        Raises:
            UsageError: the bundle doesn't know a class that is to be hidden, or a secret is gone.
        """
        for stream in config.streams.values():
            if bundle is not None:
                hidden_classes(bundle, stream.hide)
            self._secrets.fill(stream.source.url)
