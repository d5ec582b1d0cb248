"""MachineEngines: a bundle's networks as engines, found or built for this very GPU.

An engine comes from the bundle, where that is signed and it was built on a device that equals this
one in all that an engine depends on, and sees in the golden frames what it should; else from the folder of what was
built here; else it is built, once. Never run on hardware.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from models.errors import EngineError, ModelError
from models.runtime.cuda.machine import machine_gpu
from models.runtime.engine_build import build_in_child
from models.runtime.engine_file import EngineFile, key_of_engine
from models.runtime.engine_key import EngineKey, system_of
from models.runtime.engines import Engines
from models.runtime.files import unlike_expected
from models.runtime.tensorrt import TensorRtNetwork

if TYPE_CHECKING:
    from pathlib import Path

    from models.bundle import Bundle
    from models.manifest import Role
    from models.runtime.engine_build import BuildWatch
    from models.runtime.network import Network

OPTIONS = 1
"""Version of `tensorrt_build`: raised where it would build another engine of the same network."""

BATCH = 4
"""The most images of a run, where a network leaves that open. Chosen, not measured: as many
detections as wait for each other at the most."""


class MachineEngines:
    """TensorRT and the GPU of this machine, and what was built for both.

    Args:
        library: `tensorrt`.
        folder: where engines, compiled kernels and the times of TensorRT's kernels are kept.
        watch: is told what is built and how far it is, and may cancel.

    Attributes:
        gpu: what it is.
        version: what tells it from another machine that may be faster, or wrong.

    Raises:
        InferenceError: there is no GPU that can be used, or no pycuda.
    """

    def __init__(self, library: Any, folder: Path, watch: BuildWatch) -> None:
        self._library, self._folder, self._watch = library, folder, watch
        self._engines = Engines(folder)
        self._gpu = machine_gpu(folder / "kernels")
        self.gpu = self._gpu.identity
        where = f"{self.gpu.name} ({self.gpu.compute_capability}, {system_of(self.gpu)})"
        self.version = f"{library.__version__} on {where}, options {OPTIONS}"

    def network(self, bundle: Bundle, role: Role) -> Network:
        """An engine, ready to run; building it may take minutes.

        Raises:
            BundleError: the bundle has no such network, or golden frames that can't be read.
            ModelError: there is no engine that can be run.
        """
        key = self.key(bundle, role)
        return self._shipped(bundle, key) or self._own(bundle, role, again=False)[1]

    def proven(self, bundle: Bundle, role: Role) -> EngineFile:
        """An engine that was built here and sees in the golden frames what it should.

        It is tried even where it could not be built lately.

        Raises:
            BundleError: the bundle has no such network, or frames that can't be read.
            EngineError: it can't be built, or sees otherwise.
            ModelError: it can't be run.
        """
        engine, network = self._own(bundle, role, again=True)
        try:
            line = unlike_expected(bundle, network)
        finally:
            network.close()
        if line is not None:
            raise EngineError(f"refused: {line}")
        return engine

    def _own(self, bundle: Bundle, role: Role, *, again: bool) -> tuple[EngineFile, Network]:
        """An engine of this machine, loaded; one that can't be, whatever its key says, is replaced."""
        engine = self._engine(bundle, role, again=again)
        try:
            return engine, self._network(bundle, role, engine.plan)
        except ModelError:
            self._engines.drop(engine.key)
        engine = self._engine(bundle, role, again=again)
        return engine, self._network(bundle, role, engine.plan)

    def _engine(self, bundle: Bundle, role: Role, *, again: bool) -> EngineFile:
        """An engine that was built here, now or before."""
        key, watch = self.key(bundle, role), self._watch
        onnx = bundle.model_bytes(role)

        def build() -> bytes:
            watch.said(
                f"building the engine of {bundle.manifest.name} in {role} for {key.device}; "
                "once, and it takes minutes"
            )
            return build_in_child(
                onnx,
                sizes=key.sizes,
                batch=key.batch,
                timing_cache=self._folder / "kernels.timing",
                watch=watch,
            )

        return EngineFile(key, self._engines.get(key, build, watch, again=again))

    def key(self, bundle: Bundle, role: Role) -> EngineKey:
        """What an engine of this network depends on, here.

        Raises:
            BundleError: the bundle has no such network.
        """
        bundle.model_bytes(role)
        return EngineKey(
            onnx_sha256=bundle.manifest.files[role].sha256,
            tensorrt=str(self._library.__version__),
            compute_capability=self.gpu.compute_capability,
            device=self.gpu.name,
            driver_or_l4t=system_of(self.gpu),
            precision=role,
            sizes=tuple((spec.width, spec.height) for spec in bundle.manifest.inputs()),
            batch=BATCH,
            options=OPTIONS,
        )

    def _shipped(self, bundle: Bundle, key: EngineKey) -> Network | None:
        """The bundle's own engine for devices like this one, if it has one that can be trusted.

        An engine is code, which a network is not: what nobody signed is not run, even where a
        person takes the rest. Without golden frames nothing could tell that it is what it should be.
        """
        if bundle.signed_by is None or not bundle.manifest.golden_files:
            return None
        for data in bundle.engine_bytes():
            try:
                if key_of_engine(data) != key:
                    continue
                network = self._network(bundle, key.precision, EngineFile.from_bytes(data).plan)
            except ModelError as error:
                self._watch.said(f"the bundle's engine in {key.precision} is not used: {error}")
                continue
            if (line := unlike_expected(bundle, network)) is None:
                return network
            network.close()
            self._watch.said(f"the bundle's engine in {key.precision} is not used: {line}")
        return None

    def _network(self, bundle: Bundle, role: Role, plan: bytes) -> Network:
        return TensorRtNetwork(
            plan,
            self._gpu,
            inputs=bundle.manifest.inputs(),
            outputs=bundle.manifest.outputs,
            precision=role,
            library=self._library,
        )
