"""Which network of a bundle runs, and what is told of it."""

import hashlib

import numpy as np
import pytest
from precisions import (
    BLIND,
    CUT,
    NOT_A_NUMBER,
    QUANTISED,
    SLOW,
    SLOWER,
    SWAPPED,
    SYMMETRIC,
    write_precisions,
)

from models.bundle import Bundle, write_bundle
from models.errors import BundleError, ModelError
from models.manifest import NetworkSpec
from models.runtime.choice_cache import ChoiceCache
from models.runtime.choose import choose_network


@pytest.fixture
def bundle_of(tmp_path):
    """A bundle of these networks, by precision, with a golden frame or without."""

    def make(golden=True, specs=None, **models):
        path = write_precisions(tmp_path / "x.sfm", models, specs, golden=golden)
        return Bundle.open(path, allow_unsigned=True)

    return make


def lines(chosen):
    return [each.line for each in chosen.candidates]


def runs(chosen):
    return len(chosen.network.run(np.zeros((1, 3, 64, 64), np.float32))) == 2


def test_what_is_faster_and_sees_the_same_is_chosen(bundle_of):
    chosen = choose_network(bundle_of(fp32=SLOW, uint8=QUANTISED))
    assert chosen.precision == chosen.network.precision == "uint8"
    assert chosen.sha256 == hashlib.sha256(QUANTISED).hexdigest()
    assert chosen.runtime == "onnxruntime-cpu"
    assert chosen.reason == "of uint8, fp32 this machine runs uint8 best"
    fast, reference = lines(chosen)
    assert fast.startswith("uint8 on onnxruntime-cpu: passes, ")
    assert float(fast.split()[-1].removesuffix("x")) > 1.05
    assert reference == "fp32 on onnxruntime-cpu: passes"
    assert runs(chosen)


@pytest.mark.parametrize(
    ("models", "precision"),
    [
        ({"fp32": SLOW, "uint8": SLOWER}, "fp32"),
        ({"fp32": SLOW, "fp16": SLOWER}, "fp32"),
        ({"fp32": SLOWER, "fp16": SLOW, "int8": QUANTISED}, "int8"),
        ({"fp16": SLOWER, "int8": SLOW}, "int8"),
        ({"fp16": SLOW, "int8": SLOWER}, "fp16"),
        ({"fp32": SLOWER, "int8": SLOW, "uint8": QUANTISED}, "uint8"),
    ],
)
@pytest.mark.parametrize("golden", [True, False])
def test_the_nearest_to_what_was_trained_stays_where_nothing_is_faster(
    bundle_of, models, precision, golden
):
    chosen = choose_network(bundle_of(golden, **models))
    assert chosen.precision == precision
    assert all(("passes" if golden else "untested (no golden frames)") in x for x in lines(chosen))


@pytest.mark.parametrize(
    ("faulty", "line"),
    [
        (BLIND, r"refused: golden frame 1: 'person' \(0\.90\) .* is not found"),
        (SWAPPED, r"refused: golden frame 1: the mask of 'person' .* overlaps 0\.\d+, not 0\.9"),
        (NOT_A_NUMBER, "refused: golden frames: .*finite"),
        (CUT, "ONNX Runtime can't load the model"),
        (b"no network", "ONNX Runtime can't load the model"),
    ],
    ids=["quantised tail", "swapped scales", "NaN", "cut", "no network"],
)
def test_a_faulty_file_is_never_chosen_and_the_other_runs(bundle_of, faulty, line):
    chosen = choose_network(bundle_of(fp32=SLOW, uint8=faulty))
    assert chosen.precision == "fp32"
    assert chosen.reason == "of uint8, fp32 this machine can use fp32 only"
    with pytest.raises(BundleError, match=f"^uint8 on onnxruntime-cpu: {line}"):
        raise BundleError(lines(chosen)[0])
    assert chosen.candidates[0].is_faulty
    assert not chosen.candidates[1].is_faulty
    assert runs(chosen)


def test_a_file_that_contradicts_its_manifest_is_never_chosen(bundle_of, make_onnx):
    other = make_onnx({"a": np.ones(1, np.float32)}, shape=(1, 3, 96, 96))
    chosen = choose_network(bundle_of(fp32=SLOW, uint8=other))
    assert chosen.precision == "fp32"
    assert "described as taking" in lines(chosen)[0]


def test_without_golden_frames_what_can_not_be_read_is_refused(bundle_of, make_onnx):
    odd = make_onnx({"a": np.ones(1, np.float32)})
    for faulty in (odd, NOT_A_NUMBER):
        chosen = choose_network(bundle_of(golden=False, fp32=SLOW, uint8=faulty))
        assert chosen.precision == "fp32"
        assert "refused: a grey picture: " in lines(chosen)[0]


@pytest.mark.parametrize("faulty", [CUT, b"no network"])
def test_where_fp32_can_not_be_loaded_the_other_runs(bundle_of, faulty):
    chosen = choose_network(bundle_of(fp32=faulty, uint8=QUANTISED))
    assert chosen.precision == "uint8"
    assert "fp32 on onnxruntime-cpu: ONNX Runtime can't load" in lines(chosen)[1]


