"""What a repository offers today: what old copies, stolen keys and liars make a device believe."""

import shutil
import time
from datetime import datetime, timezone

import pytest
from lying_server import LyingServer
from machine_clock import MachineClock
from model_repository import ModelRepository
from networks import computing_network
from precisions import write_precisions
from tuf.api.metadata import DelegatedRole, Delegations

from agent.control.clock import EventClock
from agent.update.ports import RefusedError, UnavailableError
from agent.update.repository import CACHE, SEEN, Repository
from agent.update.seen import Seen, SeenRole, read_seen
from agent.update.wanted import Wanted
from agent.update.web_server import Patience, Server
from models.bundle import Bundle

PATIENCE = Patience(connect_s=20, stall_s=3)
OLD = "has an older copy of the repository than was seen"


class Site:
    """An operator's repository, the server that has its files, and a device that looks at it."""

    def __init__(self, folder, bundle, **more):
        self.operator = ModelRepository(folder / "repository", **more)
        self.server = LyingServer(self.operator.folder)
        self.models = folder / "models"
        self.root = shutil.copy(self.operator.root, folder / "root.json")
        self.machine = MachineClock(time.time())
        self._folder, self.newest = folder, None
        self.bundle, self.target, self.wanted = bundle, self.operator.add(bundle), wanted(bundle)

    def look(self, what=None):
        with Server(self.server.url, PATIENCE) as server:
            clock = EventClock(self.machine.clock())
            repository = Repository(server, self.root, self.models, clock)
            return repository.offer(what or self.wanted)

    def copied(self):
        """All files of the repository as they are, to become again later."""
        return self.operator.copied_to(self._folder / f"copy-{len(self.server.asked)}")

    def become_old(self, old):
        """Have the server say what it said before; `newest` is what it will say again."""
        self.newest = self.copied()
        self.operator.become(old)

    def power_cut(self):
        """What python-tuf had not had written to the disk is empty."""
        for path in (self.models / CACHE).rglob("*.json"):
            path.write_bytes(b"")

    def metadata(self, name):
        return self.operator.folder / "metadata" / name


def wanted(path):
    bundle = Bundle.open(path, allow_unsigned=True)
    name, version = bundle.manifest.name, bundle.manifest.version
    return Wanted(rev=1, name=name, version=version, digest=bundle.digest)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """A bundle of a person's network."""
    path = tmp_path_factory.mktemp("bundle") / "person.sfm"
    return write_precisions(path, {"fp32": computing_network()})


@pytest.fixture
def site(tmp_path, bundle):
    with (site := Site(tmp_path, bundle)).server:
        yield site


def test_what_is_offered_is_described(site):
    offer = site.look()
    data = site.bundle.read_bytes()
    assert (offer.length, offer.sha256) == (len(data), site.target.hashes["sha256"])
    assert offer.custom.digest == site.wanted.digest
    assert [path for path, _ in site.server.asked] == [
        f"/metadata/{name}.json" for name in ("2.root", "timestamp", "2.snapshot", "2.targets")
    ]


def test_a_second_look_asks_for_what_may_be_new_and_writes_nothing(site):
    site.look()
    site.server.asked.clear()
    before = (site.models / SEEN).stat()
    assert site.look() == site.look()
    assert {path for path, _ in site.server.asked} == {
        "/metadata/2.root.json",
        "/metadata/timestamp.json",
    }
    assert (site.models / SEEN).stat() == before


def rolled_back(site):
    old = site.copied()
    site.operator.publish()
    site.look()
    site.become_old(old)


def frozen(site):
    site.operator.days = -1
    site.operator.publish()


def frozen_timestamp(site):
    site.look()
    site.operator.days = -1
    site.operator.publish("timestamp")


def mixed(site):
    """New timestamp and snapshot, and targets of before."""
    old = site.metadata("2.targets.json").read_bytes()
    site.operator.publish()
    site.metadata("3.targets.json").write_bytes(old)


