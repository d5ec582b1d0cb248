"""CUDA, pycuda, TensorRT and ONNX Runtime: what is there, and why something can't be used."""

from dataclasses import replace

import boards
import pytest

from agent.doctor.gpu import JETPACK, look_at_gpu, look_at_onnxruntime, look_at_runtimes


def look(board, **how):
    return {each.name: each for each in look_at_gpu(board.machine, board.interpreter(**how))}


def test_a_jetson_as_jetpack_leaves_it(root):
    found = look(boards.orin_nano(root))
    assert {each.state for each in found.values()} == {"ok"}
    assert found["tensorrt"].said == "10.3.0"
    assert found["cuda"].said == "CUDA 12.6, with nvcc"
    assert found["pycuda"].said == "2024.1.2 sees Simulated GPU, compute capability 8.7, CUDA 12.6"


def test_a_pc_without_one_has_nothing_to_mend(root):
    (gpu,) = look_at_gpu(boards.pc(root).machine, boards.pc(root.parent / "b").interpreter())
    assert (gpu.name, gpu.state, gpu.command) == ("gpu", "ok", "")


def test_a_pc_with_one_gets_it_from_pypi_and_its_distribution(root):
    board = boards.pc_with_nvidia(root)
    found = look(board)
    assert found["gpu"].state == "ok"
    states = {name: each.state for name, each in found.items() if name != "gpu"}
    assert states == {"cuda": "missing", "pycuda": "missing", "tensorrt": "missing"}
    assert found["tensorrt"].command.endswith("-m pip install 'tensorrt>=10.3,<12'")
    assert found["pycuda"].command.endswith("-m pip install 'pycuda>=2024.1'")
    assert found["cuda"].command == "sudo apt-get install nvidia-cuda-toolkit"
    assert not any(each.needed for each in found.values())  # the processor can do it, too
    (root / "dev/nvidia-uvm").unlink()
    assert (look(board)["gpu"].state, look(board)["gpu"].needed) == ("warning", False)
    assert look(board)["gpu"].command.startswith("sudo nvidia-modprobe -u -c=0 && sudo sfumato")
    (root / "proc/driver/nvidia/version").unlink()
    assert look(board)["gpu"].command == "sudo apt-get install nvidia-driver"
    board.put("etc/os-release", "PRETTY_NAME='Ubuntu 24.04 LTS'")
    assert look(board)["gpu"].command == "sudo ubuntu-drivers install"


def test_a_jetson_that_was_flashed_without_jetpack(root):
    board = boards.orin_nano(root)
    (root / "usr/local/cuda").unlink()
    for name in ("tensorrt/__init__.py", "pycuda/__init__.py"):
        (root / board.modules / name).unlink()
        ((root / board.modules / name).parent).rename(root / name.partition("/")[0])
    found = look(board)
    assert (found["cuda"].state, found["cuda"].command) == ("missing", JETPACK)
    assert (found["tensorrt"].state, found["tensorrt"].command) == ("missing", JETPACK)
    assert found["tensorrt"].said == "not installed"
    assert "CPATH" not in found["pycuda"].command


def test_pycuda_is_built_against_the_cuda_that_is_there(root):
    board = boards.pc_with_nvidia(root)
    board.put("usr/local/cuda/lib64/libnvrtc.so.12")
    found = look(board)
    assert found["cuda"].said == "CUDA, with NVRTC"
    assert "CPATH=/usr/local/cuda/include" in found["pycuda"].command


def test_tensorrt_that_is_there_and_not_seen(root):
    board = boards.orin_nano(root)
    blind = look(board, sees_system=False, prefix=root)["tensorrt"]
    assert blind.state == "missing"
    assert "made without --system-site-packages" in blind.said
    assert blind.command == f"/usr/bin/python3 -m venv --system-site-packages {root}"
    other = look(board, minor=11)["tensorrt"]
    assert "for the distribution's Python 3.10" in other.said
    assert "--system-site-packages ~/sfumato" in other.command


