"""install.sh on a bare machine, with a stand-in for the agent."""

import pytest

from tests.systemd.conftest import INSTALL, WITHOUT_NETWORK
from tests.systemd.stand_in import write_wheel

UNIT = "etc/systemd/system/sfumato-agent.service"

pytestmark = pytest.mark.slow


def install(machine, wheel, *, check=True, **environment):
    words = [INSTALL, "--wheel", f"/wheels/{wheel.name}"]
    return machine.exec(*words, check=check, **WITHOUT_NETWORK, **environment)


def version(machine):
    return machine.exec("sfumato", "--version").stdout.strip()


def environments(machine):
    return [path.name for path in machine.disk.glob("opt/*") if not path.is_symlink()]


def files(machine):
    """What stands where the installer writes, by path below the disk."""
    folders = ("etc/systemd", "etc/sysusers.d", "etc/tmpfiles.d", "etc/sfumato", "local")
    return {
        str(path.relative_to(machine.disk)): path.read_bytes() if path.is_file() else None
        for folder in folders
        for path in (machine.disk / folder).rglob("*")
    }


def test_it_prepares_a_start_at_boot_and_says_what_is_next(bare, tmp_path):
    said = install(bare, write_wheel(tmp_path, "1.0")).stdout
    assert "sudo tee /etc/sfumato/agent.yaml" in said
    assert "systemctl start sfumato-agent" in said
    assert version(bare) == "sfumato 1.0"
    shown = ("--property=UnitFileState,ActiveState,DropInPaths",)
    state = bare.exec("systemctl", "show", "sfumato-agent", *shown).stdout
    assert "UnitFileState=enabled" in state
    assert "ActiveState=inactive" in state
    assert "10-devices.conf" in state
    assert "20-credentials.conf" in state
    assert not (bare.disk / "etc/sfumato/agent.yaml").exists()
    assert (bare.disk / "etc/sfumato/credentials").stat().st_mode & 0o777 == 0o700
    assert "sfumato" in bare.exec("id", "sfumato").stdout
    groups = bare.exec("getent", "group", "video", "render").stdout
    assert len(groups.splitlines()) == 2