def mixed_snapshot(site):
    old = site.metadata("2.snapshot.json").read_bytes()
    site.operator.publish()
    site.metadata("3.snapshot.json").write_bytes(old)


def fast_forwarded(site):
    """A thief of the timestamp's key makes the owner's next word look old."""
    own = site.operator.versions["timestamp"]
    site.operator.versions["timestamp"] = 10**9
    site.operator.publish("timestamp")
    site.look()
    site.operator.versions["timestamp"] = own
    site.operator.publish("timestamp")


def power_cut_and_rolled_back(site):
    old = site.copied()
    site.operator.publish()
    site.look()
    site.power_cut()
    site.become_old(old)


def power_cut_and_a_root_of_before(site):
    """With keys that were replaced since because they were stolen."""
    old = site.copied()
    site.operator.rotate("timestamp", "snapshot", "targets")
    site.look()
    site.power_cut()
    site.become_old(old)


def no_timestamp(site):
    site.metadata("timestamp.json").unlink()


def no_snapshot(site):
    site.metadata("2.snapshot.json").unlink()


WAITED_FOR = {
    rolled_back: OLD,
    frozen: r"has expired \(timestamp.json is expired\): `sfumato ctl repo refresh`",
    frozen_timestamp: r"has expired \(timestamp.json is expired\)",
    mixed: OLD,
    mixed_snapshot: OLD,
    fast_forwarded: OLD,
    power_cut_and_rolled_back: rf"{OLD} \(timestamp 2, after 3\)",
    power_cut_and_a_root_of_before: rf"{OLD} \(root 1, after 2\)",
    no_timestamp: r"127\.0\.0\.1 has no timestamp\.json \(404 Not Found\)",
    no_snapshot: r"has no 2\.snapshot\.json",
}
"""Old copies of the repository, and halves of one; what the device says of each."""


@pytest.mark.parametrize("attack", WAITED_FOR, ids=lambda attack: attack.__name__)
def test_an_old_copy_is_waited_for_until_it_is_a_new_one(site, attack):
    attack(site)
    for _ in range(2):  # what it gave is in the cache by now
        with pytest.raises(UnavailableError, match=WAITED_FOR[attack]):
            site.look()
    if site.newest:
        site.operator.become(site.newest)
    site.operator.days = 30
    site.operator.rotate("timestamp", "snapshot")  # the way back from a stolen key, and from any
    site.operator.publish()
    assert site.look().sha256 == site.target.hashes["sha256"]


def revoked(site):
    """Targets signed by a key that root has replaced."""
    stolen = site.operator.keys["targets"]
    site.operator.rotate("targets")
    site.operator.keys["targets"] = stolen
    site.operator.publish()


def another_timestamp_key(site):
    site.operator.keys["timestamp"] = site.operator.keys["targets"]
    site.operator.publish()


def one_of_two_roots(site):
    first, _ = site.operator.keys["root"]
    site.operator.publish_root(first)


def padded_timestamp(site):
    path = site.metadata("timestamp.json")
    path.write_bytes(path.read_bytes() + b" " * 20_000)


def endless(to):
    to.head(200)
    to.hang_up()
    while not to.over.is_set():
        to.send(b" " * 4096)


def endless_timestamp(site):
    site.server.lie("timestamp.json", endless)


def endless_targets(site):
    site.server.lie("targets.json", endless)


def endless_snapshot(site):
    """A thief of the timestamp's key says that it is long."""
    site.operator.snapshot_length = 1 << 40
    site.operator.publish("timestamp")
    site.server.lie("snapshot.json", endless)


def changed(site):
    path = site.metadata("2.targets.json")
    path.write_bytes(path.read_bytes().replace(b'"version":2', b'"version":2 '))
    path.write_bytes(path.read_bytes().replace(b'"length":', b'"length":1'))


def nested(site):
    site.metadata("timestamp.json").write_bytes(b"[" * 16_000)


