"""Choose: which network of a bundle runs on this machine, on what, and why.

Each file that the manifest has for a runtime of this machine is a candidate. It has to load, to see
in the golden frames what it should, and to be faster than FP32 in a short trial. Speed differs more
than anyone could know from afar: YOLOv8n-seg at 320 px, one thread of an x86 server, FP32 = 1: a
uint8 file made for ONNX Runtime 1.5, an int8 file made for TensorRT 0.58, a dynamically quantised
one 0.13, and none of them is faster on a processor without VNNI.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.compatibility import own_version
from models.errors import ModelError
from models.runtime.candidate import ONNXRUNTIME, Candidacy
from models.runtime.choice_cache import key_of
from models.runtime.cpu import cpu_identity
from models.runtime.files import candidates, decides, load_network, unlike_expected
from models.runtime.onnxruntime import runtime_version

if TYPE_CHECKING:
    from models.bundle import Bundle
    from models.manifest import Manifest, Role
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
    runtime: str
    reason: str
    candidates: Choice = ()


def choose_network(
    bundle: Bundle,
    *,
    threads: int = 1,
    precision: Role | None = None,
    cache: ChoiceCache | None = None,
    prove: bool = False,
) -> Chosen:
    """Load what suits this machine best of a bundle's networks.

    Args:
        bundle: verified.
        threads: threads that share the work of one run.
        precision: this file and no other, untried; None for what suits best.
        cache: what was chosen before; None: nobody remembers.
        prove: have the golden frames looked at now, even by what was chosen before.

    Raises:
        BundleError: the bundle has no network of this precision, or golden frames that can't be
            read.
        ModelError: no network can be loaded and sees what it should, or fp32 sees otherwise.
    """
    manifest = bundle.manifest
    if precision is not None:
        asked = load_network(bundle, precision, threads)
        said = Candidacy(precision, "chosen", "was asked for")
        return _chosen(manifest, asked, (said,), f"{precision} was asked for")
    key = ""
    if cache is not None and decides(manifest):
        version = own_version() or ""
        key = key_of(bundle.digest, threads, runtime_version(), cpu_identity(), version)
    known = cache.get(key) if cache is not None and key else None
    network = known and _again(bundle, known, threads, prove=prove)
    if known and network:
        return _chosen(manifest, network, known, _reason(known))
    from models.runtime.contest import Contest  # noqa: PLC0415 not where the choice is known

    contest = Contest(bundle, threads)
    network = contest.run()
    if cache is not None and key and contest.is_worth_keeping:
        cache.put(key, contest.choice)
    return _chosen(manifest, network, contest.choice, _reason(contest.choice))


def _chosen(manifest: Manifest, network: Network, choice: Choice, reason: str) -> Chosen:
    role = network.precision
    return Chosen(network, role, manifest.files[role].sha256, ONNXRUNTIME, reason, choice)


def _again(bundle: Bundle, known: Choice, threads: int, *, prove: bool) -> Network | None:
    """The network that was chosen before, unless it can't be run, or fails its test by now."""
    role = next(each.role for each in known if each.outcome == "chosen")
    if role not in candidates(bundle.manifest):
        return None
    try:
        network = load_network(bundle, role, threads)
        if prove and unlike_expected(bundle, network) is not None:
            network.close()
            return None
    except ModelError:
        return None
    return network


def _reason(choice: Choice) -> str:
    """Why the one that was chosen was, in a sentence."""
    best = next(each for each in choice if each.outcome == "chosen")
    good = [each.role for each in choice if each.outcome in {"chosen", "passed"}]
    if len(choice) == 1:
        return f"the bundle holds {best.role} only"
    if len(good) == 1:
        return f"of {', '.join(each.role for each in choice)} this machine can use {best.role} only"
    return f"of {', '.join(good)} this machine runs {best.role} best"
