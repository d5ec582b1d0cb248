"""Contest: a bundle's files on the runtimes of this machine, the fastest kind of runtime first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.errors import ModelError
from models.runtime.backend import ORDER
from models.runtime.candidate import MOST_LETTERS, Candidacy
from models.runtime.fastest_file import FastestFile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.bundle import Bundle
    from models.runtime.backend import Backend
    from models.runtime.candidate import Choice
    from models.runtime.network import Network


class Contest:
    """The first runtime that has a file which passes runs it; among its files a trial decides.

    Args:
        backends: the preferred one first.
        threads: of a run.
    """

    def __init__(self, bundle: Bundle, backends: Sequence[Backend], threads: int) -> None:
        self._bundle, self._backends, self._threads = bundle, backends, threads
        self._said: list[Candidacy] = []

    @property
    def choice(self) -> Choice:
        """What became of each file; nothing is said of runtimes that nobody had to ask."""
        files = self._bundle.manifest.files
        seen = {each.role for each in self._said}
        elsewhere = [
            Candidacy(role, "elsewhere", f"made for {', '.join(files[role].runtimes)}", None)
            for role in ORDER
            if role in files and role not in seen and files[role].runtimes
        ]
        return (*elsewhere, *self._said)

    @property
    def is_worth_keeping(self) -> bool:
        """Not where a file can't be loaded: it may lack nothing but memory, so it is tried again."""
        return all(each.outcome != "broken" for each in self._said)

    def run(self) -> Network:
        """The network that is to run; all others are closed.

        Raises:
            BundleError: golden frames that can't be read.
            ModelError: there is none.
        """
        for backend in self._backends:
            if (reason := backend.why_not()) is not None:
                said = reason[:MOST_LETTERS]
                self._said.append(Candidacy(None, "absent", said, backend.name))
                continue
            fastest = FastestFile(self._bundle, backend, self._threads)
            network = fastest.run()
            self._said += fastest.choice
            if network is not None:
                return network
        raise self._nothing()

    def _nothing(self) -> ModelError:
        """Why there is nothing to run."""
        name = self._bundle.manifest.name
        lines = [each for each in self.choice if each.outcome != "absent"]
        unlike = [each for each in lines if (each.role, each.outcome) == ("fp32", "refused")]
        said = "; ".join(each.line for each in unlike or lines)
        if any(each.outcome == "refused" for each in lines):
            return ModelError(
                f"bundle {name} fails its own test on this machine ({said}); "
                "run `sfumato model verify`, or another bundle"
            )
        if all(each.outcome == "elsewhere" for each in lines):
            return ModelError(
                f"bundle {name} holds nothing that this machine can run ({said}); "
                "use one that was packed for it"
            )
        return ModelError(f"bundle {name} holds nothing that can be run ({said})")