def a_web_page(site):
    site.metadata("2.root.json").write_bytes(b"<html>please log in</html>")


def redirected(site):
    site.server.lie("timestamp.json", lambda to: to.head(302, Location="https://127.0.0.1/x"))


REFUSED = {
    revoked: "targets was signed by 0/1 keys",
    another_timestamp_key: "timestamp was signed by 0/1 keys",
    one_of_two_roots: "root was signed by 1/2 keys",
    padded_timestamp: "exceeding the maximum allowed length",
    endless_timestamp: "exceeding the maximum allowed length",
    endless_targets: "more than 1048576 bytes",
    endless_snapshot: "more than 1048576 bytes",
    changed: "targets was signed by 0/1 keys",
    nested: "deserialize",
    a_web_page: "deserialize",
    redirected: "redirects to https://127.0.0.1, another server",
}
"""What no repository of the operator's would say; why the device refuses each."""


@pytest.mark.parametrize("attack", REFUSED, ids=lambda attack: attack.__name__)
def test_what_is_signed_wrongly_or_endless_is_refused(tmp_path, bundle, attack):
    with (site := Site(tmp_path, bundle, root_threshold=2)).server:
        site.look()
        shutil.rmtree(site.models)
        attack(site)
        with pytest.raises(RefusedError, match=REFUSED[attack]):
            site.look()


def test_the_tables_hold_what_the_design_names():
    assert (len(WAITED_FOR), len(REFUSED)) == (10, 11)


def test_without_our_own_file_an_emptied_cache_would_believe_an_old_server(site):
    """Else what the tables say of power cuts would be python-tuf's own doing."""
    for attack in (power_cut_and_rolled_back, power_cut_and_a_root_of_before):
        attack(site)
        (site.models / SEEN).unlink()
        site.look()
        shutil.rmtree(site.models)


def test_two_of_two_roots_replace_keys_and_what_they_sign_is_believed(tmp_path, bundle):
    with (site := Site(tmp_path, bundle, root_threshold=2)).server:
        site.look()
        for _ in range(3):
            site.operator.rotate("timestamp", "snapshot", "targets")
            site.look()
        assert read_seen(site.models / SEEN).root == 4


def test_a_power_cut_costs_nothing(site):
    site.look()
    for path in (site.models / CACHE).rglob("*.json"):
        path.write_bytes(b"")
    (site.models / CACHE / "tmp1234").touch()
    site.look()
    assert not (site.models / CACHE / "tmp1234").exists()
    shutil.rmtree(site.models / CACHE)
    site.look()


def test_a_withdrawn_bundle_is_not_offered_although_its_file_is_there(site):
    site.look()
    site.operator.withdraw(site.target)
    with pytest.raises(RefusedError, match="does not offer world version 1, or no longer"):
        site.look()
    assert site.operator.place(site.target).exists()


@pytest.mark.parametrize("at_s", [0.0, datetime(2025, 12, 31, tzinfo=timezone.utc).timestamp()])
def test_a_clock_that_was_never_set_installs_nothing_until_it_is(site, at_s):
    site.machine = MachineClock(at_s, synced=False)
    with pytest.raises(UnavailableError, match="clock is not set"):
        site.look()
    assert not site.server.asked
    site.machine.wall_s = time.time()
    site.look()


def test_a_clock_behind_the_newest_time_seen_is_not_believed(site):
    site.look()
    site.machine = MachineClock(time.time() - 86400, synced=False)
    with pytest.raises(UnavailableError, match="clock is not set"):
        site.look()


def test_a_time_that_nobody_vouched_for_is_no_floor(site):
    site.machine = MachineClock(time.time() + 86400 * 20, synced=False)
    site.look()
    site.machine = MachineClock(time.time(), synced=False)
    site.look()


