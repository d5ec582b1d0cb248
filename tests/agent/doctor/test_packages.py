"""What doctor has pip install is what the project stands on."""

import re
from pathlib import Path

import agent.doctor

ROOT = Path(agent.doctor.__file__).parents[2]
APART = {"tensorrt>=10.3,<12"}
"""Of JetPack, or of a PC's own choice: `models.runtime.tensorrt_versions` says which."""


def test_every_package_has_the_bounds_that_the_project_gives_it():
    named = set()
    for path in (ROOT / "agent" / "doctor").glob("*.py"):
        named |= set(re.findall(r'"([a-z-]+>=[\d.,<]+)"', path.read_text("utf-8")))
    assert {each.partition(">")[0] for each in named} == {
        *("av", "onnxruntime", "opencv-python", "pycuda", "tensorrt")
    }
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    assert [each for each in named - APART if f'"{each}"' not in project] == []
