"""A repository that `sfumato ctl repo` makes, and a device that looks at it."""

import time

import pytest
from lying_server import LyingServer
from machine_clock import MachineClock
from networks import computing_network
from precisions import write_precisions
from tuf.api.metadata import Metadata

from agent.control.clock import EventClock
from agent.fleet.repository.keys import RepositoryKey, sign
from agent.fleet.repository.repository import Repository as OperatorsRepository
from agent.fleet.repository.roles import root_of
from agent.update.ports import RefusedError, UnavailableError
from agent.update.repository import Repository
from agent.update.wanted import Wanted
from agent.update.web_server import Server
from models.bundle import Bundle, sign_bundle
from models.signing import PrivateKey


class Site:
    """An operator with three keys, a web server of the folder, and a device."""

    def __init__(self, folder):
        self.files, self.models = folder / "repository", folder / "models"
        self.root, self.release, self.online, self.office = (_key() for _ in range(4))
        self.operator().init(root_of([self.root], [self.release], [self.online]))
        self.server = LyingServer(self.files)
        self.bundle = write_precisions(folder / "b.sfm", {"fp32": computing_network()})
        sign_bundle(self.bundle, self.bundle, self.office.private)
        bundle = Bundle.open(self.bundle, [self.office.public])
        name, version = bundle.manifest.name, bundle.manifest.version
        self.wanted = Wanted(rev=1, name=name, version=version, digest=bundle.digest)

    def operator(self, *more):
        return OperatorsRepository(self.files, [self.root, self.release, self.online, *more])

    def add(self):
        (offer,) = self.operator().add([self.bundle], [self.office.public])
        return offer

    def look(self):
        with Server(self.server.url) as server:
            clock = EventClock(MachineClock(time.time()).clock())
            first = self.files / "metadata" / "1.root.json"
            return Repository(server, first, self.models, clock).offer(self.wanted)


def _key():
    private = PrivateKey.generate()
    return RepositoryKey(private.public, private)


@pytest.fixture
def site(tmp_path):
    with (site := Site(tmp_path)).server:
        yield site


def test_what_an_operator_adds_is_offered_until_it_is_withdrawn(site):
    with pytest.raises(RefusedError, match="does not offer world version 1"):
        site.look()
    offer = site.add()
    assert site.look() == offer
    site.operator().refresh()
    assert site.look() == offer
    site.operator().withdraw("world", None)
    with pytest.raises(RefusedError, match="does not offer world version 1, or no longer"):
        site.look()


def test_a_thief_of_the_online_key_is_shut_out_by_rotation(site):
    offer = site.add()
    path = site.files / "metadata" / "timestamp.json"
    own = path.read_bytes()
    stolen = Metadata.from_bytes(own)
    stolen.signed.version = 10**9
    root = Metadata.from_file(str(site.files / "metadata" / "1.root.json")).signed
    sign(stolen, [site.online], [root])
    path.write_bytes(stolen.to_bytes())
    site.look()
    path.write_bytes(own)
    site.operator().refresh()
    with pytest.raises(UnavailableError, match="older copy"):
        site.look()
    fresh = _key()
    site.operator(fresh).rotate(root_of([], [], [fresh], before=root))
    assert site.look() == offer
    path.write_bytes(stolen.to_bytes())
    with pytest.raises(RefusedError, match="timestamp was signed by 0/1 keys"):
        site.look()
