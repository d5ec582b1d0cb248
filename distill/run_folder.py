"""Run folder: the lock, settings and inputs of one run, and whether a command may go on with it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import yaml

from distill.errors import UsageError
from distill.files import reading, writing
from distill.lock import Lock
from distill.settings.document import first_change, read_document
from models.whole_file import whole_file

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from distill.settings.document import Strict

_FREE = ("run", "workers", "logger")
"""Settings that don't change what comes out."""


class RunFolder:
    """A folder that one run fills, however often it is stopped and gone on with.

    Attributes:
        path: the folder.
        config: settings in full, all paths absolute.
        inputs: SHA-256 of the files that the run is made from, by path, where there are any.

    Args:
        path: the folder; it need not be there yet.
        progress: patterns of the files in it that hold what was learned. Once there is one,
            settings and inputs have to stay; before, the run may begin anew with others.
    """

    def __init__(self, path: Path, progress: Sequence[str] = ()) -> None:
        self.path = path
        self.config = path / "config.yaml"
        self.inputs = path / "inputs.json"
        self._progress = progress
        self._lock: Lock | None = None

    def check(self, settings: Strict, inputs: Mapping[str, str] | None = None) -> None:
        """See that the folder is new, of a run with these settings, or of one with no progress.

        Args:
            settings: of the run.
            inputs: SHA-256 of files that it is made from, by path.

        Raises:
            UsageError: it is not; the message names the first setting or file that differs.
            InputError: what it was begun with can't be read.
        """
        if not self.config.exists():
            if self.path.exists() and (not self.path.is_dir() or self._has_content()):
                raise UsageError(
                    f"{self.path} is there and is no run of ours; give another --out, or empty it"
                )
            return
        if not any(any(self.path.glob(pattern)) for pattern in self._progress):
            return  # a dry run, or one that has nothing to lose yet
        changed = first_change(read_document(self.config, type(settings)), settings, free=_FREE)
        if inputs and not changed:
            before = self._inputs_before()
            changed = next(
                (f"another {path}" for path in inputs if inputs[path] != before.get(path)), None
            )
        if changed:
            raise UsageError(
                f"{self.path} was begun with {changed}; give another --out, or delete the folder "
                "to begin anew"
            )

    def _inputs_before(self) -> dict[str, str]:
        with reading(self.inputs):
            data = self.inputs.read_bytes()
        try:
            return dict(json.loads(data))
        except ValueError as error:
            raise UsageError(
                f"{self.inputs} is damaged, so nobody can tell what the run was begun with; "
                "give another --out"
            ) from error

    def hold(self) -> None:
        """Make the folder, and keep other processes from it as long as this object lives.

        Raises:
            UsageError: another process is at work in it.
            OutputError: it can't be written to.
        """
        with writing(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock = self._lock or Lock(self.path)

    def begin(self, settings: Strict, inputs: Mapping[str, str] | None = None) -> None:
        """Hold the folder, check it, and keep settings and inputs in it.

        Args:
            settings: of the run.
            inputs: SHA-256 of files that it is made from, by path.

        Raises:
            UsageError: another process is at work in it, or it is of another run.
            OutputError: it can't be written to.
        """
        self.hold()
        self.check(settings, inputs)
        content = yaml.safe_dump(settings.model_dump(mode="json"), sort_keys=False)
        texts = {self.config: content}
        if inputs:
            texts[self.inputs] = json.dumps(inputs, indent=1)
        for path, text in texts.items():
            with writing(path), whole_file(path) as file:
                file.write(text.encode())

    def close(self) -> None:
        """Let others work in the folder."""
        if self._lock:
            self._lock.close()
            self._lock = None

    def _has_content(self) -> bool:
        """Whether anything is in it but what a kill leaves of a beginning, which is hidden."""
        return any(not path.name.startswith(".") for path in self.path.iterdir())
