"""Who has a whole model knows that somebody has looked."""

import pytest

from models.onnx_file.whole_model import OutsideError, WholeModel
from models.onnx_file.wire import DamagedOnnxError
from tests.models.onnx_file.places import PLACES, inside, outside


@pytest.mark.parametrize("place", PLACES)
def test_only_what_needs_nothing_else_is_one(place):
    data = PLACES[place](inside()).SerializeToString()
    assert WholeModel.of(data).data == data
    with pytest.raises(OutsideError, match=r"another file \('w\.data'\); only what is in a bundle"):
        WholeModel.of(PLACES[place](outside()).SerializeToString())


def test_what_is_damaged_is_none():
    with pytest.raises(DamagedOnnxError):
        WholeModel.of(b"hello")


def test_nobody_makes_one_without_looking():
    with pytest.raises(TypeError, match=r"made by WholeModel\.of"):
        WholeModel(object(), b"")
