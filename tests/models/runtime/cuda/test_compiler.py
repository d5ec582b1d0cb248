"""Real compilers where there are any: what they make was never run here."""

import os
import shutil
from pathlib import Path

import pytest

from models.errors import ModelError
from models.runtime.cuda import compiler
from models.runtime.cuda.compiler import compiled, first_error
from models.runtime.cuda.nvrtc import compile_by_nvrtc, nvrtc_library

SOURCES = {
    "add.cu": "__device__ int add(int a, int b) { return a + b; }\n",
    "fill.cu": 'extern "C" __global__ void fill(int *to) { *to = add(1, 2); }\n',
}
WRONG = SOURCES | {"wrong.cu": 'extern "C" __global__ void wrong(int *to) {\n    nonsense;\n}\n'}
WORLD = Path(__file__).parents[3] / "world" / "gpu" / "bin"


@pytest.fixture
def counted_nvcc(tmp_path, monkeypatch):
    """A folder for PATH with the compiler that stands for nvcc, and the file in which it counts."""
    if shutil.which("g++") is None:
        pytest.skip("needs g++")
    count, folder = tmp_path / "count", tmp_path / "bin"
    folder.mkdir()
    (folder / "nvcc").write_text(f'#!/bin/sh\necho >> "{count}"\nexec "{WORLD / "nvcc"}" "$@"\n')
    (folder / "nvcc").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    for name in ("CUDA_HOME", "CUDA_PATH"):
        monkeypatch.delenv(name, raising=False)
    return lambda: len(count.read_text()) if count.exists() else 0


def test_what_was_compiled_is_kept_by_source_and_gpu(counted_nvcc, tmp_path):
    cache = tmp_path / "made" / "here"
    first = compiled(SOURCES, "8.7", cache)
    assert (compiled(SOURCES, "8.7", cache), counted_nvcc()) == (first, 1)
    compiled(SOURCES, "8.6", cache)
    assert counted_nvcc() == 2
    changed = SOURCES | {"fill.cu": SOURCES["fill.cu"].replace("1, 2", "1, 3")}
    assert compiled(changed, "8.7", cache) != first
    assert counted_nvcc() == 3
    assert compiled(SOURCES, "8.7") == first  # kept nowhere
    assert counted_nvcc() == 4


@pytest.mark.parametrize("damage", [lambda kept: kept[:-1] + bytes([kept[-1] ^ 1]), lambda _: b""])
def test_what_is_damaged_is_compiled_again(counted_nvcc, tmp_path, damage):
    first = compiled(SOURCES, "8.7", tmp_path)
    (kept,) = tmp_path.glob("*.cubin")
    kept.write_bytes(damage(kept.read_bytes()))
    assert compiled(SOURCES, "8.7", tmp_path) == first
    assert (compiled(SOURCES, "8.7", tmp_path), counted_nvcc()) == (first, 2)


def test_a_cache_that_can_not_be_written_is_done_without(counted_nvcc, tmp_path):
    (tmp_path / "file").touch()
    assert compiled(SOURCES, "8.7", tmp_path / "file" / "cache")
    assert counted_nvcc() == 1


def test_a_source_that_is_wrong_is_one_line_that_says_where(counted_nvcc):
    with pytest.raises(ModelError, match=r"nvcc can't compile .* sm_87: wrong\.cu:2:\d+: error:"):
        compiled(WRONG, "8.7")
    assert counted_nvcc() == 1


def test_a_home_of_cuda_goes_before_the_path(counted_nvcc, tmp_path, monkeypatch):
    home = tmp_path / "home"
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "nvcc").symlink_to(WORLD / "nvcc")
    monkeypatch.setenv("CUDA_HOME", str(home))
    assert compiled(SOURCES, "8.7")
    assert counted_nvcc() == 0


def test_of_what_a_compiler_says_the_error_is_told():
    assert first_error("warning: slow\n  a.cu(3): error: no\nmore\n") == "a.cu(3): error: no"
    assert first_error("nvcc fatal   : Unsupported gpu architecture 'sm_53'").startswith("nvcc")
    assert first_error("\n") == ""


def real_nvcc():
    nvcc = compiler._nvcc()
    if nvcc is None:
        pytest.skip("needs CUDA: nvcc")
    return nvcc


def test_a_real_nvcc_makes_a_cubin_and_refuses_what_is_no_gpu():
    nvcc = real_nvcc()
    assert (
        compiler._by_nvcc(nvcc, SOURCES["add.cu"] + SOURCES["fill.cu"], "sm_87")[:4] == b"\x7fELF"
    )
    with pytest.raises(ModelError, match=r"for sm_53: .*sm_53"):
        compiler._by_nvcc(nvcc, SOURCES["add.cu"], "sm_53")


def test_a_real_nvrtc_makes_a_cubin_and_says_what_is_wrong():
    library = nvrtc_library()
    if library is None:
        pytest.skip("needs CUDA: libnvrtc")
    text = "\n".join(f'#line 1 "{name}"\n{source}' for name, source in WRONG.items())
    with pytest.raises(ModelError, match=r"for sm_87: .*wrong\.cu\(2\): error: .*nonsense"):
        compile_by_nvrtc(library, text, "sm_87", compiler.FLAGS)
    good = SOURCES["add.cu"] + SOURCES["fill.cu"]
    assert compile_by_nvrtc(library, good, "sm_87", compiler.FLAGS)[:4] == b"\x7fELF"
    with pytest.raises(ModelError, match=r"for sm_1: .*invalid"):
        compile_by_nvrtc(library, good, "sm_1", compiler.FLAGS)
