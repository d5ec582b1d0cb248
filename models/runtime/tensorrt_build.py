"""Build a TensorRT engine from ONNX, for the GPU of this machine and for none but its equals.

It takes minutes and gigabytes, and can't be broken off but at its own steps: in a process of its
own. Never run on hardware: names and arguments are checked against the libraries of three versions,
the order of calls by a simulated one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.errors import ModelError
from models.runtime.tensorrt_progress import Progress, monitor
from models.runtime.tensorrt_versions import log_of, tensorrt
from models.whole_file import whole_file

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from models.runtime.tensorrt_types import ITimingCache, Library
    from models.runtime.tensorrt_versions import Log

_MOST_CACHE_BYTES = 64 << 20
"""Of a timing cache. Chosen, not measured: what people report of them is below one MB."""


def build(
    onnx: bytes,
    sizes: Sequence[Sequence[int]],
    *,
    batch: int,
    workspace_bytes: int,
    progress: Callable[[str, float], None],
    cancelled: Callable[[], bool],
    timing_cache: Path | None = None,
    library: Library = None,
) -> bytes:
    """TensorRT's plan of a network.

    A network whose input has one size is built for that. One that takes several gets an optimisation
    profile for each, tuned for one image a run.

    Args:
        onnx: the network; its precision is what the file says.
        sizes: width, height of its inputs, pixels.
        batch: the most images of a run, where the network leaves that open.
        workspace_bytes: of GPU memory that kernels may be tried with.
        progress: is told the phase, and the share of all that is done, 0 to 1.
        cancelled: asked after each step whether to end without a plan.
        timing_cache: what was measured of kernels is kept in this file, so that the next network
            of the same layers is built in less time. TensorRT itself tells one of another GPU.
        library: `tensorrt`, or what stands for it; None imports it.

    Raises:
        ModelError: it can't be built, or that was cancelled.
    """
    library = library or tensorrt()
    log = log_of(library)
    try:
        plan = _Build(library, log, progress, cancelled).run(
            onnx, sizes, batch, workspace_bytes, timing_cache
        )
    except ModelError:
        raise
    except Exception as error:  # the bindings raise what they like, and say why in the log
        raise ModelError(f"TensorRT failed: {_line(error)}; {log.said()}") from error
    if cancelled():
        raise ModelError("building the engine was cancelled")
    if plan is None:
        raise ModelError(f"TensorRT found no engine: {log.said()}")
    return plan


class _Build:
    """One build. It holds what TensorRT only points to: parser, monitor and timing cache."""

    def __init__(
        self,
        library: Library,
        log: Log,
        progress: Callable[[str, float], None],
        cancelled: Callable[[], bool],
    ) -> None:
        self._library, self._log = library, log
        self._builder = library.Builder(log)
        flag = library.NetworkDefinitionCreationFlag.STRONGLY_TYPED
        self._network = self._builder.create_network(1 << int(flag))
        self._config = self._builder.create_builder_config()
        self._monitor = monitor(library, Progress(progress), cancelled)
        self._config.progress_monitor = self._monitor
        self._parser = library.OnnxParser(self._network, log)
        self._cache: ITimingCache = None

    def run(
        self,
        onnx: bytes,
        sizes: Sequence[Sequence[int]],
        batch: int,
        workspace_bytes: int,
        timing_cache: Path | None,
    ) -> bytes | None:
        """The plan, if there is one."""
        self._parse(onnx)
        self._config.set_memory_pool_limit(self._library.MemoryPoolType.WORKSPACE, workspace_bytes)
        self._add_profiles(sizes, batch)
        self._use_cache(_read(timing_cache))
        plan = self._builder.build_serialized_network(self._network, self._config)
        if plan is None:
            return None
        if timing_cache is not None:
            _write(timing_cache, bytes(self._cache.serialize()))
        return bytes(plan)

    def _parse(self, onnx: bytes) -> None:
        if not self._parser.parse(onnx):
            errors = [self._parser.get_error(i).desc() for i in range(self._parser.num_errors)]
            said = _first_line(errors[0]) if errors else self._log.said()
            raise ModelError(f"TensorRT can't read the network: {said}")

    def _add_profiles(self, sizes: Sequence[Sequence[int]], batch: int) -> None:
        if self._network.num_inputs != 1:
            raise ModelError(f"the network wants {self._network.num_inputs} inputs, not one image")
        tensor = self._network.get_input(0)
        shape = tuple(tensor.shape)
        if len(shape) != 4:
            raise ModelError(f"the network wants {list(shape)}, not one image")
        for width, height in sizes:
            least, most = (
                tuple(
                    own if own >= 0 else given
                    for own, given in zip(shape, (images, 3, height, width), strict=True)
                )
                for images in (1, batch)
            )
            if least != (1, 3, height, width):
                raise ModelError(
                    f"the network wants {list(shape)}, "
                    f"but is described as taking {[1, 3, height, width]}"
                )
            if min(shape) >= 0:  # nothing is left open
                continue
            profile = self._builder.create_optimization_profile()
            profile.set_shape(tensor.name, least, least, most)
            if self._config.add_optimization_profile(profile) < 0:
                raise ModelError(f"TensorRT refuses {width}x{height} px: {self._log.said()}")

    def _use_cache(self, data: bytes) -> None:
        """Begin with what is known, or from nothing where it is damaged or another GPU's."""
        for known in (data, b""):
            self._cache = self._config.create_timing_cache(known)
            if self._cache is not None and self._config.set_timing_cache(self._cache, False):
                return


def _read(path: Path | None) -> bytes:
    """A timing cache; what can't be read is measured again."""
    try:
        if path is None or path.stat().st_size > _MOST_CACHE_BYTES:
            return b""
        return path.read_bytes()
    except OSError:
        return b""


def _write(path: Path, cache: bytes) -> None:
    """Keep a timing cache, where that is possible: there is a plan, and that is what counts."""
    try:
        with whole_file(path) as file:
            file.write(cache)
    except OSError:
        return


def _line(error: Exception) -> str:
    return _first_line(str(error)) or type(error).__name__


def _first_line(text: str) -> str:
    return text.strip().split("\n", 1)[0][:200]
