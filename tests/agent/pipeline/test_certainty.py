"""When a frame may leave, and which fault covers it: as tables, without clock or detector."""

import pytest

from agent.pipeline.certainty import LOOK_AHEAD, NO_KEYFRAME, Certainty, Settled


def certainty(*settled, look_ahead=True):
    made = Certainty(look_ahead=look_ahead)
    for keyframe in settled:
        made.settle(Settled(*keyframe))
    return made


# Settled keyframes (index, scene, fault), then a frame's index and scene, then its fault.
FAULTS = [
    ("nothing was seen yet", [], 0, 0, NO_KEYFRAME),
    ("a good keyframe vouches for itself", [(0, 0)], 0, 0, None),
    ("a bad keyframe is covered for its fault", [(0, 0, "late")], 0, 0, "late"),
    ("between two good ones", [(0, 0), (5, 0)], 3, 0, None),
    ("before the first one", [(5, 0)], 3, 0, NO_KEYFRAME),
    ("behind the last one", [(0, 0)], 3, 0, NO_KEYFRAME),
    ("a bad one before", [(0, 0, "late"), (5, 0)], 3, 0, "late"),
    ("a bad one after", [(0, 0), (5, 0, "late")], 3, 0, "late"),
    ("a good keyframe between bad ones", [(0, 0, "a"), (5, 0), (10, 0, "b")], 5, 0, None),
    ("the one before is of another scene", [(0, 0), (5, 1)], 3, 1, NO_KEYFRAME),
    ("the one after is of another scene", [(0, 0), (5, 1)], 3, 0, NO_KEYFRAME),
    ("its own fault comes before a cut", [(0, 0, "late"), (5, 1)], 3, 1, "late"),
]


@pytest.mark.parametrize(("settled", "index", "scene", "fault"), [row[1:] for row in FAULTS],
                         ids=[row[0] for row in FAULTS])  # fmt: skip
def test_faults_with_look_ahead(settled, index, scene, fault):
    assert certainty(*settled).fault(index, scene) == fault


@pytest.mark.parametrize(
    ("settled", "index", "scene", "fault"),
    [
        ([(0, 0)], 3, 0, None),  # nothing later is waited for
        ([(0, 0, "late")], 3, 0, "late"),
        ([(0, 0), (5, 0, "late")], 3, 0, None),
        ([(0, 0)], 3, 1, NO_KEYFRAME),
        ([], 3, 0, NO_KEYFRAME),
    ],
)
def test_faults_without_look_ahead(settled, index, scene, fault):
    assert certainty(*settled, look_ahead=False).fault(index, scene) == fault


EVERY = [(5 * i, 0) for i in range(10)]

# Settled keyframes, the frame's index and scene, the newest scene, the earliest open keyframe's
# scene, and whether the frame may leave.
LEAVING = [
    ("too few keyframes behind it", EVERY[:LOOK_AHEAD], 3, 0, 0, 0, False),
    ("enough keyframes behind it", EVERY[: LOOK_AHEAD + 1], 3, 0, 0, 0, True),
    ("a keyframe counts those behind it", EVERY[: LOOK_AHEAD + 1], 0, 0, 0, 0, True),
    ("and not itself", EVERY[: LOOK_AHEAD + 1], 5, 0, 0, 0, False),
    ("its scene has ended and all of it is settled", [(0, 0)], 0, 0, 1, None, True),
    ("a keyframe of the next scene may be open", [(0, 0)], 0, 0, 1, 1, True),
    ("one of its own may not", [(0, 0)], 0, 0, 1, 0, False),
    ("its scene goes on", [(0, 0)], 0, 0, 0, None, False),
    ("bad keyframes count too", [(5 * i, 0, "late") for i in range(9)], 3, 0, 0, 0, True),
]


@pytest.mark.parametrize(
    ("settled", "index", "scene", "newest", "open_scene", "may"),
    [row[1:] for row in LEAVING],
    ids=[row[0] for row in LEAVING],
)
def test_leaving(settled, index, scene, newest, open_scene, may):
    assert certainty(*settled).may_leave(index, scene, newest, open_scene) is may
    assert certainty(look_ahead=False).may_leave(index, scene, newest, open_scene)


def test_what_is_forgotten_changes_no_answer_behind_it():
    whole, cut = certainty(*EVERY), certainty(*EVERY)
    assert not cut.forget(3)
    assert cut.forget(33)
    assert len(cut) < len(whole)
    assert cut.first_index <= 30
    for index in range(33, 50):
        assert cut.fault(index, 0) == whole.fault(index, 0)
        assert cut.may_leave(index, 0, 0, 0) is whole.may_leave(index, 0, 0, 0)