@pytest.mark.parametrize(
    ("source", "said", "command"),
    [
        (
            "raise ImportError('libnvdla_compiler.so: cannot open shared object file')",
            "ImportError: libnvdla_compiler.so: cannot open",
            "sudo apt-get install nvidia-l4t-dla-compiler",
        ),
        (
            "raise ImportError('libnvinfer.so.10: cannot open shared object file')",
            "libnvinfer.so.10",
            "sudo apt-get install --reinstall python3-libnvinfer",
        ),
        ("raise SystemError('odd')", "SystemError: odd", "--reinstall python3-libnvinfer"),
        (
            "import os, signal; os.kill(os.getpid(), signal.SIGABRT)",
            "it crashes: SIGABRT",
            "--reinstall python3-libnvinfer",
        ),
    ],
)
def test_an_import_that_fails_is_a_reason_and_no_crash(root, source, said, command):
    board = boards.orin_nano(root)
    board.bring({"tensorrt/__init__.py": source})
    found = look(board)["tensorrt"]
    assert found.state == "missing"
    assert said in found.said
    assert command in found.command


def test_a_pcs_tensorrt_that_is_broken_is_installed_anew(root):
    board = boards.pc_with_nvidia(root)
    board.bring({"tensorrt/__init__.py": "raise ImportError('libnvinfer.so.10')"})
    assert "--force-reinstall 'tensorrt" in look(board)["tensorrt"].command


def test_pycuda_that_sees_no_gpu(root):
    board = boards.orin_nano(root)
    board.bring({"pycuda/driver.py": "def init(): raise RuntimeError('cuInit failed: no device')"})
    found = look(board)["pycuda"]
    assert found.state == "missing"
    assert found.said == "can't be used: no GPU that CUDA can use: cuInit failed: no device"
    assert "usermod" in found.command


def test_onnxruntime_is_needed(root):
    board = boards.pc(root)
    found = look_at_onnxruntime(board.interpreter())
    assert found.state == "ok"
    assert "CPU" in found.said
    assert "Azure" not in found.said
    board.bring({"onnxruntime.py": "raise ImportError('libgomp.so.1')"})
    broken = look_at_onnxruntime(board.interpreter())
    assert (broken.state, broken.needed) == ("missing", True)
    assert "libgomp" in broken.said
    assert "--force-reinstall 'onnxruntime>=1.18'" in broken.command


def test_what_the_agent_asks_for_its_network_is_told_with_reasons_where_there_is_a_gpu(root):
    pc = boards.pc(root)
    found = look_at_runtimes(pc.machine, pc.interpreter())
    assert (found.state, found.said) == ("ok", "networks run on onnxruntime-cpu")
    board = boards.orin_nano(root.parent / "jetson")
    told = look_at_runtimes(board.machine, board.interpreter())
    assert told.said == "networks run on tensorrt, else onnxruntime-cpu"
    board.bring({"tensorrt/__init__.py": "raise ImportError('libnvdla_compiler.so')"})
    told = look_at_runtimes(board.machine, board.interpreter())
    assert told.said.startswith(
        "networks run on onnxruntime-cpu; not on tensorrt: tensorrt can't be imported: libnvdla"
    )
    assert "; not on onnxruntime-cuda: this ONNX Runtime was built without CUDA" in told.said
    pc.bring({"onnxruntime.py": "raise ImportError('libgomp.so.1')"})
    broken = look_at_runtimes(pc.machine, pc.interpreter())
    assert (broken.state, broken.needed) == ("missing", True)


def test_nvcc_is_found_where_the_compiler_looks_for_it(root):
    board = boards.pc_with_nvidia(root)
    here = board.interpreter()
    nvcc = board.put("opt/cuda/bin/nvcc")
    nvcc.chmod(0o755)
    for name, value in (("CUDA_HOME", root / "opt/cuda"), ("PATH", nvcc.parent)):
        told = replace(here, environment={**here.environment, name: str(value)})
        (cuda,) = (each for each in look_at_gpu(board.machine, told) if each.name == "cuda")
        assert cuda.said == "CUDA, with nvcc"
