"""Choose: which network of a bundle runs on this machine, on what, and why.

Runtimes are asked in turn, and the first that has a file which loads and sees in the golden frames
what it should is taken. Among its files, one has to be faster than FP32 in a short trial to be run
in its place. Speed differs more than anyone could know from afar: YOLOv8n-seg at 320 px, one thread of an x86 server, FP32 = 1: a
uint8 file made for ONNX Runtime 1.5, an int8 file made for TensorRT 0.58, a dynamically quantised
one 0.13, and none of them is faster on a processor without VNNI.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.compatibility import own_version
from models.errors import ModelError
from models.runtime.candidate import Candidacy
from models.runtime.choice_cache import key_of
from models.runtime.cpu import cpu_identity
from models.runtime.files import decides, unlike_expected
from models.runtime.onnxruntime_backend import OnnxRuntimeCpu

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.bundle import Bundle
    from models.manifest import Manifest, Role, RuntimeName
    from models.runtime.backend import Backend
    from models.runtime.candidate import Choice
    from models.runtime.choice_cache import ChoiceCache
    from models.runtime.network import Network


@dataclass(frozen=True, slots=True)
class Chosen:
    """A bundle's network, loaded, and what a report has to say about it.

    Attributes:
        network: it runs until it is closed.
        precision: which of the bundle's files it is.
        sha256: of that file, as in the manifest.
        runtime: what computes it.
        reason: why this file on this runtime, in a sentence.
        candidates: what became of each of the bundle's files; of the one that was asked for, if
            one was.
    """

    network: Network
    precision: Role
    sha256: str
    runtime: RuntimeName
    reason: str
    candidates: Choice = ()


def choose_network(
    bundle: Bundle,
    *,
    threads: int = 1,
    precision: Role | None = None,
    backends: Sequence[Backend] = (OnnxRuntimeCpu(),),
    cache: ChoiceCache | None = None,
    prove: bool = False,
) -> Chosen:
    """Load what suits this machine best of a bundle's networks.

    Args:
        bundle: verified.
        threads: threads that share the work of one run.
        precision: this file and no other, untried, on the last of the runtimes; None for what
            suits best.
        backends: runtimes, the preferred one first.
        cache: what was chosen before; None: nobody remembers.
        prove: have the golden frames looked at now, even by what was chosen before.

    Raises:
        BundleError: the bundle has no network of this precision, or golden frames that can't be
            read.
        ModelError: no network can be loaded and sees what it should, or fp32 sees otherwise.
    """
    if precision is not None:
        backend = backends[-1]
        asked = backend.load(bundle, precision, threads)
        said = Candidacy(precision, "chosen", "was asked for", backend.name)
        return _chosen(bundle.manifest, asked, (said,), f"{precision} was asked for")
    key = "" if cache is None else _key(bundle, threads, backends)
    known = cache.get(key) if cache is not None and key else None
    network = known and _again(bundle, known, backends, threads, prove=prove)
    if known and network:
        return _chosen(bundle.manifest, network, known, _reason(known))
    from models.runtime.contest import Contest  # noqa: PLC0415 not where the choice is known

    contest = Contest(bundle, backends, threads)
    network = contest.run()
    if cache is not None and key and contest.is_worth_keeping:
        cache.put(key, contest.choice)
    return _chosen(bundle.manifest, network, contest.choice, _reason(contest.choice))


def remembered_choice(
    bundle: Bundle, *, threads: int = 1, backends: Sequence[Backend], cache: ChoiceCache
) -> Choice | None:
    """What was chosen before in the same circumstances; nothing is loaded, and nothing tried."""
    key = _key(bundle, threads, backends)
    return cache.get(key) if key else None


def _key(bundle: Bundle, threads: int, backends: Sequence[Backend]) -> str:
    """Names the circumstances; empty where there is nothing to find out."""
    if not decides(bundle.manifest, backends):
        return ""
    here = [f"{each.name} {each.why_not() or each.version()}" for each in backends]
    return key_of(bundle.digest, threads, here, cpu_identity(), own_version() or "")


def _chosen(manifest: Manifest, network: Network, choice: Choice, reason: str) -> Chosen:
    role, (runtime, _) = network.precision, _best(choice)
    return Chosen(network, role, manifest.files[role].sha256, runtime, reason, choice)


def _again(
    bundle: Bundle, known: Choice, backends: Sequence[Backend], threads: int, *, prove: bool
) -> Network | None:
    """The network that was chosen before, unless it can't be run, or fails its test by now."""
    runtime, role = _best(known)
    backend = next((each for each in backends if each.name == runtime), None)
    if backend is None or role not in backend.roles(bundle.manifest):
        return None
    try:
        network = backend.load(bundle, role, threads)
        if prove and unlike_expected(bundle, network) is not None:
            network.close()
            return None
    except ModelError:
        return None
    return network


def _best(choice: Choice) -> tuple[RuntimeName, Role]:
    """Runtime and file that were chosen."""
    return next(
        (each.runtime, each.role)
        for each in choice
        if each.outcome == "chosen" and each.runtime and each.role
    )


def _reason(choice: Choice) -> str:
    """Why the one that was chosen was, in a sentence."""
    runtime, best = _best(choice)
    files = [each for each in choice if each.role]
    good = [each.role for each in files if each.outcome in {"chosen", "passed"}]
    if len({each.role for each in files}) == 1:
        return f"the bundle holds {best} only"
    where = "" if runtime == OnnxRuntimeCpu.name else f" on {runtime}"
    if len(good) == 1:
        roles = dict.fromkeys(str(each.role) for each in files)
        return f"of {', '.join(roles)} this machine can use {best} only{where}"
    return f"of {', '.join(map(str, good))} this machine runs {best} best{where}"
