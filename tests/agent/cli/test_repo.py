"""`sfumato ctl repo` as typed, and python-tuf's own client as the device that reads what it wrote."""

import fcntl
import itertools
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

import false_clock
import pytest
from small_disk import SmallDisk
from tuf.api.exceptions import ExpiredMetadataError, RepositoryError
from tuf.api.metadata import Metadata
from tuf_reader import TufReader
from worlds import until

from agent.cli import main
from models.bundle import Bundle, write_bundle
from models.manifest import ClassSpec, InputSpec, Manifest, NetworkSpec
from models.offer import OfferCustom
from models.signing import PrivateKey, load_private, load_public

ROOT = Path(__file__).resolve().parents[3]
NETWORK = b"no network: nobody runs it"


def bundle(folder, version, *, name="street", key="office", network=NETWORK, **more):
    """A signed bundle; its path."""
    path = folder / f"{name}-{version}-{len(network)}.sfm"
    manifest = Manifest(
        name=name,
        version=version,
        created=datetime(2026, 1, 2, tzinfo=timezone.utc),
        family="yolo_seg",
        class_count=1,
        classes=(ClassSpec(id=0, name="person"),),
        input=InputSpec(height=64, width=64),
        files={"fp32": NetworkSpec.of("model.onnx", network)},
        **more,
    )
    signing = load_private(folder / f"{key}.key") if key else None
    write_bundle(path, manifest, {"fp32": network}, key=signing)
    return path


class Site:
    """An operator's keys, and a repository."""

    def __init__(self, folder, run=main):
        self.folder, self.run = folder, run
        self.repo = folder / "offered"
        for name in ("a", "b", "c", "release", "online", "office"):
            self.key(name)
        self.readers = 0

    def key(self, name):
        """A key pair's name on the command line."""
        key = PrivateKey.generate()
        key.write(self.folder / f"{name}.key")
        (self.folder / f"{name}.pub").write_text(key.public.to_line())

    def options(self, option, *names):
        """An option once for each of these key files; the private half unless it is said."""
        files = (name if "." in name else f"{name}.key" for name in names)
        return [word for name in files for word in (f"--{option}", str(self.folder / name))]

    def init(self):
        words = [*self.options("root-key", "a", "b", "c.pub"), "--threshold", "2"]
        words += self.options("release-key", "release") + self.options("online-key", "online")
        return self.run(["ctl", "repo", "init", str(self.repo), *words])

    def add(self, *bundles, keys=("release", "online"), trust="office.pub"):
        words = [*map(str, bundles), *self.options("trust", trust), *self.options("key", *keys)]
        return self.run(["ctl", "repo", "add", str(self.repo), *words])

    def withdraw(self, *what, keys=("release", "online")):
        words = [*what, *self.options("key", *keys)]
        return self.run(["ctl", "repo", "withdraw", str(self.repo), *words])

    def refresh(self, *keys):
        return self.run(["ctl", "repo", "refresh", str(self.repo), *self.options("key", *keys)])

    def rotate(self, *words):
        return self.run(["ctl", "repo", "rotate", str(self.repo), *words])

    def reader(self):
        self.readers += 1
        return TufReader(self.repo, self.folder / f"reader-{self.readers}")

    def snapshot(self):
        """All files and what they hold."""
        return {path: path.read_bytes() for path in self.repo.rglob("*") if path.is_file()}


@pytest.fixture
def site(tmp_path):
    site = Site(tmp_path)
    assert site.init() == 0
    return site


def refused(said, capsys):
    """What the last command complained of, if it was one line."""
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    return True


def test_what_is_added_is_what_a_device_fetches(site):
    reader = site.reader()
    assert reader.fetched() == {}
    paths = [bundle(site.folder, 1), bundle(site.folder, 2, min_agent="0.1.0")]
    assert site.add(*paths) == 0
    opened = [Bundle.open(path, [load_public(site.folder / "office.pub")]) for path in paths]
    fetched = reader.fetched()
    assert fetched == {
        OfferCustom.of(one).path: path.read_bytes() for one, path in zip(opened, paths, strict=True)
    }
    info = reader.look().get_targetinfo(OfferCustom.of(opened[1]).path)
    assert OfferCustom.model_validate(info.custom) == OfferCustom.of(opened[1])


