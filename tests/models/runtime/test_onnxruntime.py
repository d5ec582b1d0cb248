"""Real networks, and small ones made for the test, on ONNX Runtime."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from models.errors import InferenceError, ModelError
from models.input_spec import InputSpec
from models.runtime.onnxruntime import OnnxRuntimeNetwork

SPEC = InputSpec(height=64, width=64)
RAW = InputSpec(height=64, width=64, std=(1, 1, 1))


def test_a_network_runs(model):
    network = OnnxRuntimeNetwork(model, inputs=(SPEC,))
    outputs = network.run(np.zeros((1, 3, 64, 64), np.float32))
    assert [output.shape for output in outputs] == [(1, 38, 84), (1, 32, 16, 16)]
    assert network.outputs == {"output0": (1, 38, 84), "output1": (1, 32, 16, 16)}
    assert network.input_shape == (1, 3, 64, 64)


def test_many_threads_may_run_one_network(data):
    """Each caller gets the answer to its own image, bit for bit."""
    weights = data / "weights" / "coco-yolov8n-seg-320.onnx"
    network = OnnxRuntimeNetwork(weights.read_bytes())
    random = np.random.default_rng(0)
    images = [random.random((1, 3, 320, 320), np.float32) for _ in range(4)]
    alone = [network.run(image) for image in images]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(network.run, images))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one[0], other[0])
    assert np.abs(alone[0][0] - alone[1][0]).max() > 0


@pytest.mark.parametrize("data", [b"", b"hello", b"\x08\x08" + bytes(100)])
def test_what_is_no_network_is_refused_in_one_line(data):
    with pytest.raises(ModelError, match="ONNX Runtime can't load the model") as caught:
        OnnxRuntimeNetwork(data)
    assert "\n" not in str(caught.value)


def test_a_network_cut_short_is_refused(model):
    with pytest.raises(ModelError, match="can't load"):
        OnnxRuntimeNetwork(model[: len(model) // 2])


def test_a_network_of_another_size_is_refused(model):
    with pytest.raises(ModelError, match=r"wants \[1, 3, 64, 64\].*taking \[1, 3, 96, 64\]"):
        OnnxRuntimeNetwork(model, inputs=(InputSpec(height=96, width=64),))


def test_a_network_of_one_size_that_is_to_be_run_at_others_is_refused_in_one_line(model):
    others = tuple(InputSpec(width=width, height=64) for width in (64, 96))
    with pytest.raises(ModelError, match=r"wants \[1, 3, 64, 64\].*\[1, 3, 64, 96\]") as caught:
        OnnxRuntimeNetwork(model, inputs=others)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("shape", [(1, 3, "h", "w"), (1, 3, 64, "w"), ("n", 3, -1, -1)])
def test_a_network_of_any_size_runs_at_all_that_it_is_to_be_run_at(make_onnx, shape):
    model = make_onnx({"a": np.zeros(1, np.float32)}, shape=shape)
    widths = (64, 96, 32)
    network = OnnxRuntimeNetwork(
        model, inputs=[InputSpec(width=width, height=64) for width in widths]
    )
    for width in widths:
        network.run(np.zeros((1, 3, 64, width), np.float32))


@pytest.mark.parametrize("shape", [("n", 3, "h", "w"), (1, 3, 64, 64), (-1, 3, -1, -1)])
def test_dimensions_that_vary_fit_any_size(make_onnx, shape):
    model = make_onnx({"a": np.zeros(1, np.float32)}, shape=shape)
    network = OnnxRuntimeNetwork(model, inputs=(SPEC,))
    assert network.image_size == ((64, 64) if shape[2] == 64 else None)


def test_outputs_come_in_the_order_asked_for(make_onnx):
    model = make_onnx({"a": np.full(1, 1, np.float32), "b": np.full(1, 2, np.float32)})
    network = OnnxRuntimeNetwork(model, outputs=("b", "a"))
    assert [float(out[0]) for out in network.run(np.zeros((1, 3, 64, 64), np.float32))] == [2, 1]
    with pytest.raises(ModelError, match="no output named 'c'"):
        OnnxRuntimeNetwork(model, outputs=("a", "c"))


@pytest.mark.parametrize(
    ("shape", "dtype"), [((1, 64, 64, 3), "uint8"), ((1, 3, 64, 64), "float16")]
)
def test_the_image_is_given_as_the_network_wants_it(make_onnx, shape, dtype):
    """TensorFlow's networks take bytes with channels last; ONNX Runtime refuses anything else."""
    model = make_onnx({"a": np.ones(1, np.float32)}, shape=shape, dtype=dtype)
    network = OnnxRuntimeNetwork(model, inputs=(RAW,))
    assert network.image_size == (64, 64)
    assert network.run(np.full((1, 3, 64, 64), 200, np.float32))[0].tolist() == [1]


