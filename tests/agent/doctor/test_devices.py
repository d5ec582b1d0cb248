"""Device nodes, who may open them, and the drop-in that lets the service."""

import os
import stat

import boards
import pytest

from agent.doctor.device_nodes import DeviceNode, device_nodes
from agent.doctor.devices import WRITE_DROP_IN, look_at_devices
from agent.doctor.drop_in import DROP_IN, allowed, drop_in
from agent.doctor.user import UNIT, User

SOMEBODY = User(1000, frozenset({1000}), is_service=False)
ROOT = User(0, frozenset({0}), is_service=False)
SERVICE = User(990, frozenset({44}), is_service=True)


def node(name, uid, gid, mode):
    return DeviceNode(name, os.stat_result((stat.S_IFCHR | mode, 0, 0, 1, uid, gid, 0, 0, 0, 0)))


def test_nodes_are_those_of_cameras_and_gpus(root):
    board = boards.orin_nano(root)
    wanted = [
        "capture-vi-channel0", "dma_heap/system", "dri/renderD128", "host1x-fence", "media0",
        "nvgpu/igpu0/ctrl", "nvhost-ctrl", "nvidia0", "nvmap", "v4l-subdev3", "v4l2-nvdec", "video0",
    ]  # fmt: skip
    for name in ("capture-vi-channel0", "dma_heap/system", "media0", "nvidia0", "v4l-subdev3"):
        board.node(name)
    for name in (
        "nvme0",
        "nvme-fabrics",
        "nvram",
        "null",
        "dri/card0",
        "tty1",
        "snd/pcm",
        "vhost-net",
    ):
        board.node(name)
    board.put("dev/video9", "no device")
    board.node("video8", "/dev/nowhere")
    assert [each.name for each in device_nodes(root / "dev")] == [f"/dev/{x}" for x in wanted]
    assert device_nodes(root / "nowhere") == ()


def test_a_drop_in_lists_them_and_is_read_again():
    nodes = [node("/dev/nvmap", 0, 44, 0o660), node("/dev/video0", 0, 44, 0o660)]
    text = drop_in(nodes)
    assert text.splitlines()[1:] == [
        "[Service]", "DeviceAllow=/dev/nvmap rw", "DeviceAllow=/dev/video0 rw",
    ]  # fmt: skip
    assert allowed(text) == {"/dev/nvmap", "/dev/video0"}
    assert allowed("[Service]\nDeviceAllow=\nPrivateTmp=yes\n") == frozenset()


@pytest.mark.parametrize(
    ("owner", "group", "mode", "may"),
    [
        (990, 0, 0o600, True),
        (0, 44, 0o660, True),
        (0, 44, 0o640, False),
        (0, 0, 0o666, True),
        (0, 0, 0o600, False),
        (990, 0, 0o066, False),  # an owner has no more than an owner's rights
        (0, 44, 0o606, False),
    ],
)
def test_who_may_open_a_node(owner, group, mode, may):
    status = node("/dev/x", owner, group, mode).status
    assert SERVICE.may(status, 6) is may
    assert ROOT.may(status, 6)


def test_all_open_is_said_in_a_line(root):
    board = boards.orin_nano(root)
    finding = look_at_devices(board.machine, SOMEBODY, ["/dev/video0"])
    assert (finding.state, finding.command) == ("ok", "")
    assert "7 nodes" in finding.said


def test_a_camera_that_is_configured_has_to_be_there(root):
    finding = look_at_devices(boards.pc(root).machine, SOMEBODY, ["/dev/video7"])
    assert (finding.state, finding.needed) == ("missing", True)
    assert "/dev/video7" in finding.said
    none = look_at_devices(boards.pc(root.parent / "b").machine, SOMEBODY, [])
    assert (none.state, none.needed) == ("ok", False)


def test_a_jetson_without_any_is_a_container(root):
    board = boards.Board(root, 10)
    board.put("etc/nv_tegra_release", "# R36 (release), REVISION: 4.3, GCID: 1\n")
    finding = look_at_devices(board.machine, SOMEBODY, [])
    assert (finding.state, finding.needed) == ("missing", False)
    assert "--runtime nvidia" in finding.command


@pytest.fixture
def closed(root):
    """A machine with a node of root's alone; as root, for others can't make one."""
    board = boards.orin_nano(root)
    path = root / "dev/nvhost-gpu"
    try:
        os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("a node can't be made here")
    path.chmod(0o600)
    return board, path


def test_a_node_of_roots_alone_wants_a_rule(closed):
    board, _ = closed
    finding = look_at_devices(board.machine, SOMEBODY, [])
    assert (finding.state, finding.needed) == ("missing", False)
    assert finding.said == "this user may not open /dev/nvhost-gpu"
    assert 'ENV{DEVNAME}=="/dev/nvhost-gpu"' in finding.command
    assert "/etc/udev/rules.d/" in finding.command
    assert look_at_devices(board.machine, SOMEBODY, ["/dev/nvhost-gpu"]).needed


def test_a_node_of_a_group_wants_a_member(closed):
    board, path = closed
    path.chmod(0o660)
    assert (
        "usermod --append --groups video,render"
        in look_at_devices(board.machine, SOMEBODY, []).command
    )
    service = look_at_devices(board.machine, SERVICE, [])
    assert service.said.startswith("the service may not open")
    assert service.command == "sudo chgrp video /dev/nvhost-gpu"


def test_the_services_sandbox_is_opened_by_a_new_drop_in(root):
    board = boards.orin_nano(root)
    board.put(str(DROP_IN.relative_to("/")), drop_in(device_nodes(root / "dev")))
    assert look_at_devices(board.machine, SERVICE, []).state == "ok"
    board.node("video1")
    finding = look_at_devices(board.machine, SERVICE, [])
    assert (finding.state, finding.needed) == ("missing", False)
    assert finding.command == WRITE_DROP_IN
    assert look_at_devices(board.machine, SERVICE, ["/dev/video1"]).needed
    assert look_at_devices(board.machine, SOMEBODY, []).state == "ok"  # who is in no sandbox


def test_whose_rights_count(root):
    board = boards.orin_nano(root)
    board.put("etc/passwd", "root:x:0:0::/root:/bin/sh\nsfumato:x:990:991::/:/bin/false\n\nodd\n")
    board.put("etc/group", "video:x:44:\nrender:x:105:\nsfumato:x:991:\nother:x:7:sfumato\n")
    assert User.of(board.machine).uid == os.geteuid()
    board.put(UNIT)
    assert User.of(board.machine) == User(990, frozenset({44, 105, 991}), is_service=True)
