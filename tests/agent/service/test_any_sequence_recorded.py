"""Any sequence of what can happen to an agent: what it recorded, what it answered, what it runs."""

import os
import random
import time
from itertools import pairwise

import av
import pytest
from broker import Broker
from networks import PLACE, network
from onlooker import Onlooker, until
from running_agent import RunningAgent, configured, segments
from worlds import bright_clip, leaks, lumas, write_world_bundle

pytestmark = pytest.mark.slow

STEPS = 40
SEEDS = [int(os.environ["SFUMATO_SEED"])] if "SFUMATO_SEED" in os.environ else [1]
STREAMS = ("door", "yard")
EVERY = (1, 3, 5)
OPS = ("ping", "pause", "resume", "restart", "snapshot", "self_test")


class Site:
    """An agent at a broker, and what happens to them; a context.

    Attributes:
        rev: of the configuration that was desired last.
    """

    def __init__(self, folder, dice, broker, onlooker):
        self._dice, self._broker, self._onlooker = dice, broker, onlooker
        clip = bright_clip(folder / "clip.mp4", PLACE, frames=50)
        bundle = write_world_bundle(folder / "world.sfm", network())
        source = {"url": str(clip), "realtime": True, "loop": True}
        streams = {name: {"source": source, "effect": "solid"} for name in STREAMS}
        self._config = configured(
            bundle,
            streams,
            record={"dir": str(folder / "video"), "segment_s": 2, "keep": {"free": None}},
            mqtt={"host": "127.0.0.1", "port": broker.port, "jitter_s": 0},
        )
        (folder / "state").mkdir()
        environment = {"STATE_DIRECTORY": str(folder / "state")}
        self.agent = RunningAgent(folder, self._config, environment=environment)
        self._commands = self._meetings = self.rev = 0

    def __enter__(self):
        self.agent.__enter__()
        return self

    def __exit__(self, *error):
        self.agent.__exit__(*error)

    def command(self):
        self._commands += 1
        op = self._dice.choice(OPS)
        named = op in ("pause", "resume", "restart", "snapshot")
        args = {"stream": self._dice.choice(STREAMS)} if named else {}
        self._onlooker.order(op, f"c{self._commands}", args)

    def configure(self):
        """From afar: the same streams, looked at more often, or less."""
        self.rev += 1
        streams = self._config["streams"]
        every = self._dice.choice(EVERY)
        self._onlooker.configure(
            self.rev, {name: {**stream, "every": every} for name, stream in streams.items()}
        )

    def reload(self):
        """The file on the device says something else."""
        margin = self._dice.choice((0, 0.03))
        self.agent.configure({**self._config, "defaults": {"margin": margin}})
        self.agent.ready().reload()

    def kill(self):
        self.agent.__exit__()
        self.agent.told.clear()
        self.agent.__enter__()

    def restart(self):
        self.agent.ready()
        assert self.agent.stop() == 0
        self.kill()

    def disconnect(self):
        (self._broker.kill if self._dice.random() < 0.5 else self._broker.term)()
        self._broker.start()

    def meet(self):
        """Wait until it is connected, and has said and done what there was by then."""
        self._meetings += 1
        name, asked_s = f"meet-{self._meetings}", 0.0

        def answered():
            nonlocal asked_s
            if time.monotonic() - asked_s > 1:  # a broker that was killed has forgotten it
                asked_s = time.monotonic()
                self._onlooker.order("ping", name)
            return self._onlooker.answers(name)

        until(answered)

    def step(self):
        often = {self.command: 6, self.configure: 2, self.reload: 2, self.disconnect: 2}
        often |= {self.kill: 1, self.restart: 0.5, self.meet: 3}
        self._dice.choices([*often], [*often.values()])[0]()


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_happens_what_is_recorded_is_hidden_and_in_order(tmp_path, seed):
    print(f"SFUMATO_SEED={seed}")  # noqa: T201 for whoever wants to see it again
    dice = random.Random(seed)  # noqa: S311 nothing secret
    (tmp_path / "broker").mkdir()
    with (
        Broker(tmp_path / "broker", persistence="debian_default") as broker,
        Onlooker(broker) as onlooker,
        Site(tmp_path, dice, broker, onlooker) as site,
    ):
        agent = site.agent.ready()
        for _ in range(STEPS):
            site.step()
        site.kill()  # whatever it waited for, it tries again at once
        agent.ready()
        site.meet()
        site.configure()
        for name, (op, args) in [*onlooker.sent.items()]:
            if not onlooker.answers(name):  # a killed broker forgets them
                onlooker.order(op, name, args)
        onlooker.wait(lambda: all(onlooker.answers(name) for name in onlooker.sent))
        onlooker.wait(lambda: onlooker.newest("config/reported")["rev"] == site.rev)
        assert onlooker.newest("config/reported")["applied"], onlooker.newest("config/reported")
        for name in onlooker.sent:
            ends = onlooker.answers(name)
            assert all(end == ends[0] for end in ends), (name, ends)

        assert onlooker.ask("resume", "last")["state"] == "done"
        onlooker.wait(
            lambda: (
                {each["state"] for each in onlooker.newest("streams")["streams"].values()}
                == {"running"}
            )
        )
        before = {name: agent.stream(name, "output_frames_total") for name in STREAMS}
        agent.until(
            lambda: all(
                agent.stream(name, "output_frames_total") > before[name] + 25 for name in STREAMS
            )
        )
        reported = onlooker.newest("model/reported")["active"]
        assert reported == onlooker.newest("info")["model"]
        assert (reported["name"], reported["precision"]) == ("world", "fp32")
        assert agent.stop() == 0
    for name in STREAMS:
        recorded = segments(tmp_path, name)
        assert len(recorded) > 2
        for path in recorded:
            pictures = lumas(path)
            assert pictures, path
            assert not leaks(pictures), path
            assert is_in_order(path), path
    assert "Traceback" not in agent.said()


def is_in_order(path):
    """Whether each frame is there once, after the one before it."""
    with av.open(str(path)) as container:
        times = [frame.pts for frame in container.decode(video=0)]
    return all(before < after for before, after in pairwise(times))
