"""Run a network with ONNX Runtime: on the CPU, which is what others are compared with, or by CUDA."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from models.errors import InferenceError, ModelError
from models.onnx_file.whole_model import OutsideError, WholeModel
from models.onnx_file.wire import DamagedOnnxError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.input_spec import InputSpec
    from models.manifest import Role
    from models.runtime.network import TensorShape

Provider = Literal["CPUExecutionProvider", "CUDAExecutionProvider"]
CPU: Provider = "CPUExecutionProvider"
CUDA: Provider = "CUDAExecutionProvider"

_ERROR = 3
"""ONNX Runtime's severity (0 to 4) from which it prints."""

_TYPES: dict[str, type[np.generic]] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(uint8)": np.uint8,
}


class OnnxRuntimeNetwork:
    """A `models.runtime.network.Network`.

    On the CPU, with one thread per run (the default) each caller computes on its own thread and there is no
    pool at all: two detection workers are two busy cores, and nobody waits for the other.

    One session runs a network at all of its sizes. Fixing free dimensions when it is loaded gains
    nothing: YOLOv8n-seg takes 119, 72, 30 and 18 ms at 640x640, 640x384, 320x320 and 320x192 (one
    thread) free, fixed, or exported for that size, with another size in between or not, and gives
    the same bits; three sizes in turn take no more memory than the largest.

    Attributes:
        input_shape: what the network wants, as the file has it.
        outputs: shape by name of every output that the file has.
        precision: what the weights are stored in.
        metadata: what the exporter wrote into the file.
    """

    def __init__(
        self,
        model: WholeModel | bytes,
        threads: int = 1,
        *,
        inputs: Sequence[InputSpec] = (),
        outputs: Sequence[str] = (),
        precision: Role | None = None,
        provider: Provider = CPU,
    ) -> None:
        """Load a network.

        Args:
            model: an ONNX file, perhaps one that somebody has looked into.
            threads: threads that share the work of one run.
            inputs: what the network will be fed, to check it now.
            outputs: names of the outputs to give, in this order; empty: all.
            precision: what its bundle says of it; None for what the file tells.
            provider: what computes it; with CUDA, nodes that it has no kernel for run on the CPU.

        Raises:
            ModelError: it is no network that ONNX Runtime can run, or not the one described, or it
                would take its weights from another file, or the provider does not start.
        """
        whole = model if isinstance(model, WholeModel) else _whole(model)
        import onnxruntime  # noqa: PLC0415 0.15 s, which --help need not wait for

        try:
            session = onnxruntime.InferenceSession(
                whole.data, session_options(threads), providers=[provider], enable_fallback=0
            )
        except Exception as error:  # ONNX Runtime's errors share no base
            raise ModelError(f"ONNX Runtime can't load the model: {_first_line(error)}") from error
        if (computes := session.get_providers()[0]) != provider:  # it only logs an error
            raise ModelError(
                f"ONNX Runtime's {provider} does not start, and {computes} would run instead; "
                "see that CUDA and cuDNN are those of its release"
            )
        self._session: Any = session
        self.metadata = _metadata(session)
        self.outputs: dict[str, TensorShape] = {
            o.name: tuple(o.shape) for o in session.get_outputs()
        }
        self._outputs = list(outputs) or list(self.outputs)
        if missing := set(self._outputs) - self.outputs.keys():
            raise ModelError(f"the network has no output named {min(missing)!r}")
        self._read_input(session.get_inputs())
        self.precision: Role = precision or self._told_precision()
        for spec in inputs:
            self._check_input(spec)

    def _read_input(self, inputs: Sequence[Any]) -> None:
        if len(inputs) != 1:
            raise ModelError(f"the network wants {len(inputs)} inputs, not one image")
        self._input = inputs[0].name
        self.input_shape: TensorShape = tuple(inputs[0].shape)
        if len(self.input_shape) != 4 or inputs[0].type not in _TYPES:
            raise ModelError(
                f"the network wants {inputs[0].type} {list(self.input_shape)}, not one image"
            )
        self._dtype = _TYPES[inputs[0].type]
        # TensorFlow's networks take their channels last.
        self._channels_last = self.input_shape[3] == 3 and self.input_shape[1] != 3

    def _check_input(self, spec: InputSpec) -> None:
        if isinstance(self.input_shape[0], int) and self.input_shape[0] > 1:
            raise ModelError(
                f"the network was made for {self.input_shape[0]} images a run, not for 1; "
                "export it for one or for any number"
            )
        size = (spec.height, spec.width)
        ours = (1, *size, 3) if self._channels_last else (1, 3, *size)
        for theirs, fed in zip(self.input_shape, ours, strict=True):
            if isinstance(theirs, int) and theirs > 0 and theirs != fed:
                raise ModelError(
                    f"the network wants {list(self.input_shape)}, "
                    f"but is described as taking {list(ours)}"
                )
        if self._dtype is np.uint8 and (set(spec.mean), set(spec.std)) != ({0.0}, {1.0}):
            raise ModelError(
                "the network wants whole numbers from 0 to 255: its mean is 0 and its std is 1"
            )

    @property
    def image_size(self) -> tuple[int, int] | None:
        """Width, height of the image that the network wants, or None if it takes any."""
        height, width = self.input_shape[1:3] if self._channels_last else self.input_shape[2:]
        if isinstance(height, int) and isinstance(width, int) and height > 0 and width > 0:
            return width, height
        return None

    def _told_precision(self) -> Role:
        """As far as the file tells: FP16 weights behind FP32 inputs look like FP32."""
        if self._dtype is np.float16:
            return "fp16"
        return "int8" if "quant" in self.metadata.get("onnx.infer", "") else "fp32"

    def run(self, batch: npt.NDArray[np.float32], /) -> tuple[npt.NDArray[Any], ...]:
        """Run N images, each caller on its own thread; see `models.runtime.network.Network`."""
        session = self._session
        if session is None:
            raise InferenceError("the network was closed")
        size = self.input_shape[0]
        if isinstance(size, int) and 0 < size != len(batch):
            raise InferenceError(
                f"the network was made for {size} image{'s' * (size > 1)} a run, not for "
                f"{len(batch)}; export it for any number"
            )
        if self._channels_last:
            batch = np.ascontiguousarray(batch.transpose(0, 2, 3, 1))
        try:
            return tuple(
                session.run(self._outputs, {self._input: batch.astype(self._dtype, copy=False)})
            )
        except Exception as error:  # ONNX Runtime's errors share no base
            raise InferenceError(f"the network failed to run: {_first_line(error)}") from error

    def close(self) -> None:
        """Free the network once the runs under way are done."""
        self._session = None


