"""Which pictures build on damaged ones."""

from agent.video.gstreamer.suspicion import Suspicion


def suspects(pictures, lost, delay=0):
    """Which of `pictures` (packet's number, is it a key) are, if `lost` says when which is lost."""
    suspicion, found = Suspicion(delay), []
    for at, (number, is_key) in enumerate(pictures):
        if at in lost:
            suspicion.lost(lost[at])
        found.append(suspicion.of(number, is_key=is_key))
    return [at for at, suspect in enumerate(found) if suspect]


def test_nothing_is_while_nothing_is_lost():
    assert suspects([(n, n % 5 == 0) for n in range(20)], {}) == []


def test_it_ends_with_the_next_key_picture_that_was_fed_later():
    pictures = [(n, n % 5 == 0) for n in range(20)]
    assert suspects(pictures, {7: 7}) == [7, 8, 9]
    assert suspects(pictures, {4: 5}) == [5, 6, 7, 8, 9]  # a key picture that is itself lost
    assert suspects(pictures, {7: 7, 9: 11}) == [*range(7, 15)]


def test_what_is_lost_long_before_its_turn_is_suspect_in_its_turn():
    pictures = [(n, n % 10 == 0) for n in range(40)]
    assert suspects(pictures, {2: 25}) == [*range(25, 30)]
    assert suspects(pictures, {2: 25}, delay=2) == [*range(23, 30)]


def test_a_picture_of_no_packet_ends_nothing():
    assert suspects([(0, True), (None, True), (2, False), (3, True)], {1: 1}) == [1, 2]
