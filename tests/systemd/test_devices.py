"""The device drop-in: what install.sh finds in /dev is what the agent can open."""

import json

import pytest

from tests.systemd.conftest import INSTALL

WANTED = {
    "/dev/video0": (81, 0),
    "/dev/dri/renderD128": (226, 128),
    "/dev/nvfake0": (10, 232),
    "/dev/nvgpu/igpu0/ctrl": (195, 1),
    "/dev/host1x-fence": (195, 2),
    "/dev/v4l2-nvdec": (195, 3),
}
"""Nodes as they may be on any board, with the numbers of their drivers, which needn't be there."""

UNWANTED = {"/dev/nvme0": (239, 0), "/dev/nvram": (10, 144), "/dev/another": (10, 200)}

OPEN_ALL = """\
#!/usr/bin/python3
import errno, json, os, sys
found = {}
for path in sys.argv[1:]:
    try:
        os.close(os.open(path, os.O_RDWR))
        found[path] = ""
    except OSError as error:
        found[path] = errno.errorcode[error.errno]
print("found", json.dumps(found))
"""


@pytest.mark.slow
def test_the_agent_opens_the_nodes_that_were_found_and_no_others(boot):
    service = boot()
    machine = service.machine
    for path, numbers in (WANTED | UNWANTED).items():
        machine.exec("mkdir", "-p", path.rpartition("/")[0])
        machine.exec("mknod", "-m", "666", path, "c", *numbers)
    machine.exec(INSTALL)
    drop_ins = machine.disk / "etc/systemd/system/sfumato-agent.service.d"
    allowed = (drop_ins / "10-devices.conf").read_text().split("[Service]\n")[1]
    assert allowed == "".join(f"DeviceAllow={path} rw\n" for path in sorted(WANTED))

    opener = machine.disk / "local/bin/open-all"
    opener.write_text(OPEN_ALL)
    opener.chmod(0o755)
    paths = " ".join(WANTED | UNWANTED)
    (drop_ins / "99-opener.conf").write_text(
        f"[Service]\nType=oneshot\nRestart=no\nExecStart=\nExecStart=/usr/local/bin/open-all {paths}\n"
    )
    machine.exec("systemctl", "daemon-reload")
    service.systemctl("start")
    found = json.loads(service.said.partition("found ")[2].splitlines()[0])
    refused = {path for path, reason in found.items() if reason == "EPERM"}
    assert refused == set(UNWANTED), found
