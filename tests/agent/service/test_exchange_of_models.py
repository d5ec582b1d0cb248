"""A real agent whose model changes while its streams run: no gap, and back from what is bad."""

import itertools
from fractions import Fraction

import av
import pytest
from moods import write_moody_bundle
from networks import PLACE
from running_agent import TIMEOUT_S, RunningAgent, configured
from worlds import BLACK, Thing, World, covered_whole, leaks, lumas

from agent.update.record import Held
from agent.update.store import Store
from agent.update.verbs import RefusedVerbError, activate, rollback, stage, wait_for
from models.bundle import Bundle

pytestmark = pytest.mark.slow

WIDE = (PLACE[0] - 10, PLACE[1] - 10, PLACE[2] + 10, PLACE[3] + 10)
"""Where the newer models see a person: what they hide is told from what the first one hides."""
BETWEEN = WIDE[1] - 2, WIDE[0] - 2
"""Row and column of a pixel that only they hide."""

STREAMS = ("door", "yard")
PROBATION_S = 5
TICK = Fraction(1, 25)


class Site:
    """An agent with two cameras that show something bright on a ground that glares.

    Attributes:
        digests: of the bundles, by name.
    """

    def __init__(self, folder, **model):
        self.folder = folder
        self.digests = {}
        self.store = Store(folder / "agent.yaml.state")
        thing = Thing(lambda _: (PLACE[0] + 2, PLACE[1] + 2), size=(28, 28))
        clip = World(thing, frames=250, cuts=[0]).write(folder / "clip.mp4")
        source = {"url": str(clip), "realtime": True, "loop": True}
        streams = {
            name: {
                "source": source,
                "effect": "solid",
                "every": 1,
                "sink": {"file": str(folder / f"{name}.mp4")},
            }
            for name in STREAMS
        }
        update = {
            "repository": "http://127.0.0.1:9/",
            "root": "root.json",
            "probation_s": PROBATION_S,
        }
        config = configured(self.bundle("first", "fine", 1, PLACE), streams, update=update)
        config["model"] |= model
        self.agent = RunningAgent(folder, config)

    def bundle(self, name, mood, version, place=WIDE):
        path = self.folder / f"{name}.sfm"
        self.digests[name] = write_moody_bundle(path, mood, version=version, place=place)
        return path

    def activate(self, name):
        """Have a bundle run, as `sfumato model` does; what came of that."""
        path = self.folder / f"{name}.sfm"
        bundle = Bundle.open(path, allow_unsigned=True)
        manifest = bundle.manifest
        held = Held(digest=bundle.digest, name=manifest.name, version=manifest.version)
        with path.open("rb") as file:
            stage(self.store, file, held)
        activate(self.store, held.digest)
        try:
            assert wait_for(self.store, held, TIMEOUT_S), self.agent.said()
        except RefusedVerbError as error:
            return str(error)
        return "committed"

    def frames(self, count, since=0):
        """Wait until every stream wrote so many more."""
        self.agent.until(
            lambda: all(
                self.agent.stream(name, "output_frames_total") >= since + count for name in STREAMS
            )
        )

    def written(self):
        return max(self.agent.stream(name, "output_frames_total") for name in STREAMS)

    def pictures(self, name):
        """Every picture of a stream; there is one for each frame of its source, at its time."""
        path = self.folder / f"{name}.mp4"
        with av.open(str(path)) as container:
            times = [frame.pts * frame.time_base for frame in container.decode(video=0)]
        assert {later - earlier for earlier, later in itertools.pairwise(times)} == {TICK}
        return lumas(path)


def changes(pictures):
    """With which pictures another model begins to hide."""
    wide = [bool(picture[BETWEEN] < BLACK) for picture in pictures]
    return [i for i in range(1, len(wide)) if wide[i] != wide[i - 1]]


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path)


@pytest.mark.usefixtures("all_cores")
def test_a_model_takes_over_between_two_frames_and_gives_its_place_back(site):
    """Row 4: every source frame once, none unredacted, none covered whole for the change."""
    site.bundle("second", "fine", 2)
    with site.agent as agent:
        agent.ready()
        site.frames(40)
        assert site.activate("second") == "committed"
        rollback(site.store)
        agent.until(lambda: "world v1 runs" in agent.said().split("version 2: committed")[1])
        site.frames(40, site.written())
        metrics = agent.metrics()
        assert agent.stop() == 0
    for name in STREAMS:
        pictures = site.pictures(name)
        assert len(pictures) >= metrics["sfumato_stream_output_frames_total", ("stream", name)]
        assert leaks(pictures) == {}
        there, back = changes([p for p in pictures if p.max() >= BLACK])
        assert there < back
        whole = covered_whole(pictures)
        assert len(whole) <= 50
        assert all(abs(i - back) <= 50 for i in whole)
    assert "Traceback" not in agent.said()


BAD = {
    "blind": "it hid 0 objects",
    "nan": "frames had to be covered whole",
    "flooded": "objects in a frame, the model before",
    "slow": "a detection takes",
    "hanging": "it hung 2 times",
}


@pytest.mark.usefixtures("all_cores")
def test_bad_models_give_their_place_back_and_never_run_again(tmp_path):
    """Row 5: within their probation, and what has to be covered whole is 2 s at most, each time."""
    site = Site(tmp_path, detect_timeout_s=2)
    for version, mood in enumerate(BAD, 2):
        site.bundle(mood, mood, version)
    with site.agent as agent:
        agent.ready()
        for mood, reason in BAD.items():
            site.frames(25 * (PROBATION_S + 1), site.written())
            said = site.activate(mood)
            assert "rolled back" in said, mood
            assert reason in said
        assert agent.stop() == 0
    assert site.store.read().refused.keys() == {site.digests[mood] for mood in BAD}
    for name in STREAMS:
        pictures = site.pictures(name)
        whole = covered_whole(pictures)
        stretches = [i for i, _ in enumerate(whole) if i == 0 or whole[i] > whole[i - 1] + 50]
        lengths = [
            end - start for start, end in zip(stretches, [*stretches[1:], len(whole)], strict=True)
        ]
        assert max(lengths) <= 50, whole
        assert len(leaks(pictures)) <= 50  # which no one but the blind one showed
    assert "Traceback" not in agent.said()