def test_what_only_the_callers_python_sees_is_no_part_of_it(bare, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/stand_in_agent.py").write_text("raise SystemExit('another one')")
    install(bare, write_wheel(tmp_path, "1.0"), PYTHONPATH="/wheels/elsewhere")
    assert version(bare) == "sfumato 1.0"


def test_doing_it_again_changes_nothing_and_a_configuration_stays(bare, tmp_path):
    wheel = write_wheel(tmp_path, "1.0")
    install(bare, wheel)
    (bare.disk / "etc/sfumato/agent.yaml").write_text("mine")
    before = files(bare)
    said = install(bare, wheel).stdout
    assert said.splitlines() == [
        "The agent starts at boot. To start it now: systemctl start sfumato-agent"
    ]
    assert files(bare) == before
    assert len(environments(bare)) == 1
    bare.exec(INSTALL)
    assert files(bare) == before


def test_an_upgrade_restarts_what_runs_and_one_that_fails_changes_nothing(bare, tmp_path):
    install(bare, write_wheel(tmp_path, "1.0"))
    bare.exec("systemctl", "start", "sfumato-agent")
    pid = bare.exec("systemctl", "show", "--value", "--property=MainPID", "sfumato-agent").stdout
    before = environments(bare), files(bare)
    for wheel, reason in (
        (write_wheel(tmp_path, "2.0", needs="what-nobody-has"), "could not install"),
        (write_wheel(tmp_path, "2.1", broken=True), "does not run"),
        (write_wheel(tmp_path, "2.2", opencv="import libGL"), "apt-get install libgl1"),
    ):
        refused = install(bare, wheel, check=False)
        assert refused.returncode == 1
        assert reason in refused.stderr.splitlines()[-1]
        assert "nothing was changed" in refused.stderr
        assert (environments(bare), files(bare)) == before
        assert version(bare) == "sfumato 1.0"
    shown = ("show", "--value", "--property=MainPID", "sfumato-agent")
    assert bare.exec("systemctl", *shown).stdout == pid
    said = install(bare, write_wheel(tmp_path, "3.0")).stdout
    assert "The agent runs" in said
    assert version(bare) == "sfumato 3.0"
    assert bare.exec("systemctl", *shown).stdout not in {pid, "0\n"}
    assert len(environments(bare)) == 1


def test_uninstalling_leaves_what_is_the_users(bare, tmp_path):
    install(bare, write_wheel(tmp_path, "1.0"))
    bare.exec("systemctl", "start", "sfumato-agent")
    users = {
        bare.disk / name: name
        for name in (
            "etc/sfumato/agent.yaml",
            "var/lib/sfumato/video/door.mp4",
            f"{UNIT}.d/override.conf",  # of systemctl edit
        )
    }
    for path, content in users.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
    for _ in range(2):  # the second time there is nothing to do
        said = bare.exec(INSTALL, "--uninstall").stdout
        assert "/etc/sfumato" in said
        assert "/var/lib/sfumato" in said
        assert {path: path.read_text() for path in users} == users
        left = [path for path, content in files(bare).items() if content is not None]
        assert left == [f"{UNIT}.d/override.conf", "etc/sfumato/agent.yaml"]
        assert environments(bare) == []
        assert bare.exec("systemctl", "is-active", "sfumato-agent", check=False).returncode
        bare.exec("id", "sfumato")
    assert "no agent is installed" in bare.exec(INSTALL, check=False).stderr


@pytest.mark.parametrize("compiles", [True, False])
def test_where_there_is_a_gpu_what_drives_it_is_compiled_and_without_it_the_agent_runs(
    bare, tmp_path, compiles
):
    wheel = write_wheel(tmp_path, "1.0", gpu="what-nobody-has")
    assert "pycuda" not in install(bare, wheel).stderr  # neither CUDA nor GPU
    nvcc = bare.disk / "local/cuda/bin/nvcc"
    nvcc.parent.mkdir(parents=True)
    nvcc.write_text("#!/bin/sh\n")
    nvcc.chmod(0o755)
    assert "pycuda" not in install(bare, wheel).stderr  # no GPU
    bare.exec("mknod", "/dev/nvidiactl", "c", 195, 255)
    if compiles:
        wheel = write_wheel(tmp_path, "1.0", gpu="sfumato")
    said = install(bare, wheel).stderr
    assert "pycuda is compiled" in said
    assert ("can't be compiled, so the GPU stays idle" in said) != compiles
    assert version(bare) == "sfumato 1.0"


def shadow(machine, path, content):
    """Let a program inside be another one."""
    fake = machine.disk / "root/fake"
    fake.write_text(f"#!/bin/sh\n{content}\n")
    fake.chmod(0o755)
    machine.exec("mount", "--bind", "/root/fake", path)


@pytest.mark.parametrize(
    ("path", "content", "reason"),
    [
        ("/usr/bin/id", "echo 1000", "must be run as root: sudo /repo/systemd/install.sh"),
        ("/usr/bin/systemctl", "echo 'systemd 245 (245.4)'", "needs systemd 247 or newer"),
        ("/usr/bin/python3", "echo 3.8", "needs Python 3.10 to 3.13; /usr/bin/python3 is 3.8"),
        (
            "/usr/bin/python3",
            "case $* in *ensurepip*) exit 1;; esac; echo 3.11",
            "needs Python's venv: sudo apt-get install python3-venv",
        ),
    ],
    ids=["not root", "old systemd", "old Python", "no venv"],
)
def test_a_machine_that_will_not_do_is_told_so_in_a_line(bare, tmp_path, path, content, reason):
    wheel = write_wheel(tmp_path, "1.0")
    before = files(bare)
    shadow(bare, path, content)
    refused = install(bare, wheel, check=False)
    assert refused.returncode == 1
    (line,) = refused.stderr.splitlines()
    assert line.startswith(f"install.sh: {reason}")
    assert files(bare) == before
    assert environments(bare) == []


def test_words_and_files_that_will_not_do(bare, tmp_path):
    write_wheel(tmp_path, "1.0")
    assert bare.exec(INSTALL, "--help").stdout.startswith("usage: install.sh")
    wrong = bare.exec(INSTALL, "--wheels", check=False)
    assert wrong.returncode == 2
    assert wrong.stderr.startswith("usage: install.sh")
    missing = bare.exec(INSTALL, "--wheel", "/wheels/none.whl", check=False)
    assert missing.stderr == "install.sh: no such file: /wheels/none.whl\n"
    (tmp_path / "sfumato").write_text("the name of a package, which pip would fetch")
    named = bare.exec(INSTALL, "--wheel", "/wheels/sfumato", check=False)
    assert named.stderr == "install.sh: no wheel, a file that ends in .whl: /wheels/sfumato\n"
    secrets = bare.disk / "etc/sfumato/credentials"
    secrets.mkdir(parents=True)
    (secrets / "door key").write_text("secret")
    odd = bare.exec(INSTALL, "--wheel", "/wheels/sfumato-1.0-py3-none-any.whl", check=False)
    assert odd.returncode == 1
    assert odd.stderr.startswith("install.sh: /etc/sfumato/credentials/door key: a credential's")
    assert environments(bare) == []