def test_what_is_withdrawn_is_neither_offered_nor_there(site, capsys):
    reader = site.reader()
    assert site.add(*(bundle(site.folder, version) for version in (1, 2, 3))) == 0
    assert site.withdraw("street", "2") == 0
    assert "street version 2 is withdrawn" in capsys.readouterr().out
    assert [path.split("-")[1] for path in reader.fetched()] == ["v1", "v3"]
    assert len([*(site.repo / "targets").iterdir()]) == 2
    assert site.withdraw("street") == 0
    assert reader.fetched() == {}
    assert [*(site.repo / "targets").iterdir()] == []
    capsys.readouterr()
    before = site.snapshot()
    assert site.withdraw("street", "2") == 0
    assert "street version 2 is not offered; nothing was changed" in capsys.readouterr().out
    assert site.snapshot() == before


def test_everything_said_twice_changes_nothing(site, capsys):
    path = bundle(site.folder, 1)
    assert site.add(path) == 0
    before = site.snapshot()
    assert site.add(path) == 0
    assert site.init() == 0
    told = capsys.readouterr().out
    assert "all of it was offered already" in told
    assert "is a repository already; nothing was changed" in told
    assert site.snapshot() == before


def test_a_bundle_that_was_signed_anew_takes_its_own_place(site):
    path = bundle(site.folder, 1)
    assert site.add(path) == 0
    site.key("new")
    again = bundle(site.folder, 1, key="new")
    assert site.add(again, trust="new.pub") == 0
    assert [*site.reader().fetched().values()] == [again.read_bytes()]
    assert len([*(site.repo / "targets").iterdir()]) == 1


def test_a_version_is_one_bundles(site, capsys):
    assert site.add(bundle(site.folder, 1)) == 0
    before = site.snapshot()
    other = bundle(site.folder, 1, network=b"another")
    assert site.add(other) == 2
    assert refused("another bundle is offered as street version 1; give this one a higher", capsys)
    assert site.snapshot() == before
    assert site.add(bundle(site.folder, 1, name="yard"), bundle(site.folder, 2)) == 0
    assert len(site.reader().fetched()) == 3


def test_what_no_device_would_take_is_not_offered(site, capsys):
    long_ago = datetime(2026, 2, 2, tzinfo=timezone.utc)
    site.key("stranger")
    before = site.snapshot()
    good, damaged = bundle(site.folder, 1), site.folder / "damaged.sfm"
    damaged.write_bytes(good.read_bytes()[:-100])
    for path, code, said in (
        (bundle(site.folder, 2, key=None), 5, "the bundle is unsigned"),
        (bundle(site.folder, 3, key="stranger"), 5, "signed by key"),
        (bundle(site.folder, 4, expires=long_ago), 5, "the bundle expired on 2026-02-02"),
        (damaged, 5, "damaged.sfm"),
        (site.folder / "none.sfm", 3, "none.sfm: can't be read (No such file or directory)"),
    ):
        capsys.readouterr()
        assert site.add(good, path) == code, path
        assert refused(said, capsys)
    assert site.snapshot() == before


def test_a_key_that_is_missing_is_named_and_nothing_is_written(site, capsys):
    path = bundle(site.folder, 1)
    assert site.add(path) == 0
    before = site.snapshot()
    release, online, root = (
        load_public(site.folder / f"{name}.pub").id for name in ("release", "online", "c")
    )
    for command, said in (
        (
            lambda: site.add(bundle(site.folder, 2), keys=["online"]),
            f"release: the private half of {release}",
        ),
        (
            lambda: site.add(bundle(site.folder, 2), keys=["release"]),
            f"online: the private half of {online}",
        ),
        (lambda: site.add(bundle(site.folder, 2), keys=["release.pub", "online"]), release),
        (lambda: site.withdraw("street", keys=["a", "b"]), release),
        (lambda: site.refresh("release"), online),
        (site.refresh, online),
        (lambda: site.rotate(*site.options("key", "a", "online")), root),
    ):
        capsys.readouterr()
        assert command() == 2
        assert refused(said, capsys)
        assert site.snapshot() == before


