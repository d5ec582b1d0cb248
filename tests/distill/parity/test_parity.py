"""Parity holds, and it fails where anything differs from the original."""

import numpy as np
import pytest

from distill.parity import check_fixture
from distill.parity.fixture import Fixture
from distill.parity.infer import check_inference
from distill.parity.train import check_training
from distill.rtmdet import assigner, criterion
from models.nets import blocks

from .conftest import SHARED_ORACLE

pytestmark = pytest.mark.slow  # each runs RTMDet-Ins in float64
FILES = sorted(path.name for path in SHARED_ORACLE.glob("*.npz"))
TRAINED = "rtmdet-ins_tiny_nc1.npz"


def test_there_are_fixtures(oracle):
    assert TRAINED in FILES
    assert len(FILES) >= 3
    assert {path.name for path in oracle.glob("*.npz")} == set(FILES)


@pytest.mark.parametrize("name", FILES)
def test_nothing_differs_from_the_original(name):
    rows = check_fixture(SHARED_ORACLE / name)
    assert len(rows) > 50
    assert len({row.name for row in rows}) == len(rows)
    assert [row for row in rows if not row.ok] == []


class Another(Fixture):
    """An original that differs in one thing; only the smallest image is looked at."""

    def __init__(self, path):
        super().__init__(path)
        self.images = ["formula"]


def wrong_in(rows):
    return {row.name for row in rows if not row.ok}


def test_only_the_smallest_image_is_right_as_well(oracle):
    assert wrong_in(check_inference(Another(oracle / TRAINED))) == set()


def test_another_epsilon_is_seen(oracle, monkeypatch):
    monkeypatch.setattr(blocks, "BN_EPS", 1e-3)
    wrong = wrong_in(check_inference(Another(oracle / TRAINED)))
    assert {
        "plain: cls f64",
        "plain: cls f32",
        "formula: cls f64",
        "formula: instances unmatched",
    } <= wrong


def test_priors_in_the_middle_of_their_cells_are_seen(oracle):
    class Shifted(Another):
        def array(self, name):
            values = super().array(name)
            return values + np.float32(4) if name == "formula/boxes" else values

    wrong = wrong_in(check_inference(Shifted(oracle / TRAINED)))
    assert "formula: instances unmatched" in wrong


def test_other_colours_are_seen(oracle):
    class Rgb(Another):
        def image(self, name):
            return super().image(name)[..., ::-1]

    wrong = wrong_in(check_inference(Rgb(oracle / TRAINED)))
    assert {"formula: input pixels", "formula: cls f64", "plain: backbone f32"} <= wrong


def test_biases_before_weights_are_seen_in_the_masks(oracle):
    class BiasesFirst(Another):
        """Its masks are right only where the biases are the last of the 169."""

        def state_dict(self, variant, class_bias=None):
            state = super().state_dict(variant, class_bias)
            return {
                key: np.roll(value, 17, axis=0) if ".rtm_kernel." in key else value
                for key, value in state.items()
            }

    wrong = wrong_in(check_inference(BiasesFirst(oracle / TRAINED)))
    assert {"formula: kernel f64", "formula: mask logits", "formula: masks"} <= wrong
    assert "formula: boxes" not in wrong


def test_one_weight_that_differs_is_seen(oracle):
    class Touched(Another):
        def state_dict(self, variant, class_bias=None):
            state = super().state_dict(variant, class_bias)
            changed = state["bbox_head.kernel_convs.2.1.bn.bias"].copy()
            changed[7] += 1e-3  # float32 hides it where signals are strong
            return state | {"bbox_head.kernel_convs.2.1.bn.bias": changed}

    fixture = Touched(oracle / TRAINED)
    assert fixture.wrong_weights() == 1
    assert wrong_in(check_inference(fixture)) == {
        "plain: kernel f64",
        "plain: kernel f32",
        "formula: kernel f64",
    }


def test_a_network_that_gives_nan_is_seen(oracle):
    class Spoilt(Another):
        def state_dict(self, variant, class_bias=None):
            state = super().state_dict(variant, class_bias)
            return state | {"backbone.stem.2.bn.bias": state["backbone.stem.2.bn.bias"] * np.nan}

    fixture = Spoilt(oracle / TRAINED)
    fixture.images = []  # only raw outputs: the decoder refuses what is not finite
    wrong = wrong_in(check_inference(fixture))
    assert {"plain: cls f64", "plain: mask_feat f32"} <= wrong


@pytest.mark.parametrize(
    ("module", "constant", "value", "expected"),
    [
        (assigner, "IOU_WEIGHT", 1.0, "train/evalbn: target metrics"),
        (assigner, "CENTRE_RADIUS", 2.0, "train/evalbn: target metrics"),
        (assigner, "CANDIDATES", 10, "train/evalbn: target metrics"),
        (criterion, "BOX_WEIGHT", 2.01, "train/evalbn: loss_bbox"),
        (criterion, "MASK_WEIGHT", 1.99, "train/evalbn: loss_mask"),
    ],
)
def test_another_constant_of_training_is_seen(
    oracle, monkeypatch, module, constant, value, expected
):
    monkeypatch.setattr(module, constant, value)
    fixture = Fixture(oracle / TRAINED)
    rows = check_training(fixture)  # stops at the row, before any gradient
    assert any(row.name == expected and not row.ok for row in rows)


def test_another_network_is_told_from_its_names_and_shapes(oracle, tmp_path):
    """Its weights would not load."""
    with np.load(oracle / TRAINED) as file:
        arrays = {name: file[name] for name in file.files}
    for name in ("sd_keys", "sd_canon", "bn_keys"):
        arrays[name] = np.char.replace(arrays[name], "stem.0", "stem.9")
    np.savez(tmp_path / "other.npz", **arrays)
    assert wrong_in(check_fixture(tmp_path / "other.npz")) >= {"keys"}
