"""The file of an engine, and the key that says where it may run."""

import json

import pytest

from models.errors import EngineError
from models.runtime.engine_file import EngineFile, key_of_engine
from models.runtime.engine_key import EngineKey, system_of
from models.runtime.gpu import GpuIdentity

KEY = EngineKey(
    onnx_sha256="ab" * 32,
    tensorrt="10.3.0",
    compute_capability="8.7",
    device="Orin",
    driver_or_l4t="L4T 36.4.3",
    precision="fp16",
    sizes=((640, 640), (640, 384)),
    batch=4,
    options=1,
)
OTHERS = {
    "onnx_sha256": "cd" * 32,
    "tensorrt": "10.3.1",
    "compute_capability": "8.6",
    "device": "Orin Nano",
    "driver_or_l4t": "L4T 36.4.4",
    "precision": "int8",
    "sizes": ((640, 384), (640, 640)),
    "batch": 1,
    "options": 2,
}
"""For each part another value."""

DATA = EngineFile(KEY, b"plan" * 1000).to_bytes()


def test_what_was_written_is_read():
    assert EngineFile.from_bytes(DATA) == EngineFile(KEY, b"plan" * 1000)
    assert key_of_engine(DATA[:2000]) == KEY


@pytest.mark.parametrize("part", EngineKey.model_fields)
def test_each_part_makes_another_key(part):
    other = KEY.model_copy(update={part: OTHERS[part]})
    assert other.digest != KEY.digest
    assert KEY.unlike(other) == (part,)
    own = part not in {"onnx_sha256", "precision", "sizes", "batch"}
    assert KEY.is_of_another_machine(other) == own


def test_an_equal_key_has_an_equal_digest():
    again = EngineKey.model_validate_json(KEY.model_dump_json())
    assert (again, again.digest) == (KEY, KEY.digest)
    assert KEY.unlike(again) == ()


def test_no_flipped_byte_is_read_as_the_same_engine():
    """In the header it may be read as that of another one, of another key."""
    for place in range(len(DATA)):
        flipped = bytearray(DATA)
        flipped[place] ^= 1
        try:
            found = EngineFile.from_bytes(bytes(flipped))
        except EngineError:
            continue
        assert found.key != KEY


@pytest.mark.parametrize("size", [0, 5, 12, 40, 500, len(DATA) - 1])
def test_what_is_cut_is_refused(size):
    with pytest.raises(EngineError):
        EngineFile.from_bytes(DATA[:size])


def test_what_is_longer_is_refused():
    with pytest.raises(EngineError, match="damaged"):
        EngineFile.from_bytes(DATA + b"x")


def header(**changes):
    """An engine whose header says something else."""
    begin = DATA.index(b"{")
    end = DATA.index(b"plan" * 3)
    said = json.loads(DATA[begin:end]) | changes
    data = json.dumps(said).encode()
    return DATA[:8] + len(data).to_bytes(4, "little") + data + DATA[end:]


@pytest.mark.parametrize(
    "data",
    [
        b"ftrtplan" + DATA[8:],
        DATA[:8] + b"\xff\xff\xff\xff" + DATA[12:],
        header(more=1),
        header(plan_bytes=0),
        header(plan_bytes=1 << 60),
        header(key={}),
        DATA[:12] + b"[" * 16000,
    ],
    ids=["a plan", "endless header", "more", "no plan", "huge plan", "no key", "deep"],
)
def test_what_is_something_else_is_refused_in_one_line(data):
    with pytest.raises(EngineError) as caught:
        EngineFile.from_bytes(data)
    assert "\n" not in str(caught.value)


def test_the_header_above_is_one_that_is_read():
    assert EngineFile.from_bytes(header()).key == KEY


GPU = GpuIdentity("Orin", "8.7", "12.6")


def test_a_jetson_says_which_linux_it_has(tmp_path):
    path = tmp_path / "nv_tegra_release"
    path.write_text("# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic, EABI: aarch64")
    assert system_of(GPU, path) == "L4T 36.4.3"


@pytest.mark.parametrize("text", ["", "something else", None])
def test_elsewhere_it_is_what_the_driver_speaks(tmp_path, text):
    path = tmp_path / "release"
    if text is not None:
        path.write_text(text)
    assert system_of(GPU, path) == "CUDA 12.6"