def test_bytes_that_were_normalised_are_refused(make_onnx):
    model = make_onnx({"a": np.ones(1, np.float32)}, shape=(1, 64, 64, 3), dtype="uint8")
    with pytest.raises(ModelError, match="mean is 0 and its std is 1"):
        OnnxRuntimeNetwork(model, inputs=(SPEC,))


@pytest.mark.parametrize(("shape", "dtype"), [((1, 10), "float32"), ((1, 3, 64, 64), "int64")])
def test_a_network_that_takes_no_image_is_refused(make_onnx, shape, dtype):
    with pytest.raises(ModelError, match="not one image"):
        OnnxRuntimeNetwork(make_onnx({"a": np.ones(1, np.float32)}, shape=shape, dtype=dtype))


def test_a_run_that_fails_says_so_in_one_line(model):
    network = OnnxRuntimeNetwork(model)
    with pytest.raises(InferenceError, match="failed to run") as caught:
        network.run(np.zeros((1, 3, 32, 32), np.float32))
    assert "\n" not in str(caught.value)


def test_a_batch_that_the_network_was_not_made_for_is_refused_in_one_line(model, make_onnx):
    with pytest.raises(InferenceError, match="made for 1 image a run, not for 3; export") as caught:
        OnnxRuntimeNetwork(model).run(np.zeros((3, 3, 64, 64), np.float32))
    assert "\n" not in str(caught.value)
    two = OnnxRuntimeNetwork(make_onnx({"a": np.ones(1, np.float32)}, shape=(2, 3, 64, 64)))
    with pytest.raises(InferenceError, match="made for 2 images a run, not for 1"):
        two.run(np.zeros((1, 3, 64, 64), np.float32))


@pytest.mark.parametrize("batch", ["n", -1])
def test_a_network_for_any_number_takes_any(make_onnx, batch):
    network = OnnxRuntimeNetwork(
        make_onnx({"a": np.ones(1, np.float32)}, shape=(batch, 3, 64, 64)), inputs=(SPEC,)
    )
    for count in (1, 3):
        network.run(np.zeros((count, 3, 64, 64), np.float32))


def test_a_closed_network_runs_no_more(model):
    network = OnnxRuntimeNetwork(model)
    network.close()
    with pytest.raises(InferenceError, match="closed"):
        network.run(np.zeros((1, 3, 64, 64), np.float32))


@pytest.mark.parametrize(
    ("dtype", "metadata", "precision"),
    [
        ("float32", {}, "fp32"),
        ("float16", {}, "fp16"),
        ("float32", {"onnx.infer": "onnxruntime.quant"}, "int8"),
    ],
)
def test_precision_is_read_from_the_file(make_onnx, dtype, metadata, precision):
    model = make_onnx({"a": np.ones(1, np.float32)}, dtype=dtype, metadata=metadata)
    assert OnnxRuntimeNetwork(model).precision == precision


def test_what_a_bundle_says_of_the_precision_counts(model):
    """FP16 weights behind FP32 inputs look like FP32."""
    assert OnnxRuntimeNetwork(model, precision="fp16").precision == "fp16"