def available_providers() -> Sequence[str]:
    """What this ONNX Runtime was built with; whether it starts is another question."""
    import onnxruntime  # noqa: PLC0415

    return [str(each) for each in onnxruntime.get_available_providers()]


def runtime_version() -> str:
    """Of ONNX Runtime."""
    import onnxruntime  # noqa: PLC0415

    return str(onnxruntime.__version__)


def session_options(threads: int) -> Any:
    """How sessions run here: quietly, on so many threads, and on nothing but the model's bytes."""
    import onnxruntime  # noqa: PLC0415

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _ERROR
    # Second to our own look: nothing is read beside the model, which would be whatever lies in the
    # folder that somebody is in, and no other format is taken for ONNX.
    options.add_session_config_entry(
        "session.model_external_initializers_file_folder_path", os.devnull
    )
    options.add_session_config_entry("session.load_model_format", "ONNX")
    # A plan of the arena made for one caller costs 60 MB more with two callers (YOLOv8n-seg,
    # 640 px: 215 MB without it, 274 MB with it) and saves no time.
    options.enable_mem_pattern = False
    # Threads that wait by spinning take the core that the encoder needs.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def _whole(model: bytes) -> WholeModel:
    """Refuse a network that is not whole in its bytes, whoever made them."""
    try:
        return WholeModel.of(model)
    except DamagedOnnxError as error:
        raise ModelError(f"ONNX Runtime can't load the model: {error}") from error
    except OutsideError as error:
        raise ModelError(f"the network {error}") from error


def _metadata(session: Any) -> dict[str, str]:
    try:
        return dict(session.get_modelmeta().custom_metadata_map)
    except UnicodeDecodeError as error:
        raise ModelError("what the exporter wrote into the model is no text") from error


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", 1)[0][:200]
