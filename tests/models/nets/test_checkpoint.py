"""Weights come in from outside: whole, the right ones, and as data, or one line says what is off."""

import hashlib
import io
import os
import sys
import types
from collections import OrderedDict

import numpy as np
import pytest
import safetensors.torch
import torch

from models.coco_names import COCO_NAMES
from models.errors import ModelError
from models.nets.checkpoint import read_checkpoint, save_safetensors
from models.nets.rtmdet_ins import RTMDetIns
from models.nets.state import canonical

pytestmark = pytest.mark.slow  # whole networks are written and read
NAMES = ("bottle", "can", "cup")
META = {"dataset_meta": {"classes": NAMES}, "epoch": 300, "seed": None}


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return RTMDetIns("tiny", classes=3).eval()


@pytest.fixture(scope="module")
def state(net):
    """As published: every alias is there, as a tensor of its own."""
    return OrderedDict((key, value.clone()) for key, value in net.state_dict().items())


@pytest.fixture
def write(tmp_path):
    def write(content, name="weights.pth", *, legacy=True):
        path = tmp_path / name
        torch.save(content, path, _use_new_zipfile_serialization=not legacy)
        return path

    return write


def refused(path, **options):
    """The line that says why a file is not taken."""
    with pytest.raises(ModelError) as caught:
        read_checkpoint(path, **options)
    said = str(caught.value)
    assert "\n" not in said
    assert len(said) < 500 + len(str(path))
    assert str(path) in said
    return said


def same_outputs(first, second):
    x = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        pairs = zip(first(x), second(x), strict=True)
        return all(
            torch.equal(a, b) for ours, theirs in pairs for a, b in zip(ours, theirs, strict=True)
        )


@pytest.mark.parametrize("legacy", [True, False])
def test_a_published_file_gives_the_network_it_holds(net, state, write, legacy):
    path = write({"meta": META, "state_dict": state}, legacy=legacy)
    read = read_checkpoint(path)
    assert (read.size, read.classes, read.image_size) == ("tiny", NAMES, 640)
    assert read.source == "weights.pth"
    assert read.sha256 == read.source_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert len(read.state) == len(state) - 40
    assert all(canonical(key) == key for key in read.state)
    assert same_outputs(read.net(), net)
    assert not read.net().training


def test_a_network_shares_no_memory_with_its_checkpoint(state, write):
    read = read_checkpoint(write({"meta": META, "state_dict": state}))
    key = "neck.out_convs.0.conv.weight"
    before = read.state[key].clone()
    with torch.no_grad():
        read.net().get_parameter(key).zero_()
    assert torch.equal(read.state[key], before)


def test_bare_weights_and_older_names_are_read(state, write):
    assert read_checkpoint(write(state), classes=NAMES).classes == NAMES
    older = write({"meta": {"CLASSES": list(NAMES)}, "state_dict": state})
    assert read_checkpoint(older).classes == NAMES


def test_eighty_classes_that_nobody_names_are_those_of_coco(write):
    path = write(RTMDetIns("tiny", classes=80).state_dict())
    assert read_checkpoint(path).classes == COCO_NAMES