@pytest.mark.parametrize(
    ("models", "said"),
    [
        ({"fp32": BLIND}, r"fp32.*: golden frame 1: 'person'"),
        ({"fp32": BLIND, "uint8": QUANTISED}, r"fp32.*: golden frame 1: 'person'"),
        ({"fp32": NOT_A_NUMBER, "uint8": QUANTISED}, "fp32.*: golden frames: .*finite"),
        ({"uint8": BLIND, "fp16": BLIND}, r"uint8.*golden frame 1.*; fp16.*golden frame 1"),
    ],
)
def test_where_fp32_itself_fails_its_test_nothing_runs(bundle_of, models, said):
    with pytest.raises(ModelError, match=f"^bundle world fails its own test.*{said}") as caught:
        choose_network(bundle_of(**models))
    assert "\n" not in str(caught.value)


def test_where_nothing_can_be_loaded_each_is_said(bundle_of):
    with pytest.raises(ModelError, match=r"nothing that can be run \(uint8 .*; fp32 .*\)$"):
        choose_network(bundle_of(fp32=CUT, uint8=CUT))


def test_a_file_for_tensorrt_is_never_chosen_however_fast(bundle_of):
    theirs = {"int8": {"runtimes": ("tensorrt",)}}
    chosen = choose_network(bundle_of(specs=theirs, fp32=SLOW, int8=SYMMETRIC))
    assert chosen.precision == "fp32"
    assert lines(chosen) == ["int8: made for tensorrt", "fp32 on onnxruntime-cpu: passes"]
    with pytest.raises(ModelError, match=r"nothing that this machine can run \(int8: made for"):
        choose_network(bundle_of(specs=theirs, int8=SYMMETRIC))


def test_an_int8_file_of_someone_elses_is_a_candidate(bundle_of):
    """`model import` of a quantised file knows no runtime that it was made for."""
    assert choose_network(bundle_of(int8=SYMMETRIC)).reason == "the bundle holds int8 only"
    assert choose_network(bundle_of(fp32=SLOW, int8=QUANTISED)).precision == "int8"


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_what_is_asked_for_runs_untried(bundle_of, precision):
    models = {"int8": SYMMETRIC, "fp32": BLIND, "fp16": QUANTISED}
    bundle = bundle_of(specs={"int8": {"runtimes": ("tensorrt",)}}, **models)
    chosen = choose_network(bundle, precision=precision)
    assert chosen.reason == f"{precision} was asked for"
    assert chosen.precision == chosen.network.precision == precision
    assert chosen.sha256 == hashlib.sha256(models[precision]).hexdigest()
    assert lines(chosen) == [f"{precision} on onnxruntime-cpu: was asked for"]


@pytest.mark.parametrize("threads", [1, 2])
def test_whoever_has_a_run_shared_by_threads_has_the_fastest_too(bundle_of, threads):
    for models, precision in (
        ({"fp32": SLOW, "uint8": QUANTISED}, "uint8"),
        ({"fp32": QUANTISED, "uint8": SLOW}, "fp32"),
    ):
        assert choose_network(bundle_of(**models), threads=threads).precision == precision


def test_a_precision_that_the_bundle_lacks_is_refused(bundle_of):
    with pytest.raises(BundleError, match="no int8 model"):
        choose_network(bundle_of(fp32=SLOW), precision="int8")


def test_golden_frames_that_can_not_be_read_are_the_bundles_fault(bundle_of):
    """Not a file's: nothing could be trusted."""
    bundle = bundle_of(fp32=SLOW, uint8=QUANTISED)
    bundle.manifest.golden["hue"] = 1.0
    with pytest.raises(BundleError, match="hue is unknown"):
        choose_network(bundle)


def test_only_the_outputs_that_the_manifest_names_are_given(tmp_path, manifest, make_onnx):
    model = make_onnx({"a": np.full(1, 1, np.float32), "b": np.full(1, 2, np.float32)})
    named = manifest.model_copy(
        update={"outputs": ("b",), "files": {"fp32": NetworkSpec.of("model.onnx", model)}}
    )
    write_bundle(tmp_path / "x.sfm", named, {"fp32": model})
    chosen = choose_network(Bundle.open(tmp_path / "x.sfm", allow_unsigned=True))
    (output,) = chosen.network.run(np.zeros((1, 3, 64, 64), np.float32))
    assert output.tolist() == [2]


class Watched(ChoiceCache):
    """A cache that says what it was asked for."""

    def __init__(self, path):
        super().__init__(path)
        self.found, self.kept = [], []

    def get(self, key):
        self.found.append(super().get(key))
        return self.found[-1]

    def put(self, key, choice):
        self.kept.append(choice)
        super().put(key, choice)


def test_a_choice_is_made_once(bundle_of, tmp_path):
    cache = Watched(tmp_path / "deep" / "choices.json")
    bundle = bundle_of(fp32=SLOW, uint8=QUANTISED)
    first, second = (choose_network(bundle, cache=cache) for _ in range(2))
    assert cache.found == [None, first.candidates]
    assert cache.kept == [first.candidates]
    assert (second.precision, second.candidates, second.reason) == (
        first.precision,
        first.candidates,
        first.reason,
    )
    assert second.network.precision == "uint8"
    assert runs(second)


@pytest.mark.parametrize("change", ["bundle", "threads"])
def test_a_choice_holds_for_what_it_was_made_for(bundle_of, tmp_path, change):
    cache = Watched(tmp_path / "choices.json")
    bundle = bundle_of(fp32=SLOW, uint8=QUANTISED)
    choose_network(bundle, cache=cache)
    if change == "bundle":
        choose_network(bundle_of(fp32=SLOW, uint8=SLOWER), cache=cache)
    elif change == "threads":
        choose_network(bundle, cache=cache, threads=2)
    assert cache.found == [None, None]
    assert len(cache.kept) == 2
