"""Which network of a bundle runs, and what is told of it."""

import hashlib

import numpy as np
import pytest

from models.bundle import Bundle, write_bundle
from models.errors import BundleError, ModelError
from models.manifest import NetworkSpec
from models.runtime.choose import choose_network


@pytest.fixture
def bundle_of(tmp_path, manifest, make_onnx):
    """A bundle with networks of these precisions, each of which says which it is."""

    def make(*roles):
        models = {
            role: make_onnx({"which": np.full(1, i, np.float32)}) for i, role in enumerate(roles)
        }
        files = {role: NetworkSpec.of(f"{role}.onnx", model) for role, model in models.items()}
        path = tmp_path / "x.sfm"
        write_bundle(path, manifest.model_copy(update={"files": files}), models)
        return Bundle.open(path, allow_unsigned=True)

    return make


def which(chosen):
    return int(chosen.network.run(np.zeros((1, 3, 64, 64), np.float32))[0][0])


@pytest.mark.parametrize(
    ("roles", "precision", "reason"),
    [
        (("fp32",), "fp32", "the bundle holds fp32 only"),
        (("fp16",), "fp16", "the bundle holds fp16 only"),
        (("int8", "fp32"), "fp32", "of int8, fp32 a CPU runs fp32 best"),
        (("fp16", "int8"), "int8", "of fp16, int8 a CPU runs int8 best"),
    ],
)
def test_a_cpu_runs_what_suits_it_best(bundle_of, roles, precision, reason):
    bundle = bundle_of(*roles)
    chosen = choose_network(bundle)
    assert (chosen.precision, chosen.reason, chosen.runtime) == (
        precision,
        reason,
        "onnxruntime-cpu",
    )
    assert which(chosen) == roles.index(precision)


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_what_ran_is_named_and_not_the_first_in_the_list(bundle_of, precision):
    bundle = bundle_of("int8", "fp32", "fp16")
    chosen = choose_network(bundle, precision=precision)
    assert chosen.reason == f"{precision} was asked for"
    assert chosen.precision == chosen.network.precision == precision
    assert chosen.sha256 == hashlib.sha256(bundle.model_bytes(precision)).hexdigest()
    assert which(chosen) == ("int8", "fp32", "fp16").index(precision)


def test_a_precision_that_the_bundle_lacks_is_refused(bundle_of):
    with pytest.raises(BundleError, match="no int8 model"):
        choose_network(bundle_of("fp32"), precision="int8")


def test_only_the_outputs_that_the_manifest_names_are_given(tmp_path, manifest, make_onnx):
    model = make_onnx({"a": np.full(1, 1, np.float32), "b": np.full(1, 2, np.float32)})
    named = manifest.model_copy(
        update={"outputs": ("b",), "files": {"fp32": NetworkSpec.of("model.onnx", model)}}
    )
    write_bundle(tmp_path / "x.sfm", named, {"fp32": model})
    chosen = choose_network(Bundle.open(tmp_path / "x.sfm", allow_unsigned=True))
    (output,) = chosen.network.run(np.zeros((1, 3, 64, 64), np.float32))
    assert output.tolist() == [2]


def test_a_network_that_contradicts_its_manifest_is_refused(tmp_path, manifest, make_onnx):
    model = make_onnx({"a": np.ones(1, np.float32)}, shape=(1, 3, 96, 96))
    wrong = manifest.model_copy(update={"files": {"fp32": NetworkSpec.of("model.onnx", model)}})
    write_bundle(tmp_path / "x.sfm", wrong, {"fp32": model})
    with pytest.raises(ModelError, match="described as taking"):
        choose_network(Bundle.open(tmp_path / "x.sfm", allow_unsigned=True))
