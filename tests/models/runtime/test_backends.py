"""Which runtime runs a bundle where a machine has several."""

import warnings

import numpy as np
import pytest
from precisions import BLIND, CUT, NOT_A_NUMBER, QUANTISED, SLOW, SLOWER, write_precisions

from models.bundle import Bundle
from models.errors import ModelError
from models.runtime.backend import files_for
from models.runtime.choice_cache import ChoiceCache
from models.runtime.choose import choose_network
from models.runtime.onnxruntime import CUDA, OnnxRuntimeNetwork, available_providers
from models.runtime.onnxruntime_backend import OnnxRuntimeCpu, OnnxRuntimeCuda


class Runtime:
    """A runtime of another machine; what it computes is computed here.

    Args:
        networks: what it makes of a file, where that is not what the file says.
        lacks: why it is not there.
    """

    on_cpu = False

    def __init__(self, name="tensorrt", networks=None, lacks=None, release="10.3.0"):
        self.name, self.networks, self.lacks, self.release = name, networks or {}, lacks, release
        self.loaded = []

    def why_not(self):
        return self.lacks

    def version(self):
        assert self.lacks is None
        return self.release

    def roles(self, manifest):
        return files_for(self.name, manifest)

    def load(self, bundle, role, threads):
        self.loaded.append(role)
        model = self.networks.get(role, bundle.model_bytes(role))
        network = OnnxRuntimeNetwork(model, threads, precision=role)
        if role in self.networks:
            network.run(np.zeros((1, 3, 64, 64), np.float32))
        return network


@pytest.fixture
def bundle_of(tmp_path):
    def make(golden=True, specs=None, **models):
        path = write_precisions(tmp_path / "x.sfm", models, specs, golden=golden)
        return Bundle.open(path, allow_unsigned=True)

    return make


def lines(chosen):
    return [each.line for each in chosen.candidates]


def test_the_first_runtime_that_passes_runs_and_the_next_is_not_asked(bundle_of):
    gpu, cpu = Runtime(), Runtime("onnxruntime-cpu")
    chosen = choose_network(bundle_of(fp32=SLOW), backends=(gpu, cpu))
    assert (chosen.runtime, chosen.precision) == ("tensorrt", "fp32")
    assert lines(chosen) == ["fp32 on tensorrt: passes"]
    assert cpu.loaded == []


def test_among_the_files_of_one_runtime_a_trial_decides(bundle_of):
    theirs = {"uint8": {"runtimes": ("onnxruntime-cpu",)}}
    for models, best in (
        ({"fp16": SLOWER, "int8": QUANTISED, "uint8": QUANTISED}, "int8"),
        ({"fp16": QUANTISED, "int8": SLOWER, "uint8": QUANTISED}, "fp16"),
    ):
        chosen = choose_network(bundle_of(specs=theirs, **models), backends=(Runtime(),))
        assert (chosen.runtime, chosen.precision) == ("tensorrt", best)
        assert chosen.reason == f"of int8, fp16 this machine runs {best} best on tensorrt"
        assert lines(chosen)[0] == "uint8: made for onnxruntime-cpu"


@pytest.mark.parametrize(
    ("faulty", "line"),
    [
        ({"fp32": BLIND}, "fp32 on tensorrt: refused: golden frame 1: 'person' "),
        ({"fp32": NOT_A_NUMBER}, "fp32 on tensorrt: refused: golden frames: "),
        ({"fp32": CUT}, "fp32 on tensorrt: ONNX Runtime can't load the model"),
    ],
    ids=["blind", "not a number", "not loaded"],
)
@pytest.mark.parametrize("others", [{}, {"uint8": QUANTISED}])
def test_a_runtime_on_which_fp32_itself_is_wrong_is_left_for_the_next(
    bundle_of, faulty, line, others
):
    gpu = Runtime(networks=faulty)
    specs = {"uint8": {"runtimes": ("onnxruntime-cpu",)}}
    bundle = bundle_of(specs=specs, fp32=SLOW, **others)
    chosen = choose_network(bundle, backends=(gpu, OnnxRuntimeCpu()))
    assert chosen.runtime == "onnxruntime-cpu"
    assert chosen.precision == ("uint8" if others else "fp32")
    assert lines(chosen)[0].startswith(line)
    assert chosen.candidates[0].is_faulty


def test_where_fp32_is_wrong_on_a_runtime_what_others_see_there_counts_for_nothing(bundle_of):
    """It may be right by chance."""
    gpu = Runtime(networks={"fp32": BLIND})
    chosen = choose_network(bundle_of(fp32=SLOW, fp16=QUANTISED), backends=(gpu, OnnxRuntimeCpu()))
    assert chosen.runtime == "onnxruntime-cpu"
    assert lines(chosen)[0].startswith("fp32 on tensorrt: refused")