def test_a_training_checkpoint_of_mmengine_is_read_without_its_log(state, write, monkeypatch):
    """Its history buffers are objects; NumPy arrays and scalars are in them."""

    class HistoryBuffer:
        def __init__(self):
            self._log_history = np.arange(3.0)
            self._count_history = np.arange(3)
            self._last = np.float64(2.5)
            self._statistics_methods = OrderedDict()

    module = types.ModuleType("mmengine.logging.history_buffer")
    module.HistoryBuffer = HistoryBuffer
    HistoryBuffer.__module__, HistoryBuffer.__qualname__ = module.__name__, "HistoryBuffer"
    for name in ("mmengine", "mmengine.logging"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    hub = {"log_scalars": OrderedDict({"train/loss": HistoryBuffer()}), "runtime_info": {}}
    paths = [
        write({"meta": META, "state_dict": state, "message_hub": hub}, name, legacy=legacy)
        for name, legacy in (("legacy.pth", True), ("zip.pth", False))
    ]
    monkeypatch.undo()
    for path in paths:
        assert read_checkpoint(path).classes == NAMES
        assert "history_buffer" in path.read_bytes().decode("latin-1")


class Payload:
    """A pickle of it does `function(*arguments)` when it is loaded in earnest."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("legacy", [True, False])
@pytest.mark.parametrize("place", ["top", "meta", "state_dict", "tensor"])
def test_code_in_a_pickle_does_not_run(state, write, tmp_path, legacy, place):
    trace = tmp_path / "it-ran"
    for payload in (Payload(os.system, f"touch {trace}"), Payload(open, str(trace), "w")):
        content = {
            "top": payload,
            "meta": {"meta": {"time": payload}, "state_dict": state},
            "state_dict": {"state_dict": payload},
            "tensor": {"state_dict": {**state, "x": payload}},
        }[place]
        said = refused(write(content, legacy=legacy))
        assert "code" in said
        assert "system" in said or "open" in said
        assert not trace.exists()


def test_the_payload_would_run():
    """Else the test above would pass on anything."""
    seen = []
    assert Payload(seen.append, 1).__reduce__()[0](1) is None
    assert seen == [1]


@pytest.mark.parametrize("legacy", [True, False])
@pytest.mark.parametrize("share", [0, 0.0001, 0.01, 0.5, 0.999])
def test_a_truncated_file_is_said_to_be_cut_short(state, write, legacy, share):
    path = write({"meta": META, "state_dict": state}, legacy=legacy)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    assert "cut short" in refused(path)


@pytest.mark.parametrize(
    "content", [b"<!DOCTYPE html><html>404</html>", b"\x80\x02N.", b"\0" * 500, b"PK\3\4junk"]
)
def test_what_is_no_checkpoint_is_refused(tmp_path, content):
    path = tmp_path / "page.pth"
    path.write_bytes(content)
    assert "cut short or no PyTorch checkpoint" in refused(path)


def test_what_holds_no_weights_is_refused(write):
    assert "holds a list" in refused(write([1, 2]))
    assert "no weights by name" in refused(write({"state_dict": {"a": 1}}))
    assert "has no weights" in refused(write({"state_dict": {}}))
    assert "it has layer.weight" in refused(write({"layer.weight": torch.zeros(1)}))


def test_a_missing_file_and_a_strange_one_are_named(tmp_path):
    assert "No such file" in refused(tmp_path / "weights.pth")
    (tmp_path / "weights.bin").write_bytes(b"1")
    assert ".pth or .safetensors" in refused(tmp_path / "weights.bin")


def test_a_published_name_promises_its_digest(state, write, tmp_path):
    path = write({"meta": META, "state_dict": state})
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    right = path.rename(
        tmp_path / f"rtmdet-ins_tiny_8xb32-300e_coco_20221130_151727-{digest[:8]}.pth"
    )
    assert read_checkpoint(right).sha256 == digest
    wrong = right.rename(tmp_path / "rtmdet-ins_tiny_8xb32-300e_coco_20221130_151727-ec670f7e.pth")
    said = refused(wrong)
    assert "damaged download" in said
    assert digest[:8] in said
    assert read_checkpoint(wrong.rename(tmp_path / "mine-20221130.pth")).sha256 == digest


def test_another_size_than_the_one_asked_for_is_refused(state, write):
    path = write({"meta": META, "state_dict": state})
    assert read_checkpoint(path, size="tiny").size == "tiny"
    assert "is size tiny, not l" in refused(path, size="l")


@pytest.mark.parametrize("size", ["tiny", "s", "m", "l", "x"])
def test_every_size_is_told_by_its_weights(write, size):
    with torch.device("meta"):
        shapes = RTMDetIns(size, classes=1).state_dict()
    zero = torch.zeros(())
    path = write({key: zero.to(like.dtype).expand(like.shape) for key, like in shapes.items()})
    assert read_checkpoint(path, size=size, classes=["bottle"]).size == size


def test_keys_that_do_not_fit_are_named_and_counted(state, write):
    lacking = {k: v for k, v in state.items() if not k.startswith("neck.out_convs.0")}
    said = refused(write(lacking))
    assert "lacks neck.out_convs.0.bn.bias, " in said
    assert "and 3 more" in said
    assert "has no place for extra" in refused(write({**state, "extra": torch.zeros(1)}))
    wide = {**state, "neck.out_convs.0.conv.weight": torch.zeros(96, 96, 1, 1)}
    assert "weight (96x96x1x1, not 96x96x3x3)" in refused(write(wide))


def test_a_size_that_nobody_published_is_refused(state, write):
    thin = {**state, "backbone.stem.0.conv.weight": torch.zeros(8, 3, 3, 3)}
    assert "unknown size: its first layer has 8 channels" in refused(write(thin))


def test_the_detection_only_network_is_recognised(state, write):
    detector = {
        key: value for key, value in state.items() if "kernel" not in key and "mask_head" not in key
    }
    assert "detection-only RTMDet" in refused(write(detector))


@pytest.mark.parametrize(
    "key", ["bbox_head.reg_convs.1.0.bn.weight", "bbox_head.cls_convs.2.1.conv.weight"]
)
def test_a_fork_with_separate_towers_is_refused(state, write, key):
    fork = {**state, key: state[key] + 1e-7}
    said = refused(write(fork))
    assert "#9835" in said
    assert key in said


def test_weights_that_are_not_finite_are_refused(state, write):
    broken = {**state, "neck.out_convs.0.conv.weight": state["neck.out_convs.0.conv.weight"] / 0}
    assert "not finite in neck.out_convs.0.conv.weight" in refused(write(broken))


def test_tensors_of_a_strange_kind_are_refused(state, write):
    """Small in the file, and a whole network's worth of trouble in memory."""
    key = "neck.out_convs.0.conv.weight"
    for strange in (state[key].to(torch.int8), state[key] * 1j):
        assert f"no plain numbers in {key}" in refused(write({**state, key: strange}))
    huge = torch.zeros(()).expand(1 << 40)
    assert f"another shape in {key} (1099511627776" in refused(write({**state, key: huge}))


def test_half_precision_becomes_float32(state, write):
    half = {k: v.half() if v.is_floating_point() else v for k, v in state.items()}
    read = read_checkpoint(write(half), classes=NAMES)
    kinds = {value.dtype for value in read.state.values()}
    assert kinds == {torch.float32, torch.int64}


@pytest.mark.parametrize(
    ("meta", "given", "message"),
    [
        ({}, (), "does not say what its 3 classes are called"),
        ({}, ("a", "b"), "knows 3 classes, but there are 2 names"),
        ({}, ("a", "b", "a"), "appears twice"),
        ({}, ("a", "b", "c\n"), "class name: "),
        (META, ("a", "b"), "knows 3 classes, but there are 2 names"),
        ({"dataset_meta": {"classes": ["a", 1, "c"]}}, (), "does not say"),
        ({"CLASSES": "bottle"}, (), "3 classes, but there are 1 names"),
        ("nothing", (), "does not say"),
    ],
)
def test_class_names_must_fit(state, write, meta, given, message):
    assert message in refused(write({"meta": meta, "state_dict": state}), classes=given)


@pytest.mark.parametrize(
    "meta",
    [{"dataset_meta": {"classes": NAMES}}, {"dataset_meta": {"CLASSES": NAMES}}, {"CLASSES": NAMES},
     {"classes": list(NAMES)}, {"dataset_meta": {"classes": None}, "CLASSES": NAMES}],
)  # fmt: skip
def test_names_are_found_under_either_key_and_a_person_s_win(state, write, meta):
    path = write({"meta": meta, "state_dict": state})
    assert read_checkpoint(path).classes == NAMES
    assert read_checkpoint(path, classes=("a", "b", "c")).classes == ("a", "b", "c")


def test_a_person_s_names_win_over_those_of_our_own_files(net, tmp_path):
    path = tmp_path / "teacher.safetensors"
    save_safetensors(net, path, NAMES)
    assert read_checkpoint(path, classes=("a", "b", "c")).classes == ("a", "b", "c")


@pytest.mark.parametrize(
    "wrapped",
    ["module.{}", "_orig_mod.{}", "module._orig_mod.{}", "_orig_mod.module.{}"],
)
def test_weights_of_a_wrapped_network_are_the_network_s(net, state, write, wrapped):
    """As DataParallel and `torch.compile` save them."""
    path = write({"state_dict": {wrapped.format(key): value for key, value in state.items()}})
    read = read_checkpoint(path, classes=NAMES)
    assert all(canonical(key) == key for key in read.state)
    assert same_outputs(read.net(), net)


def test_parts_may_be_compiled_by_themselves(net, state, write):
    parts = {key.replace("backbone.", "backbone._orig_mod."): value for key, value in state.items()}
    assert same_outputs(read_checkpoint(write(parts), classes=NAMES).net(), net)


def test_two_networks_in_one_file_are_not_mixed(state, write):
    both = {**state, **{f"module.{key}": value + 1 for key, value in state.items()}}
    assert "has no place for module.backbone" in refused(write(both), classes=NAMES)


def test_what_is_saved_is_what_is_read(net, tmp_path):
    path = tmp_path / "teacher.safetensors"
    save_safetensors(net, path, NAMES, source="a.pth", source_sha256="ab" * 32, image_size=320)
    read = read_checkpoint(path, size="tiny", classes=NAMES)
    assert (read.size, read.classes, read.image_size) == ("tiny", NAMES, 320)
    assert (read.source, read.source_sha256) == ("a.pth", "ab" * 32)
    assert read.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert same_outputs(read_checkpoint(path).net(), net)
    assert not any("reg_convs" in key for key in read.state)


def test_what_can_not_be_described_is_not_saved(net, tmp_path):
    path = tmp_path / "teacher.safetensors"
    with pytest.raises(ModelError, match="2 names"):
        save_safetensors(net, path, NAMES[:2])
    with pytest.raises(ModelError, match="image_size"):
        save_safetensors(net, path, NAMES, image_size=333)
    assert not path.exists()


@pytest.fixture
def tampered(net, tmp_path):
    """A saved file whose metadata or tensors were changed."""

    def tampered(metadata, **tensors):
        path = tmp_path / "teacher.safetensors"
        save_safetensors(net, path, NAMES)
        with safetensors.safe_open(path, framework="pt") as file:
            said = file.metadata() | metadata
        weights = safetensors.torch.load_file(path) | tensors
        safetensors.torch.save_file(weights, path, {k: v for k, v in said.items() if v})
        return path

    return tampered


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"format": None}, "was not written by sfumato-distill"),
        ({"format": "pt"}, "was not written by sfumato-distill"),
        ({"classes": "[" * 100_000}, "metadata can't be read"),
        ({"classes": "bottle"}, "metadata can't be read"),
        ({"classes": '{"a": 1}'}, "metadata: classes: "),
        ({"classes": '["a", "b"]'}, "3 classes, but there are 2 names"),
        ({"classes": None}, "metadata: classes: Field required"),
        ({"size": "s"}, "is size tiny, not s"),
        ({"image_size": "1000000"}, "metadata: image_size: "),
        ({"source_sha256": "x"}, "metadata: source_sha256: "),
    ],
)
def test_metadata_is_not_believed(tampered, metadata, message):
    assert message in refused(tampered(metadata))


def test_tensors_of_safetensors_are_checked_too(tampered):
    assert "has no place for extra" in refused(tampered({}, extra=torch.zeros(1)))


def test_a_truncated_safetensors_is_said_to_be_cut_short(net, tmp_path):
    path = tmp_path / "teacher.safetensors"
    save_safetensors(net, path, NAMES)
    whole = path.read_bytes()
    for share in (0, 0.0001, 0.5, 0.999):
        path.write_bytes(whole[: int(len(whole) * share)])
        assert "cut short" in refused(path)


def test_a_pickle_that_calls_itself_safetensors_is_not_opened(tmp_path):
    trace = tmp_path / "it-ran"
    buffer = io.BytesIO()
    torch.save(Payload(open, str(trace), "w"), buffer)
    path = tmp_path / "teacher.safetensors"
    path.write_bytes(buffer.getvalue())
    assert "cut short or no safetensors" in refused(path)
    assert not trace.exists()