def test_folders_and_keys_that_are_none_are_said_in_one_line(site, tmp_path, capsys):
    empty = tmp_path / "empty"
    empty.mkdir()
    keys = site.options("key", "online")
    file = tmp_path / "file"
    file.write_text("x")
    roles = [
        *site.options("root-key", "a"), *site.options("release-key", "release"),
        *site.options("online-key", "online"),
    ]  # fmt: skip
    for words, code, said in (
        (["list", str(empty)], 3, "no repository; make one with `sfumato ctl repo init`"),
        (["refresh", str(empty), *keys], 3, "no repository"),
        (["rotate", str(empty), *keys], 3, "no repository"),
        (["refresh", str(site.repo), "--key", str(file)], 5, "not an unencrypted private key"),
        (["refresh", str(site.repo), "--key", str(empty / "x")], 5, "can't read the key"),
        (["init", str(file), *roles], 4, "can't be written (Not a directory)"),
        (["init", str(empty), *roles, "--threshold", "2"], 2, "there are 1 root keys"),
        (["init", str(empty), *roles, "--threshold", "0"], 2, "--threshold 0"),
        (["init", str(site.repo), *roles], 2, "a repository of other keys"),
    ):
        capsys.readouterr()
        assert main(["ctl", "repo", *words]) == code, words
        assert refused(said, capsys)
    assert [*empty.iterdir()] == []


