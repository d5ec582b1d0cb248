"""The machines that the service is tried on are what they say."""

from pathlib import Path

import pytest
from machine import Machine

pytestmark = pytest.mark.slow


def test_a_power_cut_ends_all_that_runs_and_what_was_written_stays(bare):
    bare.exec("sh", "-c", "echo kept > /root/kept; echo lost > /run/lost")
    bare.exec("systemd-run", "--quiet", "--unit=running", "sleep", "infinity")
    bare.power_cut()
    bare.boot()
    assert bare.exec("cat", "/root/kept").stdout == "kept\n"
    assert bare.exec("test", "-e", "/run/lost", check=False).returncode
    assert bare.exec("systemctl", "is-active", "running", check=False).returncode


def test_there_is_no_network_but_loopback(bare):
    assert bare.exec("ls", "/sys/class/net").stdout.split() == ["lo"]
    reached = 'import socket; socket.create_server(("127.0.0.1", 9464))'
    bare.exec("python3", "-c", reached)


def test_nothing_is_left_of_a_machine_but_its_disk(tmp_path):
    with Machine(tmp_path / "disk") as machine:
        groups = machine._groups
        assert all(group.is_dir() for group in groups)
        init = Path(f"/proc/{machine._init}")
        assert init.exists()
    assert not any(group.exists() for group in groups)
    assert not init.exists()
    assert (tmp_path / "disk/etc/passwd").exists()
