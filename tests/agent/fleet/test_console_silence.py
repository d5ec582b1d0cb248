"""The console asks nobody but its broker: run whole in a room from which nothing gets out."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
CONSOLE = ROOT / "tests" / "world" / "quiet_console.py"


@pytest.mark.slow
def test_nothing_is_looked_up_or_sent_beyond_this_machine_and_no_file_is_left():
    if shutil.which("mosquitto") is None and not Path("/usr/sbin/mosquitto").exists():
        pytest.skip("needs mosquitto")
    rights = [] if os.getuid() == 0 else ["--map-root-user"]
    room = ["unshare", *rights, "--net", "--mount"]
    if subprocess.run([*room, "true"], capture_output=True, check=False).returncode:
        pytest.skip("needs namespaces, which this machine does not permit")
    commands = {
        "console": [sys.executable, str(CONSOLE)],
        "talks": [
            sys.executable,
            "-c",
            "import urllib.request as u; u.urlopen('http://nicegui.io')",
        ],
    }
    done = subprocess.run(
        [*room, sys.executable, str(ROOT / "tests" / "silent_room.py")],
        input=json.dumps(commands),
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    console = found["console"]
    assert console["code"] == 0, console["said"]
    assert console["names"] == []
    assert console["sent"].keys() <= {"ActiveOpens"}  # to the broker, and to itself
    ports = f"tmp/sfumato-ports-{os.getuid()}"  # of the tests' own world
    assert set(console["files"]) <= {ports}
    assert found["talks"]["names"]  # else it would pass on anything
