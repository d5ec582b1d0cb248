"""A file's ending says which teacher reads it."""

import pytest

from distill.errors import UsageError
from distill.predict.open import load_teacher
from models.errors import ModelError


@pytest.mark.slow
def test_our_weights_are_read_at_the_size_they_are_for(seeing_weights):
    teacher = load_teacher(str(seeing_weights), device="cpu")
    assert teacher.name == "rtmdet-ins-tiny"
    named = load_teacher(seeing_weights, classes=["a", "b", "c"], device="cpu")
    assert (teacher.classes, named.classes) == (("bottle", "can", "cup"), ("a", "b", "c"))
    with pytest.raises(ModelError, match="knows 3 classes, but there are 2 names"):
        load_teacher(seeing_weights, classes=["a", "b"], device="cpu")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image_size": 100}, "multiple of 32"),
        ({"image_size": 8192}, "multiple of 32"),
        ({"device": "tpu9"}, "no device"),
        ({"device": "cuda:99"}, "no GPU 'cuda:99'"),
    ],
)
def test_words_that_make_no_sense_are_refused(seeing_weights, options, message):
    with pytest.raises(UsageError, match=message):
        load_teacher(seeing_weights, **options)


def test_other_files_are_no_teachers(tmp_path):
    with pytest.raises(UsageError, match="RTMDet-Ins"):
        load_teacher(tmp_path / "teacher.onnx")


@pytest.mark.parametrize("name", ["x.pth", "x.safetensors", "x.pt"])
def test_a_missing_file_is_named(tmp_path, name):
    with pytest.raises(ModelError, match="No such file"):
        load_teacher(tmp_path / name, device="cpu")
