import numpy as np
import pytest

from distill.errors import InputError
from distill.parity.fixture import Fixture
from distill.parity.formula import formula_image
from distill.parity.sampled import Sampled


def refused(path, match):
    with pytest.raises(InputError, match=match) as caught:
        Fixture(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_file_that_is_not_there_is_said_so(tmp_path):
    refused(tmp_path / "none.npz", "No such file")


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"\x80\x04N.", b"PK\x03\x04 and no more"], ids=repr
)
def test_what_is_no_npz_is_refused(tmp_path, content):
    path = tmp_path / "fixture.npz"
    path.write_bytes(content)
    refused(path, "no parity fixture")


def test_a_lone_array_is_refused(tmp_path):
    path = tmp_path / "fixture.npz"
    with path.open("wb") as file:
        np.save(file, np.zeros(3))
    refused(path, "no parity fixture")


@pytest.mark.parametrize("share", [0.3, 0.9, 0.999])
def test_an_npz_cut_short_is_refused(small, share):
    content = small.read_bytes()
    small.write_bytes(content[: int(len(content) * share)])
    refused(small, "no parity fixture")


def test_a_damaged_array_is_refused(small):
    with np.load(small) as file:
        arrays = dict(file)
    np.savez_compressed(small, **arrays)
    content = bytearray(small.read_bytes())
    content[60:90] = b"\xff" * 30
    small.write_bytes(content)
    refused(small, "no parity fixture")


def test_an_npz_of_something_else_is_refused(tmp_path):
    path = tmp_path / "other.npz"
    np.savez(path, a=np.zeros(3))
    refused(path, "no parity fixture")


@pytest.mark.parametrize(
    "wrong",
    [
        {"meta": np.array("[]")},
        {"meta": np.array("{")},
        {"meta": np.array('{"size": "tiny", "nc": null, "plain_cls_bias": 0}')},
        {"sd_shapes": np.array(["3", "three", ""])},
        {"sd_shapes": np.array(["3"])},
        {"sd_canon": np.array(["a.bn.weight"])},
    ],
    ids=str,
)
def test_an_npz_whose_description_makes_no_sense_is_refused(small, wrong):
    with np.load(small) as file:
        arrays = dict(file)
    np.savez(small, **(arrays | wrong))
    refused(small, "no parity fixture")


def test_a_size_that_does_not_exist_is_named(small):
    with np.load(small) as file:
        arrays = dict(file)
    arrays["meta"] = np.array('{"size": "huge", "nc": 1, "plain_cls_bias": 0}')
    np.savez(small, **arrays)
    refused(small, "'huge'")


def test_keys_that_share_storage_get_the_same_values(small):
    state = Fixture(small).state_dict("plain")
    assert list(state) == ["a.bn.weight", "b.bn.weight", "a.bn.num_batches_tracked"]
    assert state["a.bn.weight"] is state["b.bn.weight"]
    assert state["a.bn.num_batches_tracked"].shape == ()
    assert ((state["a.bn.weight"] >= 0.8) & (state["a.bn.weight"] <= 1.2)).all()


def test_a_photograph_that_is_missing_is_named(small):
    with pytest.raises(InputError, match=r"nat\.png"):
        Fixture(small).image("nat")


def test_formula_image_follows_the_formula():
    image = formula_image(40, 50)
    assert image.shape == (40, 50, 3)
    y, x, c = 33, 41, 2
    texture = (x * 11 + y * 5 + (x * y) // 7) % 97
    assert image[y, x, c] == (texture + (53 + 91 + 2 * 67) % 160) % 256


@pytest.fixture
def sampled():
    return Sampled((2, 3), 4.0, np.array([0, 2, 5]), np.array([1.0, -4.0, 2.0]))


def test_error_is_a_share_of_the_greatest_value(sampled):
    actual = np.array([[1, 9, -4], [9, 9, 3]], np.float32)
    assert sampled.error(actual) == 0.25
    actual[1, 2] = 2
    assert sampled.error(actual) == 0


def test_rows_that_do_not_count_are_left_out(sampled):
    actual = np.array([[1, 9, -4], [9, 9, 99]], np.float32)
    assert sampled.error(actual, np.array([0])) == 0
    assert sampled.error(actual, np.array([1])) > 1


def test_another_shape_is_infinitely_wrong(sampled):
    assert sampled.error(np.zeros((3, 2))) == np.inf
    assert sampled.error(np.zeros((1, 2, 3))) == np.inf


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_never_right(sampled, value):
    right = np.array([[1, 9, -4], [9, 9, 2]], np.float32)
    assert sampled.error(right) == 0
    right[0, 2] = value
    assert sampled.error(right) == np.inf
    assert sampled.error(np.full((2, 3), value)) == np.inf