@pytest.mark.parametrize(
    ("custom", "why"),
    [
        ({"min_agent": "999.0.0"}, r"needs Sfumato 999\.0\.0 or newer"),
        ({"version": 7}, "offers world version 7 under the name of world version 1"),
        ({"digest": "0" * 64}, "under the name of"),
        ({"digest": "../../etc"}, "what can't be read: digest"),
        ({"more": 1}, "what can't be read: more"),
    ],
)
def test_an_offer_that_is_not_what_it_should_be_is_refused(site, custom, why):
    site.operator.add(site.bundle, **custom)
    with pytest.raises(RefusedError, match=why):
        site.look()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda target: target.unrecognized_fields.clear(), "what can't be read"),
        (lambda target: target.hashes.update(sha256="0"), "what can't be read: sha256"),
        (lambda target: setattr(target, "hashes", {"sha512": "0" * 128}), "can't be read: sha256"),
        (lambda target: setattr(target, "length", 1 << 40), "what can't be read: length"),
    ],
)
def test_a_target_that_can_not_be_a_bundle_is_refused(site, change, why):
    change(site.target)
    site.operator.publish()
    with pytest.raises(RefusedError, match=why):
        site.look()


def test_only_the_keys_that_root_names_say_what_is_offered(site):
    """A delegation is TUF's way to have others say it."""
    operator, other = site.operator, site.operator.keys["root"][0]
    delegated = DelegatedRole("other", [other.public_key.keyid], 1, terminating=False, paths=["*"])
    keys = {other.public_key.keyid: other.public_key}
    operator.withdraw(site.target)
    operator.delegations = Delegations(keys, {"other": delegated})
    operator.publish()
    with pytest.raises(RefusedError, match="does not offer"):
        site.look()
    assert not [path for path, _ in site.server.asked if "other" in path]


def test_a_file_of_what_was_seen_that_is_damaged_lets_nothing_in(site):
    site.look()
    (site.models / SEEN).write_bytes(b"{")
    with pytest.raises(UnavailableError, match=r"is damaged.* remove it if you know"):
        site.look()
    (site.models / SEEN).unlink()
    site.look()


@pytest.mark.parametrize("data", [b"", b"{}", b"\xff"])
def test_a_root_that_is_none_is_waited_for(site, data):
    (site.models.parent / "root.json").write_bytes(data)
    with pytest.raises(UnavailableError, match=r"root\.json: no root of a repository"):
        site.look()


def test_a_root_that_is_missing_is_waited_for(site):
    (site.models.parent / "root.json").unlink()
    with pytest.raises(UnavailableError, match=r"root\.json: No such file"):
        site.look()


def test_another_root_begins_anew(site, tmp_path, bundle):
    """A person gave the device another repository; what was seen of the old one says nothing."""
    site.operator.rotate("timestamp")
    site.look()
    (tmp_path / "other").mkdir()
    with (other := Site(tmp_path / "other", bundle)).server:
        other.models = site.models
        other.look()
        assert read_seen(site.models / SEEN).root == 1


def test_where_nothing_can_be_kept_nothing_is_offered(site):
    site.models.write_bytes(b"a file")
    with pytest.raises(UnavailableError, match="models"):
        site.look()


def test_a_server_that_stalls_is_away(site):
    site.server.lie("timestamp.json", lambda to: to.over.wait(10))
    with pytest.raises(UnavailableError, match="stopped sending"):
        site.look()


def test_versions_count_for_as_long_as_one_of_their_keys_signs():
    none = Seen(root_sha256="a" * 64, root=1, roles={})

    def seen(version, *keys):
        return SeenRole(version=version, keys=keys)

    def at(role):
        return none.model_copy(update={"roles": {"timestamp": role}})

    assert at(seen(5, "a", "b")).older(at(seen(4, "b", "c"))) == "timestamp 4, after 5"
    assert at(seen(5, "a")).older(at(seen(5, "a"))) is None
    assert at(seen(5, "a")).older(at(seen(1, "b"))) is None
    assert at(seen(5, "a")).older(none) == "timestamp gone, after 5"