def test_a_list_says_what_is_offered_and_until_when(site, capsys):
    assert site.add(bundle(site.folder, 12)) == 0
    capsys.readouterr()
    assert main(["ctl", "repo", "list", str(site.repo)]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0].split() == ["NAME", "VERSION", "DIGEST", "BYTES"]
    assert told[1].split()[:2] == ["street", "12"]
    assert told[2].startswith("root 1 until 20")
    assert main(["ctl", "repo", "list", str(site.repo), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["root"], [*said["until"]]) == (1, ["root", "targets", "snapshot", "timestamp"])
    (offer,) = said["offers"]
    assert offer["path"] in site.reader().fetched()
    assert offer["custom"]["version"] == 12


def test_others_may_read_it_whatever_the_umask_is(tmp_path):
    before = os.umask(0o077)
    try:
        site = Site(tmp_path)
        assert site.init() == 0
        assert site.add(bundle(tmp_path, 1)) == 0
    finally:
        os.umask(before)
    files = [path for path in site.repo.rglob("*") if path.is_file()]
    assert len(files) == 7
    assert {path.stat().st_mode & 0o777 for path in files} == {0o644}


def test_two_root_keys_replace_the_third(site, capsys):
    reader = site.reader()
    assert site.add(bundle(site.folder, 1)) == 0
    assert len(reader.fetched()) == 1
    site.key("d")
    new = site.options("root-key", "a.pub", "b.pub", "d.pub")
    assert site.rotate(*new, *site.options("key", "a")) == 2
    assert refused("1 more --key needed that signs for root", capsys)
    assert site.rotate(*new, *site.options("key", "a", "b")) == 0
    assert len(reader.fetched()) == 1
    assert site.rotate(*site.options("key", "a", "c")) == 2  # c counts no more
    assert site.rotate(*site.options("key", "a", "d")) == 0
    assert len(reader.fetched()) == 1
    assert len(site.reader().fetched()) == 1  # from the first root on, over all of them
    assert reader.look()._trusted_set.root.version == 3


def test_with_another_release_key_the_old_one_offers_nothing(site, capsys):
    reader = site.reader()
    assert site.add(bundle(site.folder, 1)) == 0
    assert len(reader.fetched()) == 1
    site.key("release-2")
    keys = site.options("key", "a", "b", "online")
    assert site.rotate(*site.options("release-key", "release-2"), *keys) == 0
    assert len(reader.fetched()) == 1
    capsys.readouterr()
    assert site.add(bundle(site.folder, 2)) == 2
    assert refused("signs for release", capsys)
    assert site.add(bundle(site.folder, 2), keys=("release-2", "online")) == 0
    assert len(reader.fetched()) == 2


def forged(site, key, *, version):
    """Have who stole the online key publish a timestamp of the highest version there can be."""
    path = site.repo / "metadata" / "timestamp.json"
    stolen = load_private(site.folder / f"{key}.key")
    metadata = Metadata.from_file(str(path))
    metadata.signed.version = version
    (name,) = metadata.signatures
    signature = stolen.sign(metadata.signed_bytes).raw.hex()
    metadata.signatures[name].signature = signature
    before = path.read_bytes()
    path.write_bytes(metadata.to_bytes())
    return before


@pytest.mark.parametrize("with_the_old_key", [True, False])
def test_a_device_that_saw_a_forged_version_recovers_by_a_rotation(site, with_the_old_key):
    reader = site.reader()
    honest = forged(site, "online", version=2**31)
    reader.look()
    (site.repo / "metadata" / "timestamp.json").write_bytes(honest)
    assert site.add(bundle(site.folder, 1)) == 0
    with pytest.raises(RepositoryError):
        reader.look()
    site.key("online-2")
    keys = ["a", "b", *(["online"] if with_the_old_key else [])]
    words = [*site.options("online-key", "online-2"), *site.options("key", *keys)]
    assert site.rotate(*words) == 0
    assert len(reader.fetched()) == 1
    assert len(site.reader().fetched()) == 1
    assert site.add(bundle(site.folder, 2), keys=("release", "online-2")) == 0
    assert len(reader.fetched()) == 2


def test_what_somebody_else_wrote_is_not_signed_again(site, capsys):
    assert site.add(bundle(site.folder, 1)) == 0
    path = site.repo / "metadata" / "2.targets.json"
    good = path.read_bytes()
    metadata = Metadata.from_bytes(good)
    metadata.signed.targets.clear()
    for wrong, said in (
        (metadata.to_bytes(), "not signed by this repository's keys"),
        (good[:-1], "damaged"),
        ((site.repo / "metadata" / "1.root.json").read_bytes(), "holds something else"),
    ):
        path.write_bytes(wrong)
        before = site.snapshot()
        capsys.readouterr()
        assert site.refresh("release", "online") == 3
        assert refused(said, capsys)
        assert site.snapshot() == before


def test_the_commands_of_the_page_do_what_it_says(tmp_path, monkeypatch, capsys):
    page = (ROOT / "docs" / "repository.md").read_text("utf-8")
    blocks = "".join(re.findall(r"^```sh\n(.*?)^```", page, re.MULTILINE | re.DOTALL))
    shown = [shlex.split(line) for line in blocks.replace("\\\n", " ").splitlines()]
    assert {words[0] for words in shown} == {"sfumato", "sudo"}  # of the timer, on a machine
    monkeypatch.chdir(tmp_path)
    assert main(["model", "keygen", "office"]) == 0
    bundle(tmp_path, 3).rename("street.sfm")
    reader, offers = None, []
    for words in shown:
        if words[0] == "sfumato":
            assert main(words[1:]) == 0, (words, capsys.readouterr().err)
            reader = reader or (
                Path("offered").is_dir() and TufReader(Path("offered"), tmp_path / "r")
            )
            if reader:
                offers.append(offered(reader))
    assert reader.look()._trusted_set.root.version == 3
    assert [each for each, _ in itertools.groupby(offers)] == [set(), {"street-v3"}, set()]


@pytest.mark.slow
@false_clock.NEEDED
def test_it_is_believed_for_two_weeks_and_what_ends_soon_is_said(tmp_path, capsys):
    days_ago = false_clock.days_ago
    site = Site(tmp_path, days_ago(340))
    assert site.init() == 0
    site.run = days_ago(15)
    assert site.refresh("online") == 0
    with pytest.raises(ExpiredMetadataError):
        site.reader().look()
    site.run = days_ago(13)
    assert site.refresh("online") == 0
    site.reader().look()
    site.run = main
    assert site.refresh("online") == 0
    said = capsys.readouterr().err.splitlines()
    assert [line.split()[2] for line in said] == ["root", "targets"]
    assert site.refresh("release", "online") == 0
    assert site.rotate(*site.options("key", "a", "b")) == 0
    capsys.readouterr()
    assert site.refresh("online") == 0
    assert capsys.readouterr().err == ""
    site.reader().look()


KILLED = """
import os, shutil, signal, sys
from pathlib import Path
import agent.fleet.repository.roles, agent.fleet.repository.repository
from agent.cli import main

repo, words = Path(sys.argv[1]), sys.argv[2:]
changing = os.O_WRONLY | os.O_RDWR | os.O_CREAT

def changes(event, args):
    named = event in ("os.rename", "os.link", "os.remove", "os.mkdir")
    return named or (event == "open" and args[2] & changing)

def run_until(at, repo):
    seen = 0
    def hook(event, args):
        nonlocal seen
        if changes(event, args) and str(args[0]).startswith(str(repo)):
            seen += 1
            if seen == at:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(hook)
    sys.stdout = open(os.devnull, "w")
    os._exit(main([word.replace("REPO", str(repo)) for word in words]))

at = code = 0
while code != 0 or at == 0:
    at += 1
    copy = repo.with_name(f"{repo.name}-{at}")
    if repo.exists():
        shutil.copytree(repo, copy)
    child = os.fork()
    if child == 0:
        run_until(at, copy)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, -signal.SIGKILL), code
print(at)
"""
"""Kills a command at its first call that makes, names or deletes a file in the repository, then at
its second, and so on, each time beginning with a copy, until one comes to its end."""


@pytest.mark.slow
@pytest.mark.parametrize("what", ["init", "add", "withdraw", "rotate"])
def test_killed_at_any_call_it_is_whole_and_run_again_it_goes_on(site, what):
    first, second = bundle(site.folder, 1), bundle(site.folder, 2)
    site.key("online-2")
    old, new = {"street-v1"}, {"street-v1"}
    if what == "init":
        shutil.rmtree(site.repo)
        old = new = set()
    else:
        assert site.add(first) == 0
    if what == "add":
        new = {"street-v1", "street-v2"}
    elif what == "withdraw":
        new = set()
    words = []
    site.run = lambda typed: words.extend(typed) or 0
    {
        "init": site.init,
        "add": lambda: site.add(second),
        "withdraw": lambda: site.withdraw("street"),
        "rotate": lambda: site.rotate(
            *site.options("online-key", "online-2"), *site.options("key", "a", "b", "online")
        ),
    }[what]()
    repo = str(site.repo)
    words = [word.replace(repo, "REPO") for word in words]
    done = subprocess.run(
        [sys.executable, "-c", KILLED, repo, *words],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    steps = int(done.stdout)
    assert steps >= {"init": 15, "add": 15, "withdraw": 12, "rotate": 12}[what]
    seen = []
    for at in range(1, steps + 1):
        site.repo = Path(f"{repo}-{at}")
        reader = site.reader() if what != "init" or at == steps else None
        if reader:
            seen.append(offered(reader))
        assert main([word.replace("REPO", str(site.repo)) for word in words]) == 0
        assert offered(reader or site.reader()) == new
        files = [path.name for path in site.repo.rglob("*") if path.is_file()]
        assert not [name for name in files if "partial" in name]
        assert len([name for name in files if name.endswith(".sfm")]) == len(new)
    assert {frozenset(each) for each in seen} == {frozenset(old), frozenset(new)}
    assert seen == sorted(seen, key=lambda each: each == new)  # it changes once


def offered(reader):
    return {path.rsplit("-", 1)[0] for path in reader.fetched()}


def test_two_at_once_wait_for_each_other_and_lose_nothing(site):
    paths, running = [bundle(site.folder, version) for version in (1, 2)], []
    site.run = lambda words: running.append(
        subprocess.Popen(
            [sys.executable, "-m", "agent", *words], env={**os.environ, "PYTHONPATH": str(ROOT)}
        )
    )
    descriptor = os.open(site.repo / "metadata", os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        for path in paths:
            site.add(path)
        until(lambda: all(waits_for_a_lock(child.pid) for child in running))
    finally:
        os.close(descriptor)
    assert [child.wait(60) for child in running] == [0, 0]
    assert len(site.reader().fetched()) == 2


def waits_for_a_lock(pid):
    lines = Path("/proc/locks").read_text().splitlines()
    return any("-> FLOCK" in line and f" {pid} " in line for line in lines)


FULL = """
import shutil, sys
from agent.cli import main
shutil.copytree(sys.argv[1], sys.argv[2])
code = main(sys.argv[4:])
shutil.copytree(sys.argv[2], sys.argv[3])
sys.exit(code)
"""


@pytest.mark.slow
def test_on_a_full_disk_what_was_published_stays(site, tmp_path):
    first, large = bundle(site.folder, 1), bundle(site.folder, 2, network=bytes(3 << 20))
    assert site.add(first) == 0
    disk, words = SmallDisk(tmp_path / "disk", 2 << 20), []
    home, site.repo = site.repo, disk.at / "offered"
    site.run = lambda typed: words.extend(typed) or 0
    site.add(large)
    site.repo = tmp_path / "after"
    done = disk.run(FULL, str(home), str(disk.at / "offered"), str(site.repo), *words)
    assert done.returncode == 4, done.stderr
    assert "can't be written (No space left on device)" in done.stderr
    assert offered(site.reader()) == {"street-v1"}