def test_a_runtime_that_gives_what_can_not_be_read_is_left_where_no_golden_frames_are(bundle_of):
    gpu = Runtime(networks={"fp32": NOT_A_NUMBER})
    chosen = choose_network(bundle_of(golden=False, fp32=SLOW), backends=(gpu, OnnxRuntimeCpu()))
    assert chosen.runtime == "onnxruntime-cpu"
    assert lines(chosen)[0].startswith("fp32 on tensorrt: refused: a grey picture: ")


def test_why_a_runtime_is_absent_is_said_in_a_line(bundle_of):
    gpus = (Runtime(lacks="not installed"), Runtime("onnxruntime-cuda", lacks="y" * 5000))
    chosen = choose_network(bundle_of(fp32=SLOW), backends=(*gpus, OnnxRuntimeCpu()))
    absent, long, plain = lines(chosen)
    assert absent == "tensorrt: not installed"
    assert long == "onnxruntime-cuda: " + "y" * 300
    assert plain == "fp32 on onnxruntime-cpu: passes"
    assert not any(each.is_faulty for each in chosen.candidates)
    assert chosen.reason == "the bundle holds fp32 only"


def test_where_all_runtimes_see_otherwise_nothing_runs(bundle_of):
    gpu = Runtime(networks={"fp32": BLIND})
    with pytest.raises(ModelError, match=r"\(fp32 on tensorrt: ref.*; fp32 on onnxruntime-cpu: "):
        choose_network(bundle_of(fp32=BLIND), backends=(gpu, OnnxRuntimeCpu()))


def test_a_bundle_for_a_runtime_that_is_absent_says_for_which(bundle_of):
    bundle = bundle_of(specs={"int8": {"runtimes": ("tensorrt",)}}, int8=SLOW)
    with pytest.raises(ModelError, match=r"can run \(int8: made for tensorrt\)"):
        choose_network(bundle, backends=(Runtime(lacks="not installed"), OnnxRuntimeCpu()))


def test_a_choice_is_remembered_with_its_runtime(bundle_of, tmp_path):
    cache = ChoiceCache(tmp_path / "choices.json")
    bundle, gpu, cpu = bundle_of(fp32=SLOW, fp16=SLOWER), Runtime(), Runtime("onnxruntime-cpu")
    first = choose_network(bundle, backends=(gpu, cpu), cache=cache)
    again = choose_network(bundle, backends=(gpu, cpu), cache=cache)
    assert gpu.loaded == ["fp32", "fp16", "fp32"]
    assert (again.runtime, again.candidates) == (first.runtime, first.candidates)
    assert again.runtime == "tensorrt"


@pytest.mark.parametrize(
    "change", [{"lacks": "the driver is gone"}, {"release": "10.16.1"}], ids=str
)
def test_where_a_runtime_comes_goes_or_changes_all_is_tried_anew(bundle_of, tmp_path, change):
    cache = ChoiceCache(tmp_path / "choices.json")
    bundle, cpu = bundle_of(fp32=SLOW), Runtime("onnxruntime-cpu")
    choose_network(bundle, backends=(Runtime(networks={"fp32": BLIND}), cpu), cache=cache)
    now = Runtime(**change)
    chosen = choose_network(bundle, backends=(now, cpu), cache=cache)
    assert chosen.runtime == ("onnxruntime-cpu" if "lacks" in change else "tensorrt")


def test_a_file_that_did_not_load_is_tried_at_the_next_start(bundle_of, tmp_path):
    cache = ChoiceCache(tmp_path / "choices.json")
    bundle, cpu = bundle_of(fp32=SLOW), OnnxRuntimeCpu()
    for networks, runtime in (({"fp32": CUT}, "onnxruntime-cpu"), ({}, "tensorrt")):
        chosen = choose_network(bundle, backends=(Runtime(networks=networks), cpu), cache=cache)
        assert chosen.runtime == runtime


@pytest.mark.skipif(CUDA in available_providers(), reason="this ONNX Runtime has CUDA")
def test_an_onnx_runtime_without_cuda_says_so():
    assert OnnxRuntimeCuda().why_not() == (
        "this ONNX Runtime was built without CUDA (onnxruntime-gpu has it)"
    )
    assert OnnxRuntimeCpu().why_not() is None


@pytest.mark.skipif(CUDA in available_providers(), reason="this ONNX Runtime has CUDA")
def test_a_provider_that_does_not_start_is_an_error_and_no_run_on_the_cpu():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ONNX Runtime's own, which is all that it would say
        with pytest.raises(ModelError, match="CUDAExecutionProvider does not start, and CPU"):
            OnnxRuntimeNetwork(SLOW, provider=CUDA)
