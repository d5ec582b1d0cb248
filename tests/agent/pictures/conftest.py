"""A run to draw, and how to look at what was drawn."""

from array import array
from fractions import Fraction

import cv2
import numpy as np
import pytest
import worlds
from worlds import SOLID, Eyes, Thing, World, linear

from agent.blur import Watcher, blur
from agent.pictures.contact_sheet import ContactSheet
from agent.pipeline.run_journal import RunJournal, TrackSpan


class Collector(Watcher):
    """Keeps what pictures are made of."""

    def __init__(self):
        self.sheet = ContactSheet(Fraction(1))

    def wrote(self, frame, cover):
        self.sheet.add(frame, cover)

    def started(self, _info, _pipeline, journal):
        self.journal = journal


@pytest.fixture(scope="session")
def ran(tmp_path_factory):
    """RunJournal, report and sheet of a clip in which a person walks and a car passes."""
    folder = tmp_path_factory.mktemp("run")
    walks = Thing(linear(10, 8, 2), luma=200)
    passes = Thing(linear(0, 60, 3, born=10, dies=30), luma=170, class_id=1)
    world = World(walks, passes)
    source, collector = world.write(folder / "in.mp4"), Collector()
    report = blur(
        source,
        folder / "out.mp4",
        worlds.world_bundle(folder),
        SOLID,
        watcher=collector,
        detector=Eyes(world),
    )
    return collector.journal, report, collector.sheet


@pytest.fixture
def report(ran):
    return ran[1]


@pytest.fixture(scope="session")
def picture():
    """A PNG's pixels: uint8 [h, w, 3] RGB."""

    def decoded(png):
        return cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]

    return decoded


@pytest.fixture(scope="session")
def journal_of():
    def made(frames, tracks=(), whole=None, every=5):
        journal = RunJournal()
        counts = np.zeros(frames, np.int64)
        for number, (label, first, last) in enumerate(tracks, 1):
            journal.tracks[number] = TrackSpan(number, label, first, last)
            counts[first : last + 1] += 1
        journal.hidden = array("H", counts.tolist())
        journal.keyframes = array("Q", range(0, frames, every))
        journal.whole = whole or {}
        return journal

    return made
